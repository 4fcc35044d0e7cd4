// SPDX-License-Identifier: Apache-2.0
#include "jobs/conflicts/shared_table.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "aws/dynamodb/item_condition.hpp"
#include "aws/dynamodb/query.hpp"
#include "base/text.hpp"
#include "multimaster/item_state.hpp"
#include "sink/companion_table.hpp"

namespace dynamirror::jobs {
namespace {

Error without_companion(const TableSide& side, const TableName& companion) {
  return {
      .error_class = ErrorClass::kNotFound,
      .doing = "find what was noted beside",
      .resource = side.display(),
      .code = {},
      .message = "there is no table " + companion.str() +
                 "; `dynamirror sync` and `replicate --multi-master` make it for each table that they keep in step"};
}

}  // namespace

SharedTable::SharedTable(TableSide& side, model::KeySchema key, const Clock& clock, Random& random)
    : side_(&side),
      key_(std::move(key)),
      companion_(sink::CompanionTable::name_for(side.address().table)),
      clock_(&clock),
      random_(&random),
      items_({.table = side.address().table}, side.dynamodb(), clock, random) {}

async::Task<Result<SharedTable>> SharedTable::open(TableSide& side, const Clock& clock, Random& random) {
  auto table = co_await side.dynamodb().describe_table(side.address().table);
  if (!table) co_return std::unexpected(std::move(table.error()));
  const TableName name = sink::CompanionTable::name_for(side.address().table);
  const auto companion = co_await side.dynamodb().describe_table(name);
  if (!companion && companion.error().error_class == ErrorClass::kNotFound) {
    co_return std::unexpected(without_companion(side, name));
  }
  if (!companion) co_return std::unexpected(companion.error());
  if (companion->key != sink::CompanionTable::schema()) co_return std::unexpected(without_companion(side, name));
  co_return SharedTable(side, std::move(table->key), clock, random);
}

async::Task<Result<std::vector<sink::ConflictRow>>> SharedTable::conflicts(std::string key_json) {
  std::vector<sink::ConflictRow> rows;
  aws::QueryOptions options{.hash_name = sink::CompanionTable::schema().hash.name,
                            .hash_value_json = R"({"S":)" + json_quoted(key_json) + "}"};
  do {
    auto page = co_await aws::query(side_->dynamodb(), companion_, options);
    if (!page) co_return std::unexpected(std::move(page.error()));
    for (std::size_t i = 0; i < page->size(); ++i) {
      auto row = sink::read_conflict(page->item(i));
      if (!row) co_return std::unexpected(std::move(row.error()));
      if (*row) rows.push_back(std::move(**row));
    }
    options.start_key_json = page->last_key_json();
  } while (!options.start_key_json.empty());
  sort_by_time(rows);
  co_return rows;
}

async::Task<Result<std::optional<multimaster::Tombstone>>> SharedTable::tombstone(std::string key_json) {
  sink::CompanionTable::Options options{.table = companion_};
  sink::CompanionTable companion(std::move(options), side_->dynamodb(), *clock_, *random_);
  co_return co_await companion.tombstone(std::move(key_json), kNoDeadline);
}

async::Task<Result<std::optional<std::string>>> SharedTable::item(std::string key_json) {
  co_return co_await items_.get(std::move(key_json));
}

async::Task<Status> SharedTable::write(Write write) {
  aws::ItemCondition condition = aws::still_absent(key_);
  if (write.as_read) {
    auto as_read = aws::still_as(*write.as_read, multimaster::without_marks(*write.as_read));
    if (!as_read) co_return std::unexpected(std::move(as_read.error()));
    condition = std::move(*as_read);
  }
  Status written;
  if (write.content) {
    std::string content = multimaster::without_marks(*write.content);
    written = co_await items_.put(std::move(content), std::move(condition));
  } else {
    written = co_await items_.remove(std::move(write.key_json), std::move(condition));
  }
  if (written || written.error().error_class != ErrorClass::kConflict) co_return written;
  co_return failure(ErrorClass::kConflict, "write item", display(),
                    "it was written since it was read; nothing was changed: run the command again");
}

void sort_by_time(std::vector<sink::ConflictRow>& rows) {
  std::ranges::sort(rows, [](const sink::ConflictRow& a, const sink::ConflictRow& b) {
    return std::tie(a.noted, a.key, a.loser) < std::tie(b.noted, b.key, b.loser);
  });
}

}  // namespace dynamirror::jobs
