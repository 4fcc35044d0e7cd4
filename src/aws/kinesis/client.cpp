// SPDX-License-Identifier: Apache-2.0
#include "aws/kinesis/client.hpp"

#include <fmt/format.h>

#include <cassert>
#include <cmath>
#include <utility>
#include <variant>

#include "aws/errors.hpp"
#include "aws/impl/stream_answers.hpp"
#include "aws/kinesis/records_page.hpp"
#include "json/read_into.hpp"
#include "json/writer.hpp"

namespace dynamirror::aws {
namespace {

using json::read_into;

Status read_parent(model::Shard& shard, json::Value& value) {
  std::optional<std::string> parent;
  if (auto read = read_into(parent, value); !read) return read;
  if (parent && !parent->empty()) shard.parents.emplace_back(std::move(*parent));
  return {};
}

Status read_hash_keys(model::Shard& shard, json::Value& value) {
  model::HashKeyRange range;
  auto status = value.for_each_member([&](std::string_view end, json::Value& key) -> Status {
    if (end == "StartingHashKey") return read_into(range.first, key);
    if (end == "EndingHashKey") return read_into(range.last, key);
    return {};
  });
  if (status && !range.first.empty() && !range.last.empty()) shard.hash_keys = std::move(range);
  return status;
}

/// A shard that came of a merge has two parents.
Status read_shard(model::Shard& shard, json::Value& value) {
  auto status = value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "ShardId") {
      std::string id;
      auto read = read_into(id, member);
      shard.id = ShardId(std::move(id));
      return read;
    }
    if (name == "ParentShardId" || name == "AdjacentParentShardId") return read_parent(shard, member);
    if (name == "HashKeyRange") return read_hash_keys(shard, member);
    return name == "SequenceNumberRange" ? impl::read_sequence_range(shard, member) : Status{};
  });
  if (status && shard.id.empty()) return impl::refuse("a shard without ShardId");
  return status;
}

Result<KinesisShardPage> parse_shards(std::string& body, json::Reader& reader) {
  KinesisShardPage page;
  bool has_shards = false;
  auto status = reader.read(body, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name == "NextToken") return read_into(page.next_token, member);
      if (name != "Shards") return {};
      has_shards = true;
      return member.for_each_element([&](json::Value& shard) { return read_shard(page.shards.emplace_back(), shard); });
    });
  });
  if (!status) return std::unexpected(std::move(status.error()));
  if (!has_shards) return impl::refuse("the answer has no Shards");
  return page;
}

Result<KinesisStreamSummary> parse_summary(std::string& body, json::Reader& reader) {
  std::string arn;
  std::int64_t hours = 0;
  double created = 0;
  KinesisStreamSummary summary{};
  auto status = reader.read(body, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view outer, json::Value& description) -> Status {
      if (outer != "StreamDescriptionSummary") return {};
      return description.for_each_member([&](std::string_view name, json::Value& member) -> Status {
        if (name == "StreamARN") return read_into(arn, member);
        if (name == "StreamStatus") return read_into(summary.status, member);
        if (name == "RetentionPeriodHours") return read_into(hours, member);
        if (name == "StreamCreationTimestamp") return read_into(created, member);
        return {};
      });
    });
  });
  if (!status) return std::unexpected(std::move(status.error()));
  if (summary.status.empty() || arn.empty()) return impl::refuse("the answer has no StreamStatus, or no StreamARN");
  if (hours <= 0 || hours > 24 * 366) return impl::refuse("the answer has no RetentionPeriodHours that can be");
  summary.arn = StreamArn(std::move(arn));
  summary.retention = std::chrono::hours(hours);
  if (created > 0 && created < 9e9) summary.created = WallTime(std::chrono::milliseconds(std::llround(created * 1e3)));
  return summary;
}

void name_stream(json::Writer& json, const KinesisStreamName& stream) {
  if (stream.arn.empty()) {
    json.name("StreamName").string(stream.name);
  } else {
    json.name("StreamARN").string(stream.arn.str());
  }
}

/// Seconds since the epoch, to the millisecond that the service looks at.
std::string timestamp(WallTime time) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  return fmt::format("{}.{:03}", milliseconds / 1'000, milliseconds % 1'000);
}

std::string iterator_body(const KinesisStreamName& stream, const KinesisClient::IteratorAt& where) {
  std::string body;
  json::Writer json(body);
  json.begin_object();
  name_stream(json, stream);
  json.name("ShardId").string(where.shard.str()).name("ShardIteratorType");
  if (const auto* after = std::get_if<model::AfterSequence>(&where.from)) {
    json.string(where.inclusive ? "AT_SEQUENCE_NUMBER" : "AFTER_SEQUENCE_NUMBER");
    json.name("StartingSequenceNumber").string(after->sequence.text());
  } else if (const auto* start = std::get_if<model::AtTimestamp>(&where.from)) {
    json.string("AT_TIMESTAMP").name("Timestamp").raw(timestamp(start->time.value()));
  } else {
    json.string(model::to_string(where.from));
  }
  json.end_object();
  return body;
}

}  // namespace

std::string KinesisClient::shard_resource(const ShardId& shard) const {
  return stream_.display + " shard " + shard.str();
}

async::Task<Result<KinesisStreamSummary>> KinesisClient::describe_stream_summary() {
  ApiClient::Call call{.operation = "DescribeStreamSummary", .resource = stream_.display, .body = {}};
  json::Writer json(call.body);
  json.begin_object();
  name_stream(json, stream_);
  json.end_object();
  auto answer = co_await api_.call(std::move(call));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  auto summary = parse_summary(answer->body, reader_);
  if (!summary)
    co_return impl::in_answer(std::move(summary.error()), "DescribeStreamSummary", stream_.display, *answer);
  co_return std::move(*summary);
}

async::Task<Result<KinesisShardPage>> KinesisClient::list_shards(ListShards options) {
  ApiClient::Call call{.operation = "ListShards", .resource = stream_.display, .body = {}, .return_throttling = true};
  json::Writer json(call.body);
  json.begin_object();
  if (options.next_token) {
    json.name("NextToken").string(*options.next_token);  // names the stream, too; the service refuses both
  } else {
    name_stream(json, stream_);
    if (options.after) json.name("ExclusiveStartShardId").string(options.after->str());
  }
  json.end_object();
  auto answer = co_await api_.call(std::move(call));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  auto page = parse_shards(answer->body, reader_);
  if (!page) co_return impl::in_answer(std::move(page.error()), "ListShards", stream_.display, *answer);
  co_return std::move(*page);
}

async::Task<Result<std::string>> KinesisClient::get_shard_iterator(const IteratorAt& where) {
  assert(!std::holds_alternative<model::ShardEnd>(where.from));
  const std::string resource = shard_resource(where.shard);
  ApiClient::Call call{.operation = "GetShardIterator",
                       .resource = resource,
                       .body = iterator_body(stream_, where),
                       .return_throttling = true};
  auto answer = co_await api_.call(std::move(call));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  auto iterator = impl::parse_shard_iterator(answer->body, reader_);
  if (!iterator) co_return impl::in_answer(std::move(iterator.error()), "GetShardIterator", resource, *answer);
  co_return std::move(*iterator);
}

async::Task<Result<RecordsPage>> KinesisClient::get_records(KinesisRecordReader& records, const GetRecords& options) {
  const std::string resource = shard_resource(options.shard);
  ApiClient::Call call{.operation = "GetRecords", .resource = resource, .body = {}, .return_throttling = true};
  json::Writer json(call.body);
  json.begin_object().name("ShardIterator").string(options.iterator).name("Limit").integer(options.limit);
  if (!stream_.arn.empty()) json.name("StreamARN").string(stream_.arn.str());
  json.end_object();
  auto answer = co_await api_.call(std::move(call));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  auto page = parse_kinesis_page(answer->body, records, reader_);
  if (!page) co_return impl::in_answer(std::move(page.error()), "GetRecords", resource, *answer);
  co_return std::move(*page);
}

}  // namespace dynamirror::aws
