// SPDX-License-Identifier: Apache-2.0
#include "aws/dynamodb/query.hpp"

#include <utility>

#include "aws/errors.hpp"
#include "json/writer.hpp"

namespace dynamirror::aws {
namespace {

std::string query_body(const TableName& table, const QueryOptions& options) {
  std::string body;
  json::Writer json(body);
  json.begin_object().name("TableName").string(table.str());
  json.name("KeyConditionExpression").string("#h = :h");
  json.name("ExpressionAttributeNames").begin_object().name("#h").string(options.hash_name).end_object();
  json.name("ExpressionAttributeValues").begin_object().name(":h").raw(options.hash_value_json).end_object();
  if (!options.start_key_json.empty()) json.name("ExclusiveStartKey").raw(options.start_key_json);
  json.name("ConsistentRead").boolean(true).name("ReturnConsumedCapacity").string("TOTAL").end_object();
  return body;
}

}  // namespace

async::Task<Result<ScanPage>> query(DynamoDbClient& client, TableName table, QueryOptions options) {
  auto answer = co_await client.control("Query", table, query_body(client.name_on_wire(table), options));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  json::Reader reader;
  auto page = ScanPage::parse(std::move(*answer), reader);
  if (page) co_return std::move(*page);
  Error error = std::move(page.error());
  error.doing = "read the answer of Query";
  error.resource = client.resource(table);
  co_return unreadable_answer(std::move(error));
}

}  // namespace dynamirror::aws
