// SPDX-License-Identifier: Apache-2.0
//
// Goal: no line on stdin, from whatever calls itself a MultiLangDaemon, crashes the reader; what it takes is whole.
// Method: the bytes are one line; the page that a message carries is read as the job reads it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "aws/streams/records_page.hpp"
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
  const auto page = dynamirror::aws::parse_records_page(message->page, schema, reader);
  require(page || !page.error().message.empty());
  return 0;
}
