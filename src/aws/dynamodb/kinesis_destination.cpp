// SPDX-License-Identifier: Apache-2.0
#include "aws/dynamodb/kinesis_destination.hpp"

#include <string_view>
#include <utility>

#include "aws/errors.hpp"
#include "json/read_into.hpp"
#include "json/writer.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::string_view kDescribe = "DescribeKinesisStreamingDestination";
constexpr std::string_view kEnable = "EnableKinesisStreamingDestination";

std::unexpected<Error> not_understood(std::string_view operation, std::string resource, std::string why) {
  return unreadable_answer({.error_class = ErrorClass::kFatal,
                            .doing = "read the answer of " + std::string(operation),
                            .resource = std::move(resource),
                            .code = {},
                            .message = std::move(why)});
}

Status read_member(KinesisDestination& destination, std::string_view name, json::Value& member) {
  if (name == "StreamArn") {
    std::string arn;
    auto read = json::read_into(arn, member);
    destination.stream = StreamArn(std::move(arn));
    return read;
  }
  if (name == "DestinationStatus") return json::read_into(destination.status, member);
  if (name == "DestinationStatusDescription") return json::read_into(destination.status_reason, member);
  if (name == "ApproximateCreationDateTimePrecision") return json::read_into(destination.precision, member);
  return {};
}

}  // namespace

async::Task<Result<std::vector<KinesisDestination>>> kinesis_destinations(DynamoDbClient& client,
                                                                          const TableName& table) {
  std::string body;
  json::Writer(body).begin_object().name("TableName").string(client.name_on_wire(table).str()).end_object();
  const auto answer = co_await client.control(kDescribe, table, std::move(body));
  if (!answer) co_return std::unexpected(answer.error());
  std::vector<KinesisDestination> destinations;
  bool listed = false;
  json::Reader reader;
  const auto read = reader.read_copy(*answer, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view outer, json::Value& list) -> Status {
      if (outer != "KinesisDataStreamDestinations") return {};
      listed = true;
      return list.for_each_element([&](json::Value& element) {
        KinesisDestination& destination = destinations.emplace_back();
        return element.for_each_member(
            [&](std::string_view name, json::Value& member) { return read_member(destination, name, member); });
      });
    });
  });
  if (!read) co_return not_understood(kDescribe, client.resource(table), read.error().message);
  if (!listed) co_return not_understood(kDescribe, client.resource(table), "it lists no destinations");
  co_return destinations;
}

async::Task<Result<KinesisDestination>> enable_kinesis_destination(DynamoDbClient& client, const TableName& table,
                                                                   const StreamArn& stream) {
  std::string body;
  json::Writer json(body);
  json.begin_object().name("TableName").string(client.name_on_wire(table).str());
  json.name("StreamArn").string(stream.str()).name("EnableKinesisStreamingConfiguration").begin_object();
  json.name("ApproximateCreationDateTimePrecision").string("MICROSECOND").end_object().end_object();
  const auto answer = co_await client.control(kEnable, table, std::move(body));
  if (!answer) co_return std::unexpected(answer.error());
  KinesisDestination destination;
  json::Reader reader;
  const auto read = reader.read_copy(*answer, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name != "EnableKinesisStreamingConfiguration") return read_member(destination, name, member);
      return member.for_each_member(
          [&](std::string_view inner, json::Value& value) { return read_member(destination, inner, value); });
    });
  });
  if (!read) co_return not_understood(kEnable, client.resource(table), read.error().message);
  if (destination.status.empty()) co_return not_understood(kEnable, client.resource(table), "it has no status");
  co_return destination;
}

}  // namespace dynamirror::aws
