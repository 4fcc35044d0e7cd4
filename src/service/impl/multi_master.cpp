// SPDX-License-Identifier: Apache-2.0
#include "service/impl/multi_master.hpp"

#include <utility>

#include "aws/dynamodb/table_settings.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "model/item_digest.hpp"
#include "multimaster/echo_rule.hpp"
#include "multimaster/version.hpp"
#include "service/state_files.hpp"
#include "sink/companion_table.hpp"

namespace dynamirror::service {
namespace {

std::unexpected<Error> unfit(const std::string& table, std::string message) {
  return failure(ErrorClass::kInvalid, "keep tables in step that are both written", table, std::move(message));
}

/// The same for whoever reaches the table under this identity.
std::string origin_for(const std::string& identity) {
  model::ItemDigester digester;
  const auto digest = digester.digest(R"({"table":{"S":)" + json_quoted(identity) + "}}");
  return multimaster::hash_of(*digest).substr(1, 12);
}

Result<std::string> origin(const std::string& given, const std::string& identity, const std::string& table) {
  if (given.empty()) return origin_for(identity);
  if (multimaster::Version::is_origin(given)) return given;
  return unfit(table, "'" + given + "' cannot be its name in versions: 1 to 32 letters, digits, '_' and '-'");
}

/// The table beside one that is written on several sides, made if it is not there.
async::Task<Status> ensure_companion(jobs::TableSide& side, TableName name) {
  aws::CreateTableSpec spec;
  spec.name = name;
  spec.key = sink::CompanionTable::schema();
  spec.attributes = {{"key", "S"}, {"what", "S"}};
  auto made = co_await side.dynamodb().ensure_table(spec, aws::WaitOptions{});
  if (!made) co_return std::unexpected(std::move(made.error()));
  if (made->key != spec.key) {
    co_return unfit(side.display(), "beside it there is a table " + name.str() + " with another key: " +
                                        model::describe(made->key) + "; it must be free for tombstones and conflicts");
  }
  const auto settings = co_await aws::read_settings(side.dynamodb(), name);
  if (!settings || settings->time_to_live_attribute == sink::CompanionTable::kExpires) co_return Status{};
  aws::TableSettings wanted;
  wanted.time_to_live_attribute = std::string(sink::CompanionTable::kExpires);
  const auto lines = co_await aws::apply_settings(side.dynamodb(), *made, std::move(wanted));
  for (const std::string& line : lines) log::info("companion table", {{"table", name.str()}, {"setting", line}});
  co_return Status{};
}

/// Each table deletes expired items by itself, and such deletions are not sent: so both must expire the same items.
async::Task<Status> check_time_to_live(jobs::TableSide& source, jobs::TableSide& target) {
  const auto here = co_await aws::read_settings(source.dynamodb(), source.address().table);
  if (!here) co_return std::unexpected(here.error());
  const auto there = co_await aws::read_settings(target.dynamodb(), target.address().table);
  if (!there) co_return std::unexpected(there.error());
  const auto name = [](const aws::TableSettings& settings) {
    return settings.time_to_live_attribute.empty() ? std::string("none") : "'" + settings.time_to_live_attribute + "'";
  };
  if (here->time_to_live_attribute == there->time_to_live_attribute) co_return Status{};
  co_return unfit(target.display(), "its time-to-live attribute is " + name(*there) + ", that of " + source.display() +
                                        " is " + name(*here) + "; give both the same, since each deletes by itself");
}

sink::VersionedTables::Side side_of(const jobs::TableSide& side, std::string origin) {
  const TableName& table = side.address().table;
  return {.table = table,
          .companion = sink::CompanionTable::name_for(table),
          .origin = std::move(origin),
          .description = side.display()};
}

}  // namespace

async::Task<Result<std::unique_ptr<MultiMaster>>> MultiMaster::open(const ReplicationOptions& options, Parts parts) {
  const MultiMasterOptions& wanted = options.multi_master;
  jobs::TableSide* target = parts.target.table();
  const aws::TableDescription& source = parts.fit.source.source;
  if (target == nullptr) co_return unfit(parts.fit.display, "only a table can be written on several sides");
  if (source.stream.view_type != "NEW_AND_OLD_IMAGES") {
    co_return unfit(parts.source.display(), "its stream tells " + source.stream.view_type +
                                                "; versions need NEW_AND_OLD_IMAGES: turn the stream off and on again "
                                                "with that view");
  }
  auto here = origin(wanted.source_origin, identity_of(parts.source, source), parts.source.display());
  if (!here) co_return std::unexpected(std::move(here.error()));
  auto there = origin(wanted.target_origin, parts.fit.identity, parts.fit.display);
  if (!there) co_return std::unexpected(std::move(there.error()));
  if (*here == *there) co_return unfit(parts.fit.display, "both tables have the name '" + *here + "' in versions");
  auto alike = co_await check_time_to_live(parts.source, *target);
  if (!alike) co_return std::unexpected(std::move(alike.error()));
  sink::VersionedTables::Options tables{.home = side_of(parts.source, std::move(*here)),
                                        .peer = side_of(*target, std::move(*there)),
                                        .key = source.key,
                                        .topology = wanted.topology,
                                        .tombstones_kept = wanted.tombstones_kept,
                                        .max_write_units = options.max_write_units,
                                        .max_read_units = options.max_read_units};
  if (!options.preflight.dry_run) {
    auto made = co_await ensure_companion(parts.source, tables.home.companion);
    if (!made) co_return std::unexpected(std::move(made.error()));
    made = co_await ensure_companion(*target, tables.peer.companion);
    if (!made) co_return std::unexpected(std::move(made.error()));
  }
  const sink::VersionedTables::Parts clients{parts.source.dynamodb(), target->dynamodb(), parts.host.clock(),
                                             parts.host.random()};
  std::unique_ptr<MultiMaster> opened(new MultiMaster(tables));
  opened->changes_ = std::make_unique<sink::VersionedTables>(tables, clients);
  if (wanted.adopt) {
    tables.adopt_rank = wanted.adopt_rank;
    sink::VersionedTables::Parts beside = clients;
    beside.changes = opened->changes_.get();
    opened->items_ = std::make_unique<sink::VersionedTables>(std::move(tables), beside);
  }
  log::info("both tables are written", {{"source", parts.source.display()},
                                        {"source_origin", opened->options_.home.origin},
                                        {"target", parts.fit.display},
                                        {"target_origin", opened->options_.peer.origin}});
  co_return opened;
}

void MultiMaster::settle(jobs::ReplicateOptions& job) const {
  job.echo.emplace(options_.home.origin, options_.topology);
  job.pipeline.combine = multimaster::combine;
}

sink::VersionedTables::Statistics MultiMaster::statistics() const {
  sink::VersionedTables::Statistics sum = changes_->statistics();
  if (!items_) return sum;
  const sink::VersionedTables::Statistics adopted = items_->statistics();
  sum.stamped += adopted.stamped;
  sum.sent += adopted.sent;
  sum.waited += adopted.waited;
  sum.conditions += adopted.conditions;
  for (const auto& [kind, count] : adopted.conflicts) sum.conflicts[kind] += count;
  sum.read_units += adopted.read_units;
  sum.write_units += adopted.write_units;
  return sum;
}

}  // namespace dynamirror::service
