// SPDX-License-Identifier: Apache-2.0
#include "aws/impl/stream_answers.hpp"

#include <utility>

#include "aws/errors.hpp"
#include "json/read_into.hpp"

namespace dynamirror::aws::impl {
namespace {

using json::read_into;

Status read_sequence(std::optional<model::SequenceNumber>& out, json::Value& value) {
  if (value.consume_null()) return {};
  const auto text = value.string();
  if (!text) return std::unexpected(text.error());
  auto sequence = model::SequenceNumber::parse(*text);
  if (!sequence) return std::unexpected(std::move(sequence.error()));
  out = *sequence;
  return {};
}

Status read_next_iterator(RecordsPage& page, json::Value& value) {
  if (value.consume_null()) return {};
  const auto iterator = value.string();
  if (!iterator) return std::unexpected(iterator.error());
  if (page.next_iterator) return refuse("the member NextShardIterator is given twice");
  page.next_iterator = *iterator;
  return {};
}

Status read_behind(RecordsPage& page, json::Value& value) {
  if (value.consume_null()) return {};
  const auto milliseconds = value.number();
  if (!milliseconds) return std::unexpected(milliseconds.error());
  page.behind = *milliseconds > 0;
  return {};
}

}  // namespace

std::unexpected<Error> in_answer(Error error, std::string_view operation, std::string resource,
                                 const ApiAnswer& answer) {
  error.doing = "read the answer of " + std::string(operation);
  error.resource = std::move(resource);
  error.request_id = answer.request_id;
  return unreadable_answer(std::move(error));
}

Status read_sequence_range(model::Shard& shard, json::Value& range) {
  return range.for_each_member([&](std::string_view end, json::Value& sequence) -> Status {
    if (end == "StartingSequenceNumber") return read_sequence(shard.first_sequence, sequence);
    if (end == "EndingSequenceNumber") return read_sequence(shard.last_sequence, sequence);
    return {};
  });
}

Result<std::string> parse_shard_iterator(std::string& body, json::Reader& reader) {
  std::string iterator;
  auto status = reader.read(body, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      return name == "ShardIterator" ? read_into(iterator, member) : Status{};
    });
  });
  if (!status) return std::unexpected(std::move(status.error()));
  if (iterator.empty()) return refuse("the answer has no ShardIterator");
  return iterator;
}

Status read_records(std::string& body, json::Reader& reader, RecordsPage& page,
                    FunctionRef<Status(json::Value& record)> read_record) {
  bool has_records = false;
  auto status = reader.read(body, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name == "NextShardIterator") return read_next_iterator(page, member);
      if (name == "MillisBehindLatest") return read_behind(page, member);
      if (name != "Records") return {};
      if (std::exchange(has_records, true)) return refuse("the member Records is given twice");
      return member.for_each_element(read_record);
    });
  });
  if (status && !has_records) status = refuse("the answer has no Records");
  if (status) return status;
  status.error().error_class = ErrorClass::kFatal;
  status.error().doing = "read stream records";
  return status;
}

}  // namespace dynamirror::aws::impl
