// SPDX-License-Identifier: Apache-2.0
#include "app/cli/multilang_command.hpp"

#include <fmt/format.h>

#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "app/session/session.hpp"
#include "app/session/standard_lines.hpp"
#include "async/run_beside.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "jobs/prepare/preflight.hpp"
#include "sink/dead_letters.hpp"
#include "sink/present_items.hpp"
#include "sink/table_sink.hpp"

namespace dynamirror::app {
namespace {

/// A file for each shard: one file cannot be open in the processes of two.
Result<std::unique_ptr<sink::DeadLetters>> open_letters(const std::string& folder, const ShardId& shard) {
  if (folder.empty()) return std::unique_ptr<sink::DeadLetters>();
  if (shard.str().find_first_of("/\\") != std::string::npos || shard.str().starts_with('.')) {
    return failure(ErrorClass::kInvalid, "open dead letters", shard.str(), "the shard's name cannot be a file's");
  }
  return sink::DeadLetters::open({.file = std::filesystem::path(folder) / (shard.str() + ".jsonl")});
}

async::Task<> stop_lines(jobs::StopRequest& stop, StandardLines& lines) {
  while (!stop.requested()) co_await stop.changed().wait();
  lines.stop();
}

void say_end(const jobs::MultiLangShard::Statistics& statistics, const sink::TableSink& sink) {
  log::info("ended", {{"shard", statistics.shard.str()},
                      {"read", std::to_string(statistics.changes.read)},
                      {"applied", std::to_string(statistics.changes.applied)},
                      {"superseded", std::to_string(statistics.changes.superseded)},
                      {"dead_lettered", std::to_string(statistics.changes.dead_lettered)},
                      {"delivered_again", std::to_string(statistics.delivered_again)},
                      {"checkpoints", std::to_string(statistics.checkpoints)},
                      {"write_units", fmt::format("{:.1f}", sink.statistics().consumed_units)}});
}

using Table = std::expected<aws::TableDescription, std::vector<jobs::JobFailure>>;

/// The target, once it is fit. `primary`: where the items of a Kinesis stream's changes are read; may be null.
async::Task<Table> check_tables(jobs::TableSide& target, jobs::TableSide* primary) {
  if (primary == nullptr) co_return co_await jobs::preflight_target(target);
  const jobs::PreflightOptions options{.changes_elsewhere = true};
  auto both = co_await jobs::preflight(*primary, target, options);
  if (!both) co_return std::unexpected(std::move(both.error()));
  co_return std::move(both->target);
}

async::Task<ExitCode> multilang(const MultiLangCommand& command, Session& session) {
  session.may_end_before_work(ExitCode::kOk);
  auto lines = StandardLines::open(session.executor());
  if (!lines) co_return fail(lines.error());
  auto target = session.open_side(command.target, command.target_side);
  if (!target) co_return fail(target.error());
  std::unique_ptr<jobs::TableSide> primary;
  if (!command.primary.empty()) {
    auto side = session.open_side(command.primary, command.primary_side);
    if (!side) co_return fail(side.error());
    primary = std::move(*side);
  }
  auto table = co_await check_tables(**target, primary.get());
  if (!table) {
    for (const jobs::JobFailure& finding : table.error()) complain(finding.error);
    co_return exit_code_of(table.error().front().reason);
  }
  sink::TableSink sink({.table = table->name, .key = table->key, .max_write_units = command.max_write_units},
                       (*target)->dynamodb(), system_clock());
  const auto letters = [&](const ShardId& shard) { return open_letters(command.dead_letter_dir, shard); };
  std::optional<aws::KinesisRecordFormat> kinesis;
  std::optional<sink::PresentItems> items;
  if (primary) {
    const TableName name = primary->address().table;
    kinesis = aws::KinesisRecordFormat{.key = table->key, .table = name, .keys_only = true};
    sink::ItemReader::Options reading{.table = name, .key = table->key, .max_read_units = command.max_read_units};
    items.emplace(std::move(reading), primary->dynamodb(), sink, system_clock(), session.random());
  }
  jobs::MultiLangShard::Parts parts{.lines = **lines,
                                    .key = table->key,
                                    .kinesis = std::move(kinesis),
                                    .sink = items ? static_cast<sink::ChangeSink&>(*items) : sink,
                                    .open_dead_letters = letters,
                                    .clock = system_clock(),
                                    .random = session.random()};
  jobs::MultiLangShard shard(std::move(parts), command.job);
  session.work_begins(Session::Work::kCheckpointed);
  auto ended = co_await async::run_beside(stop_lines(session.stop(), **lines), shard.run());
  say_end(shard.statistics(), sink);
  if (!ended) co_return fail(ended.error());
  co_return ExitCode::kOk;
}

}  // namespace

ExitCode run_multilang(const MultiLangCommand& command) {
  CommonOptions common = command.common;
  common.max_connections = command.job.pipeline.writing.max_concurrent_writes + 8;
  return run_in_session(common, [&](Session& session) { return multilang(command, session); });
}

}  // namespace dynamirror::app
