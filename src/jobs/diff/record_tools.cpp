// SPDX-License-Identifier: Apache-2.0
#include "jobs/diff/record_tools.hpp"

#include <utility>

#include "jobs/diff/diff_tables.hpp"
#include "jobs/diff/diff_verify.hpp"
#include "model/item_difference.hpp"
#include "model/key_argument.hpp"

namespace dynamirror::jobs {
namespace {

/// The key of both tables, and the one that the user meant.
struct Meant {
  model::KeySchema schema;
  std::string key_json;
};

async::Task<JobResult<Meant>> find_key(TableSide& primary, TableSide& replica, std::string key_argument) {
  auto schema = co_await common_key(primary, replica);
  if (!schema) co_return std::unexpected(std::move(schema.error()));
  auto key_json = model::parse_key_argument(key_argument, *schema);
  if (!key_json) co_return job_failure(Reason::kInvalid, std::move(key_json.error()));
  co_return Meant{std::move(*schema), std::move(*key_json)};
}

DiffTable table_of(TableSide& side, const Clock& clock, Random& random) {
  return DiffTable({.table = side.address().table}, side.dynamodb(), clock, random);
}

/// Empty when there is no such record.
async::Task<JobResult<std::string>> read_one(DiffTable& table, std::string key_json) {
  auto item = co_await table.get(std::move(key_json));
  if (!item) co_return job_failure(std::move(item.error()));
  co_return std::move(*item).value_or("");
}

}  // namespace

async::Task<JobResult<RecordDiff>> diff_record(TableSide& primary, TableSide& replica, std::string key_argument,
                                               const Clock& clock, Random& random) {
  auto meant = co_await find_key(primary, replica, std::move(key_argument));
  if (!meant) co_return std::unexpected(std::move(meant.error()));
  DiffTable left = table_of(primary, clock, random);
  DiffTable right = table_of(replica, clock, random);
  auto replica_json = co_await read_one(right, meant->key_json);
  if (!replica_json) co_return std::unexpected(std::move(replica_json.error()));
  auto primary_json = co_await read_one(left, meant->key_json);
  if (!primary_json) co_return std::unexpected(std::move(primary_json.error()));

  RecordDiff result{.key_json = std::move(meant->key_json),
                    .primary_json = std::move(*primary_json),
                    .replica_json = std::move(*replica_json)};
  if (result.primary_json.empty() || result.replica_json.empty()) {
    result.equal = result.primary_json.empty() && result.replica_json.empty();
    co_return result;
  }
  model::ItemDigester digester;
  auto names = model::item_difference(digester, result.primary_json, result.replica_json);
  if (!names) co_return job_failure(unreadable_item(std::move(names.error()), result.key_json).error());
  result.attributes = std::move(*names);
  result.equal = result.attributes.empty();
  co_return result;
}

async::Task<JobResult<RecordRepair>> replicate_record(TableSide& primary, TableSide& replica, std::string key_argument,
                                                      const Clock& clock, Random& random) {
  auto meant = co_await find_key(primary, replica, std::move(key_argument));
  if (!meant) co_return std::unexpected(std::move(meant.error()));
  DiffTable left = table_of(primary, clock, random);
  DiffTable right = table_of(replica, clock, random);
  StopRequest never;
  DiffVerifier verifier({}, left, right, clock, never);
  DiffRepairer repairer(std::move(meant->schema), verifier, right, random);
  const auto outcome = co_await repairer.repair(meant->key_json);
  if (!outcome) co_return job_failure(outcome.error());
  co_return RecordRepair{.key_json = std::move(meant->key_json), .outcome = *outcome};
}

}  // namespace dynamirror::jobs
