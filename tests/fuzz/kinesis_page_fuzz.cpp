// SPDX-License-Identifier: Apache-2.0
//
// Goal: no bytes that a stream of Kinesis may answer, or that anybody may have put into it, crash us; what we do take
// from them keeps its promises, and what we do not is kept. Method: libFuzzer; the first byte picks how the rest is
// used: as a page, as the data of a record, as the message of an aggregated record (with the MD5 that lets it pass).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "aws/content_hash.hpp"
#include "aws/kinesis/aggregated_record.hpp"
#include "aws/kinesis/record.hpp"
#include "aws/kinesis/records_page.hpp"
#include "json/reader.hpp"
#include "model/base64.hpp"
#include "model/key_canonicalizer.hpp"

namespace dynamirror {
namespace {

/// Not assert(): a fuzz program must fail whatever the build type.
void require(bool promise) {
  if (!promise) std::abort();
}

const model::KeySchema kSchema{{"id", "S"}, model::KeyAttribute{"time", "N"}};

aws::KinesisRecordReader& reader(bool keys_only) {
  static aws::KinesisRecordReader whole({.key = kSchema, .table = TableName("Orders")});
  static aws::KinesisRecordReader keys({.key = kSchema, .keys_only = true});
  return keys_only ? keys : whole;
}

void check_change(const model::Change& change, bool keys_only) {
  model::KeyCanonicalizer keys(kSchema);
  const auto again = keys.from_key(change.key());
  require(again && *again == change.key());
  require(!change.sequence().empty());
  if (keys_only) require(change.is_key_only() && change.image().empty() && change.old_image().empty());
  if (!change.image().empty()) require(change.image().front() == '{' && change.image().back() == '}');
  if (change.is_delete()) require(change.image().empty());
}

void check_page(std::string text, bool keys_only) {
  static json::Reader json;
  const std::string before = text;
  const auto page = aws::parse_kinesis_page(text, reader(keys_only), json);
  require(text == before);
  if (!page) {
    require(page.error().error_class == ErrorClass::kFatal && !page.error().message.empty());
    return;
  }
  for (const model::Change& change : page->changes) check_change(change, keys_only);
  for (const model::UnreadableRecord& record : page->unreadable) {
    require(!record.reason.empty() && !record.sequence.empty() && record.data.size() <= page->bytes);
  }
}

void check_record(std::string_view data, bool keys_only) {
  const auto change = reader(keys_only).read(data, {.sequence = model::SequenceNumber::of(7)});
  if (change) {
    check_change(*change, keys_only);
  } else {
    require(!change.error().empty());
  }
}

void check_aggregated(std::string_view message) {
  const std::string data =
      "\xF3\x89\x9A\xC2" + std::string(message) + model::decode_base64(aws::md5_base64(message)).value();
  for (const auto& within : {aws::records_within(data), aws::records_within(message)}) {
    if (!within) continue;
    require(!within->empty());
    std::size_t bytes = 0;
    for (const std::string_view record : *within) bytes += record.size();
    require(bytes <= data.size());
  }
}

void check_base64(std::string_view bytes) {
  std::string text;
  model::append_base64(text, bytes);
  require(model::decode_base64(text) == bytes);
  if (const auto decoded = model::decode_base64(bytes)) require(decoded->size() <= bytes.size());
}

}  // namespace
}  // namespace dynamirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  const bool keys_only = (data[0] & 0x80) != 0;
  switch (data[0] % 4) {
    case 0:
      dynamirror::check_page(std::string(rest), keys_only);
      break;
    case 1:
      dynamirror::check_record(rest, keys_only);
      break;
    case 2:
      dynamirror::check_aggregated(rest);
      break;
    default:
      dynamirror::check_base64(rest);
  }
  return 0;
}
