// SPDX-License-Identifier: Apache-2.0
#include "jobs/restore/restore_target.hpp"

#include "aws/dynamodb/table_settings.hpp"
#include "base/log.hpp"
#include "jobs/prepare/copy_preflight.hpp"
#include "jobs/prepare/make_table.hpp"

namespace dynamirror::jobs {
namespace {

std::unexpected<JobFailure> not_ready(const TableSide& target, std::string message) {
  return job_failure(Reason::kNotReady, Error{.error_class = ErrorClass::kInvalid,
                                              .doing = "restore into",
                                              .resource = target.display(),
                                              .code = {},
                                              .message = std::move(message)});
}

/// The saved description of the table that was backed up, if there is one.
Result<std::optional<aws::TableDescription>> saved_description(const std::optional<std::string>& settings_json) {
  if (!settings_json) return std::nullopt;
  auto settings = aws::parse_table_settings(*settings_json);
  if (!settings) return std::unexpected(std::move(settings.error()));
  return aws::parse_table_description(settings->description_json);
}

async::Task<JobResult<aws::TableDescription>> create(TableSide& target, std::optional<aws::TableDescription> saved,
                                                     bool dry_run) {
  if (!saved) {
    co_return not_ready(target,
                        "there is no such table, and the backup holds no description to make it from; make it "
                        "yourself first");
  }
  if (dry_run) {
    saved->name = target.address().table;
    co_return std::move(*saved);
  }
  auto made = co_await make_table_like(target, *saved);
  if (!made) co_return job_failure(std::move(made.error()));
  co_return std::move(*made);
}

}  // namespace

async::Task<JobResult<aws::TableDescription>> prepare_restore_target(TableSide& target,
                                                                     std::optional<std::string> settings_json,
                                                                     RestoreTargetOptions options, Random& random) {
  auto saved = saved_description(settings_json);
  auto table = co_await target.dynamodb().describe_table(target.address().table);
  if (!table && table.error().error_class == ErrorClass::kNotFound) {
    if (!options.create) {
      co_return not_ready(target, "there is no such table; start with --create-target to make it as it was");
    }
    if (!saved) co_return job_failure(std::move(saved.error()));
    auto created = co_await create(target, *saved, options.dry_run);
    if (!created || options.dry_run) co_return created;
    table = std::move(*created);
  }
  if (table) table = co_await once_usable(target, std::move(*table));
  if (!table) co_return job_failure(std::move(table.error()));
  if (!saved || !*saved) {
    log::warning("the key of the table backed up is not known, and not compared with the target's",
                 {{"target_key", describe(table->key)},
                  {"why", saved ? "the backup holds no description of its table" : to_line(saved.error())}});
  } else if (*saved && (*saved)->key != table->key) {
    co_return not_ready(target, "its key is " + describe(table->key) + ", that of the table backed up " +
                                    describe((*saved)->key) + "; both must be equal");
  }
  if (options.may_hold_items) co_return std::move(*table);
  const auto occupied = co_await has_items(target, random);
  if (!occupied) co_return job_failure(occupied.error());
  if (*occupied) {
    co_return not_ready(target,
                        "the table is not empty; --overwrite restores into it all the same (items that the "
                        "backup does not hold stay)");
  }
  co_return std::move(*table);
}

}  // namespace dynamirror::jobs
