// SPDX-License-Identifier: Apache-2.0
#include "aws/streams/client.hpp"

#include <array>
#include <cassert>
#include <utility>
#include <variant>

#include "aws/errors.hpp"
#include "aws/impl/stream_answers.hpp"
#include "json/read_into.hpp"
#include "json/writer.hpp"

namespace dynamirror::aws {
namespace {

using json::read_into;

std::string describe(const StreamArn& stream, const ShardId& shard) {
  return aws::describe(stream) + " shard " + shard.str();
}

template <class Tag>
Status read_id(StrongId<Tag>& out, json::Value& value) {
  const auto text = value.string();
  if (!text) return std::unexpected(text.error());
  out = StrongId<Tag>(std::string(*text));
  return {};
}

template <class Tag>
Status read_id(std::optional<StrongId<Tag>>& out, json::Value& value) {
  return value.consume_null() ? Status{} : read_id(out.emplace(), value);
}

Status read_parent(model::Shard& shard, json::Value& value) {
  std::optional<ShardId> parent;
  if (auto read = read_id(parent, value); !read) return read;
  if (parent) shard.parents.push_back(std::move(*parent));
  return {};
}

Status read_shard(model::Shard& shard, json::Value& value) {
  auto status = value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "ShardId") return read_id(shard.id, member);
    if (name == "ParentShardId") return read_parent(shard, member);
    return name == "SequenceNumberRange" ? impl::read_sequence_range(shard, member) : Status{};
  });
  if (status && shard.id.empty()) return impl::refuse("a shard without ShardId");
  return status;
}

Status read_key_element(StreamDescription& stream, json::Value& value) {
  std::string attribute;
  std::string role;
  auto status = value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "AttributeName") return read_into(attribute, member);
    if (name == "KeyType") return read_into(role, member);
    return {};
  });
  if (role == "HASH") {
    stream.hash_name = std::move(attribute);
  } else if (role == "RANGE") {
    stream.range_name = std::move(attribute);
  }
  return status;
}

Status read_stream_member(StreamDescription& stream, std::string_view name, json::Value& member) {
  if (name == "StreamArn") return read_id(stream.arn, member);
  if (name == "StreamStatus") return read_into(stream.status, member);
  if (name == "StreamViewType") return read_into(stream.view_type, member);
  if (name == "TableName") return read_id(stream.table, member);
  if (name == "LastEvaluatedShardId") return read_id(stream.last_evaluated, member);
  if (name == "KeySchema") {
    return member.for_each_element([&](json::Value& element) { return read_key_element(stream, element); });
  }
  if (name == "Shards") {
    return member.for_each_element([&](json::Value& shard) { return read_shard(stream.shards.emplace_back(), shard); });
  }
  return {};
}

Result<StreamDescription> parse_stream_description(std::string& body, json::Reader& reader) {
  StreamDescription stream;
  auto status = reader.read(body, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& description) -> Status {
      if (name != "StreamDescription") return {};
      return description.for_each_member(
          [&](std::string_view inner, json::Value& member) { return read_stream_member(stream, inner, member); });
    });
  });
  if (!status) return std::unexpected(std::move(status.error()));
  if (stream.status.empty()) return impl::refuse("the answer has no StreamStatus");
  return stream;
}

std::string describe_stream_body(const StreamArn& stream, const DescribeStreamOptions& options) {
  std::string body;
  json::Writer json(body);
  json.begin_object().name("StreamArn").string(stream.str()).name("Limit").integer(options.limit);
  if (options.exclusive_start) json.name("ExclusiveStartShardId").string(options.exclusive_start->str());
  if (options.children_of) {
    json.name("ShardFilter").begin_object().name("Type").string("CHILD_SHARDS");
    json.name("ShardId").string(options.children_of->str()).end_object();
  }
  json.end_object();
  return body;
}

std::string shard_iterator_body(const StreamArn& stream, const ShardId& shard, const model::Checkpoint& from) {
  const auto* after = std::get_if<model::AfterSequence>(&from);
  std::string body;
  json::Writer json(body);
  json.begin_object().name("StreamArn").string(stream.str()).name("ShardId").string(shard.str());
  json.name("ShardIteratorType").string(after != nullptr ? "AFTER_SEQUENCE_NUMBER" : model::to_string(from));
  if (after != nullptr) json.name("SequenceNumber").string(after->sequence.text());
  json.end_object();
  return body;
}

}  // namespace

std::string describe(const StreamArn& stream) {
  // arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2026-01-01T00:00:00.000
  std::string_view rest = stream.str();
  std::array<std::string_view, 5> fields;  // up to the account
  for (std::string_view& field : fields) {
    const auto colon = rest.find(':');
    if (colon == std::string_view::npos) return stream.str();
    field = rest.substr(0, colon);
    rest.remove_prefix(colon + 1);
  }
  constexpr std::string_view kTable = "table/";
  constexpr std::string_view kStream = "/stream/";
  const auto label = rest.find(kStream);
  if (!rest.starts_with(kTable) || label == std::string_view::npos) return stream.str();
  const std::string_view table = rest.substr(kTable.size(), label - kTable.size());
  return std::string(fields[3]) + "/" + std::string(table) + " stream " +
         std::string(rest.substr(label + kStream.size()));
}

async::Task<Result<StreamDescription>> StreamsClient::describe_stream(const StreamArn& stream,
                                                                      DescribeStreamOptions options) {
  const std::string resource = describe(stream);
  ApiClient::Call call{.operation = "DescribeStream",
                       .resource = resource,
                       .body = describe_stream_body(stream, options),
                       .return_throttling = true};
  auto answer = co_await api_.call(std::move(call));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  auto description = parse_stream_description(answer->body, reader_);
  if (!description) co_return impl::in_answer(std::move(description.error()), "DescribeStream", resource, *answer);
  co_return std::move(*description);
}

async::Task<Result<std::string>> StreamsClient::get_shard_iterator(const StreamArn& stream, const ShardId& shard,
                                                                   const model::Checkpoint& from) {
  assert(!std::holds_alternative<model::ShardEnd>(from));
  const std::string resource = describe(stream, shard);
  ApiClient::Call call{.operation = "GetShardIterator",
                       .resource = resource,
                       .body = shard_iterator_body(stream, shard, from),
                       .return_throttling = true};
  auto answer = co_await api_.call(std::move(call));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  auto iterator = impl::parse_shard_iterator(answer->body, reader_);
  if (!iterator) co_return impl::in_answer(std::move(iterator.error()), "GetShardIterator", resource, *answer);
  co_return std::move(*iterator);
}

async::Task<Result<RecordsPage>> StreamsClient::get_records(const StreamArn& stream, const model::KeySchema& key,
                                                            GetRecordsOptions options) {
  const std::string resource = describe(stream, options.shard);
  ApiClient::Call call{.operation = "GetRecords", .resource = resource, .body = {}, .return_throttling = true};
  json::Writer json(call.body);
  json.begin_object().name("ShardIterator").string(options.iterator);
  json.name("Limit").integer(options.limit).end_object();
  auto answer = co_await api_.call(std::move(call));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  auto page = parse_records_page(answer->body, key, reader_, options.records);
  if (!page) co_return impl::in_answer(std::move(page.error()), "GetRecords", resource, *answer);
  co_return std::move(*page);
}

}  // namespace dynamirror::aws
