// SPDX-License-Identifier: Apache-2.0
//
// Goal: no line on stdin, from whatever calls itself a MultiLangDaemon, crashes the reader; what it takes is whole.
// Method: the bytes are one line; the records that a message carries are read as the job reads them, as those of either
// kind of stream.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "jobs/multilang/delivered_records.hpp"
#include "jobs/multilang/multilang_protocol.hpp"

namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using dynamirror::jobs::DaemonMessage;
  static dynamirror::json::Reader reader;
  static const dynamirror::model::KeySchema schema{{"id", "S"}, {}};
  std::string line(reinterpret_cast<const char*>(data), size);
  auto message = dynamirror::jobs::parse_daemon_message(line, reader);
  if (!message) {
    require(message.error().error_class == dynamirror::ErrorClass::kFatal && !message.error().message.empty());
    return 0;
  }
  require(!message->action.empty());
  require(message->kind != DaemonMessage::Kind::kInitialize || !message->shard.empty());
  if (message->kind != DaemonMessage::Kind::kProcessRecords) return 0;
  static dynamirror::jobs::DeliveredRecords table_stream(schema, {});
  static dynamirror::jobs::DeliveredRecords kinesis(schema, dynamirror::aws::KinesisRecordFormat{.key = schema});
  for (auto* kind : {&table_stream, &kinesis}) {
    const auto records = kind->read(message->records);
    require(records ? records->size() == message->records.size() : !records.error().message.empty());
  }
  return 0;
}
