// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "async/task.hpp"
#include "aws/api_client.hpp"
#include "aws/dynamodb/answers.hpp"
#include "aws/dynamodb/batch_get.hpp"
#include "aws/dynamodb/scan.hpp"
#include "aws/dynamodb/table_description.hpp"
#include "base/clock.hpp"
#include "json/reader.hpp"
#include "model/change.hpp"
#include "model/key.hpp"

namespace dynamirror::aws {

/// A condition for a single write; the maps are JSON objects as the service takes them, empty when not needed.
struct WriteOptions {
  std::string_view update_expression{};       ///< `update_item` only: what to change, e.g. `SET #n = :n`
  std::string_view condition_expression{};    ///< empty: unconditional
  std::string_view expression_names_json{};   ///< `{"#id":"id"}`
  std::string_view expression_values_json{};  ///< `{":v":{"N":"1"}}`
  SteadyTime not_after = kNoDeadline;         ///< neither sent nor waited for after this
};

struct GetItemOptions {
  bool consistent = true;
  SteadyTime not_after = kNoDeadline;  ///< neither sent nor waited for after this
};

struct WaitOptions {
  std::chrono::milliseconds timeout{600'000};
  std::chrono::milliseconds pause{1'000};  ///< between two looks
};

/// The calls of DynamoDB that we use, on one account and region. Items and keys are wire-form JSON throughout
/// (`{"id":{"S":"a"}}`) and pass through byte for byte.
///
/// Errors are those of ApiClient (classified, retried but for throttled writes, which are the caller's to pace), their
/// `resource` being "region/table"; plus class fatal for an answer that is not what the service documents.
/// Arguments are borrowed until the task ends. Not thread-safe: lives on one event loop; calls may overlap.
class DynamoDbClient {
 public:
  /// `owner`: what the ARNs of an account's tables in a region begin with, as
  /// "arn:aws:dynamodb:eu-west-1:123456789012:table/". Then every request names its table by ARN, and a description of
  /// a table elsewhere is refused (class invalid): the caller's own account may have a table of that name, too. Empty:
  /// tables are named by their names. REQUIRES: api (with service "dynamodb") and clock outlive the client.
  DynamoDbClient(ApiClient& api, const Clock& clock, std::string owner = {})
      : api_(api), clock_(clock), owner_(std::move(owner)) {}

  [[nodiscard]] async::Task<Result<TableDescription>> describe_table(const TableName& table);

  /// Creates the table unless it is there, and waits until it is usable. Another process may create it at the same
  /// time, and the answer to a creation may be lost, so what is returned need not be of this specification: compare its
  /// key. Errors: also those of `wait_until_usable`.
  [[nodiscard]] async::Task<Result<TableDescription>> ensure_table(const CreateTableSpec& spec, WaitOptions wait);

  /// Looks until the table is usable. One that is not (yet) found is waited for, too: DescribeTable is eventually
  /// consistent and may not know a table that was just created.
  /// Errors: class transient ("Timeout") at the time-out; class fatal for a status from which no table becomes usable.
  [[nodiscard]] async::Task<Result<TableDescription>> wait_until_usable(const TableName& table, WaitOptions options);
  /// The same until it is ACTIVE: only then can it be changed, or has its new stream begun.
  [[nodiscard]] async::Task<Result<TableDescription>> wait_until_active(const TableName& table, WaitOptions options);

  /// Turns the table's stream on. The table is UPDATING afterwards.
  /// Errors: class invalid when it has a stream, also one of another view type: that must be turned off first.
  [[nodiscard]] async::Task<Result<TableDescription>> enable_stream(const TableName& table,
                                                                    const std::string& view_type);

  /// Puts and deletes up to 25 items at once; each change is applied or reported as unprocessed.
  /// `key` is the table's schema. Throttling of the whole request is returned at once.
  /// REQUIRES: 1 to 25 changes of different keys, at most 16 MB.
  [[nodiscard]] async::Task<Result<BatchWriteAnswer>> batch_write(const TableName& table, const model::KeySchema& key,
                                                                  std::span<const model::Change* const> changes,
                                                                  SteadyTime not_after = kNoDeadline);

  /// PutItem with a whole item. Throttling is returned at once. Errors: class conflict when the condition does not
  /// hold.
  [[nodiscard]] async::Task<Result<WriteAnswer>> put_item(const TableName& table, std::string_view item_json,
                                                          WriteOptions options);
  /// DeleteItem; deleting what is not there succeeds. Throttling and errors as for `put_item`.
  [[nodiscard]] async::Task<Result<WriteAnswer>> delete_item(const TableName& table, std::string_view key_json,
                                                             WriteOptions options);

  /// UpdateItem: changes some attributes of an item, and makes it when it is not there. Throttling and errors as for
  /// `put_item`; never sent again once the service may have taken it.
  [[nodiscard]] async::Task<Result<WriteAnswer>> update_item(const TableName& table, std::string_view key_json,
                                                             WriteOptions options);

  /// Applies one change, unconditionally, by `put_item` or `delete_item`.
  [[nodiscard]] async::Task<Result<WriteAnswer>> write(const TableName& table, const model::Change& change,
                                                       SteadyTime not_after = kNoDeadline);

  [[nodiscard]] async::Task<Result<GetItemAnswer>> get_item(const TableName& table, std::string_view key_json,
                                                            GetItemOptions options);

  /// BatchGetItem: up to 100 items of one table, as far as one answer of 16 MB and the table's capacity go; the rest is
  /// reported as unprocessed. `schema` is the table's. Throttling of the whole request is returned at once.
  /// REQUIRES: 1 to 100 different keys in canonical form.
  [[nodiscard]] async::Task<Result<BatchGetAnswer>> batch_get(const TableName& table, const model::KeySchema& schema,
                                                              std::span<const std::string_view> keys,
                                                              GetItemOptions options);

  /// A call about the table as a whole whose answer the caller reads, e.g. DescribeTimeToLive. Not sent again once the
  /// service may have taken it.
  [[nodiscard]] async::Task<Result<std::string>> control(std::string_view operation, const TableName& table,
                                                         std::string body);

  /// One page of a Scan. Throttling is returned at once.
  [[nodiscard]] async::Task<Result<ScanPage>> scan(const TableName& table, ScanOptions options);

  /// "region/table", as in messages.
  [[nodiscard]] std::string resource(const TableName& table) const;

  /// What requests say as "TableName": the ARN when the client has an owner, otherwise the name.
  [[nodiscard]] TableName name_on_wire(const TableName& table) const { return TableName(owner_ + table.str()); }

 private:
  struct Request;
  [[nodiscard]] async::Task<Result<ApiAnswer>> send(Request request);
  [[nodiscard]] std::unexpected<Error> in_answer(Error error, std::string_view operation, const TableName& table,
                                                 const ApiAnswer& answer) const;
  [[nodiscard]] async::Task<Result<TableDescription>> table_call(Request request, std::string_view member_name);
  [[nodiscard]] async::Task<Result<TableDescription>> wait_until(const TableName& table, WaitOptions options,
                                                                 bool (*ready)(const TableDescription&));
  [[nodiscard]] Status check_owner(const TableDescription& description, const TableName& table) const;
  [[nodiscard]] async::Task<Result<WriteAnswer>> single_write(Request request);

  ApiClient& api_;
  const Clock& clock_;
  std::string owner_;
  json::Reader reader_;  ///< answers are read without suspension, so one serves all calls
};

}  // namespace dynamirror::aws
