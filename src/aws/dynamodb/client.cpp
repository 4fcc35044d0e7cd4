// SPDX-License-Identifier: Apache-2.0
#include "aws/dynamodb/client.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "async/sleep.hpp"
#include "aws/errors.hpp"
#include "base/text.hpp"
#include "json/writer.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::size_t kMaxBatch = 25;

/// From these a table does not become usable by waiting.
bool is_hopeless(std::string_view status) {
  constexpr std::array<std::string_view, 4> kHopeless{"DELETING", "ARCHIVING", "ARCHIVED",
                                                      "INACCESSIBLE_ENCRYPTION_CREDENTIALS"};
  return std::find(kHopeless.begin(), kHopeless.end(), status) != kHopeless.end();
}

std::string table_body(const TableName& table) { return R"({"TableName":)" + json_quoted(table.str()) + "}"; }

/// The text of the one member of an answer that matters.
Result<std::string> read_member(std::string& body, std::string_view wanted, json::Reader& reader) {
  std::string text;
  auto status = reader.read(body, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name != wanted) return {};
      const auto raw = member.raw();
      if (!raw) return std::unexpected(raw.error());
      text = *raw;
      return {};
    });
  });
  if (status && !text.empty()) return text;
  return failure(ErrorClass::kFatal, {}, {},
                 status ? "the answer has no " + std::string(wanted) : std::move(status.error().message));
}

std::string write_body(const TableName& table, std::string_view member, std::string_view value,
                       const WriteOptions& options) {
  std::string body;
  body.reserve(value.size() + 256);
  json::Writer json(body);
  json.begin_object().name("TableName").string(table.str()).name(member).raw(value);
  if (!options.update_expression.empty()) json.name("UpdateExpression").string(options.update_expression);
  if (!options.condition_expression.empty()) json.name("ConditionExpression").string(options.condition_expression);
  if (!options.expression_names_json.empty()) json.name("ExpressionAttributeNames").raw(options.expression_names_json);
  if (!options.expression_values_json.empty()) {
    json.name("ExpressionAttributeValues").raw(options.expression_values_json);
  }
  json.name("ReturnConsumedCapacity").string("TOTAL").end_object();
  return body;
}

}  // namespace

struct DynamoDbClient::Request {
  std::string_view operation;
  const TableName& table;
  std::string body;
  bool idempotent = true;
  bool return_throttling = false;
  SteadyTime not_after = kNoDeadline;
};

std::string DynamoDbClient::resource(const TableName& table) const {
  return api_.options().region.str() + "/" + table.str();
}

async::Task<Result<ApiAnswer>> DynamoDbClient::send(Request request) {
  const std::string name = resource(request.table);
  ApiClient::Call call{.operation = request.operation,
                       .resource = name,
                       .body = std::move(request.body),
                       .idempotent = request.idempotent,
                       .return_throttling = request.return_throttling,
                       .not_after = request.not_after};
  co_return co_await api_.call(std::move(call));
}

/// Says of a complaint about an answer which call it belongs to.
std::unexpected<Error> DynamoDbClient::in_answer(Error error, std::string_view operation, const TableName& table,
                                                 const ApiAnswer& answer) const {
  error.doing = "read the answer of " + std::string(operation);
  error.resource = resource(table);
  error.request_id = answer.request_id;
  return unreadable_answer(std::move(error));
}

async::Task<Result<TableDescription>> DynamoDbClient::table_call(Request request, std::string_view member_name) {
  const std::string_view operation = request.operation;
  const TableName& table = request.table;
  auto answer = co_await send(std::move(request));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  auto text = read_member(answer->body, member_name, reader_);
  if (!text) co_return in_answer(std::move(text.error()), operation, table, *answer);
  auto description = parse_table_description(*text);
  if (!description) co_return in_answer(std::move(description.error()), operation, table, *answer);
  if (auto owned = check_owner(*description, table); !owned) co_return std::unexpected(std::move(owned.error()));
  co_return std::move(*description);
}

/// A server that takes the name out of an ARN and leaves the rest answers with another table.
Status DynamoDbClient::check_owner(const TableDescription& description, const TableName& table) const {
  if (owner_.empty() || description.arn.starts_with(owner_)) return {};
  return failure(ErrorClass::kInvalid, "find table", name_on_wire(table).str(),
                 "the server answers with " + (description.arn.empty() ? "a table without an ARN" : description.arn) +
                     " instead; check account, region and endpoint, or name the table without an account "
                     "(region/table, or by URL)");
}

async::Task<Result<TableDescription>> DynamoDbClient::describe_table(const TableName& table) {
  Request request{.operation = "DescribeTable", .table = table, .body = table_body(name_on_wire(table))};
  co_return co_await table_call(std::move(request), "Table");
}

async::Task<Result<TableDescription>> DynamoDbClient::ensure_table(const CreateTableSpec& spec, WaitOptions wait) {
  CreateTableSpec on_wire = spec;
  on_wire.name = name_on_wire(spec.name);
  Request request{.operation = "CreateTable", .table = spec.name, .body = create_table_body(on_wire)};
  auto created = co_await table_call(std::move(request), "TableDescription");
  const bool there = created || created.error().error_class == ErrorClass::kConflict;
  if (!there) co_return std::move(created);
  co_return co_await wait_until_usable(spec.name, wait);
}

async::Task<Result<TableDescription>> DynamoDbClient::wait_until_usable(const TableName& table, WaitOptions options) {
  return wait_until(table, options, [](const TableDescription& description) { return description.usable(); });
}

async::Task<Result<TableDescription>> DynamoDbClient::wait_until_active(const TableName& table, WaitOptions options) {
  return wait_until(table, options, [](const TableDescription& description) { return description.active(); });
}

async::Task<Result<TableDescription>> DynamoDbClient::wait_until(const TableName& table, WaitOptions options,
                                                                 bool (*ready)(const TableDescription&)) {
  const SteadyTime deadline = clock_.steady_now() + options.timeout;
  for (;;) {  // until the deadline
    auto description = co_await describe_table(table);
    if (description && ready(*description)) co_return std::move(*description);
    if (!description && description.error().error_class != ErrorClass::kNotFound) co_return std::move(description);
    const std::string status = description ? description->status : "not found";
    if (is_hopeless(status)) {
      co_return failure(ErrorClass::kFatal, "wait for table", resource(table), "the table is " + status);
    }
    if (clock_.steady_now() + options.pause > deadline) {
      Error error{.error_class = ErrorClass::kTransient,
                  .doing = "wait for table",
                  .resource = resource(table),
                  .code = "Timeout",
                  .message = "still " + status + " after " + format_duration(options.timeout)};
      co_return std::unexpected(std::move(error));
    }
    co_await async::sleep_for(options.pause);
  }
}

async::Task<Result<TableDescription>> DynamoDbClient::enable_stream(const TableName& table,
                                                                    const std::string& view_type) {
  // Not idempotent: a repetition of what succeeded would be answered as "has a stream already".
  Request request{.operation = "UpdateTable", .table = table, .body = {}, .idempotent = false};
  json::Writer json(request.body);
  json.begin_object().name("TableName").string(name_on_wire(table).str());
  json.name("StreamSpecification").begin_object().name("StreamEnabled").boolean(true);
  json.name("StreamViewType").string(view_type).end_object().end_object();
  co_return co_await table_call(std::move(request), "TableDescription");
}

async::Task<Result<BatchWriteAnswer>> DynamoDbClient::batch_write(const TableName& table, const model::KeySchema& key,
                                                                  std::span<const model::Change* const> changes,
                                                                  SteadyTime not_after) {
  assert(!changes.empty() && changes.size() <= kMaxBatch);
  Request request{.operation = "BatchWriteItem",
                  .table = table,
                  .body = batch_write_body(name_on_wire(table), changes),
                  .return_throttling = true,
                  .not_after = not_after};
  auto answer = co_await send(std::move(request));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  auto result = parse_batch_write_answer(answer->body, table, key, changes, reader_);
  if (!result) co_return in_answer(std::move(result.error()), "BatchWriteItem", table, *answer);
  co_return std::move(*result);
}

async::Task<Result<WriteAnswer>> DynamoDbClient::single_write(Request request) {
  const std::string_view operation = request.operation;
  const TableName& table = request.table;
  request.return_throttling = true;
  auto answer = co_await send(std::move(request));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  auto result = parse_write_answer(answer->body, reader_);
  if (!result) co_return in_answer(std::move(result.error()), operation, table, *answer);
  co_return *result;
}

async::Task<Result<WriteAnswer>> DynamoDbClient::put_item(const TableName& table, std::string_view item_json,
                                                          WriteOptions options) {
  // A repeated conditional write may fail on what its own first attempt wrote.
  Request request{.operation = "PutItem",
                  .table = table,
                  .body = write_body(name_on_wire(table), "Item", item_json, options),
                  .idempotent = options.condition_expression.empty(),
                  .not_after = options.not_after};
  co_return co_await single_write(std::move(request));
}

async::Task<Result<WriteAnswer>> DynamoDbClient::delete_item(const TableName& table, std::string_view key_json,
                                                             WriteOptions options) {
  Request request{.operation = "DeleteItem",
                  .table = table,
                  .body = write_body(name_on_wire(table), "Key", key_json, options),
                  .idempotent = options.condition_expression.empty(),
                  .not_after = options.not_after};
  co_return co_await single_write(std::move(request));
}

async::Task<Result<WriteAnswer>> DynamoDbClient::update_item(const TableName& table, std::string_view key_json,
                                                             WriteOptions options) {
  assert(!options.update_expression.empty());
  // Not idempotent: it may add to what it finds, and its condition may fail on what its own first attempt wrote.
  Request request{.operation = "UpdateItem",
                  .table = table,
                  .body = write_body(name_on_wire(table), "Key", key_json, options),
                  .idempotent = false,
                  .not_after = options.not_after};
  co_return co_await single_write(std::move(request));
}

async::Task<Result<WriteAnswer>> DynamoDbClient::write(const TableName& table, const model::Change& change,
                                                       SteadyTime not_after) {
  const WriteOptions unconditional{.not_after = not_after};
  if (change.is_delete()) co_return co_await delete_item(table, change.key(), unconditional);
  co_return co_await put_item(table, change.image(), unconditional);
}

async::Task<Result<GetItemAnswer>> DynamoDbClient::get_item(const TableName& table, std::string_view key_json,
                                                            GetItemOptions options) {
  Request request{.operation = "GetItem", .table = table, .body = {}, .not_after = options.not_after};
  json::Writer json(request.body);
  json.begin_object().name("TableName").string(name_on_wire(table).str()).name("Key").raw(key_json);
  json.name("ConsistentRead").boolean(options.consistent);
  json.name("ReturnConsumedCapacity").string("TOTAL").end_object();
  auto answer = co_await send(std::move(request));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  auto result = parse_get_item_answer(answer->body, reader_);
  if (!result) co_return in_answer(std::move(result.error()), "GetItem", table, *answer);
  co_return std::move(*result);
}

async::Task<Result<BatchGetAnswer>> DynamoDbClient::batch_get(const TableName& table, const model::KeySchema& schema,
                                                              std::span<const std::string_view> keys,
                                                              GetItemOptions options) {
  assert(!keys.empty() && keys.size() <= kMaxBatchGet);
  Request request{.operation = "BatchGetItem",
                  .table = table,
                  .body = batch_get_body(name_on_wire(table), keys, options.consistent),
                  .return_throttling = true,
                  .not_after = options.not_after};
  auto answer = co_await send(std::move(request));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  auto result = parse_batch_get_answer(answer->body, table, schema, keys, reader_);
  if (!result) co_return in_answer(std::move(result.error()), "BatchGetItem", table, *answer);
  co_return std::move(*result);
}

async::Task<Result<std::string>> DynamoDbClient::control(std::string_view operation, const TableName& table,
                                                         std::string body) {
  Request request{.operation = operation, .table = table, .body = std::move(body), .idempotent = false};
  auto answer = co_await send(std::move(request));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return std::move(answer->body);
}

async::Task<Result<ScanPage>> DynamoDbClient::scan(const TableName& table, ScanOptions options) {
  Request request{.operation = "Scan",
                  .table = table,
                  .body = scan_body(name_on_wire(table), options),
                  .return_throttling = true,
                  .not_after = options.not_after};
  auto answer = co_await send(std::move(request));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  auto page = ScanPage::parse(std::move(answer->body), reader_);
  if (!page) co_return in_answer(std::move(page.error()), "Scan", table, *answer);
  co_return std::move(*page);
}

}  // namespace dynamirror::aws
