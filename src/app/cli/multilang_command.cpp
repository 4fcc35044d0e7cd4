// SPDX-License-Identifier: Apache-2.0
#include "app/cli/multilang_command.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "app/session/session.hpp"
#include "app/session/standard_lines.hpp"
#include "async/task_group.hpp"
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

/// Where the items of a Kinesis stream's changes are read.
struct Primary {
  std::unique_ptr<jobs::TableSide> side;
  aws::KinesisRecordFormat format;
  sink::PresentItems items;
};

async::Task<Result<std::unique_ptr<Primary>>> open_primary(const MultiLangCommand& command, Session& session,
                                                           const aws::TableDescription& target, sink::TableSink& sink) {
  auto side = session.open_side(command.primary, command.primary_side);
  if (!side) co_return std::unexpected(std::move(side.error()));
  const std::string display = (*side)->display();
  const TableName name = (*side)->address().table;
  auto table = co_await (*side)->dynamodb().describe_table(name);
  if (!table) {
    Error trouble = std::move(table.error());
    if (trouble.error_class == ErrorClass::kNotFound) {
      trouble.resource = display;
      trouble.message = "there is no such table; check its name, region and account";
    }
    co_return std::unexpected(std::move(trouble));
  }
  if (table->key != target.key) {
    co_return failure(ErrorClass::kInvalid, "compare key schemas of", display + " and " + command.target,
                      "the primary's key is " + describe(table->key) + ", the target's is " + describe(target.key) +
                          "; both must be equal");
  }
  aws::DynamoDbClient& client = (*side)->dynamodb();
  sink::ItemReader::Options reading{.table = name, .key = table->key, .max_read_units = command.max_read_units};
  aws::KinesisRecordFormat format{.key = table->key, .table = name, .keys_only = true};
  std::unique_ptr<Primary> primary(
      new Primary{.side = std::move(*side),
                  .format = std::move(format),
                  .items = sink::PresentItems(std::move(reading), client, sink, system_clock(), session.random())});
  co_return primary;
}

async::Task<ExitCode> multilang(const MultiLangCommand& command, Session& session) {
  session.may_end_before_work(ExitCode::kOk);
  auto lines = StandardLines::open(session.executor());
  if (!lines) co_return fail(lines.error());
  auto target = session.open_side(command.target, command.target_side);
  if (!target) co_return fail(target.error());
  auto table = co_await jobs::preflight_target(**target);
  if (!table) {
    for (const jobs::JobFailure& finding : table.error()) complain(finding.error);
    co_return exit_code_of(table.error().front().reason);
  }
  sink::TableSink sink({.table = table->name, .key = table->key, .max_write_units = command.max_write_units},
                       (*target)->dynamodb(), system_clock());
  const auto letters = [&](const ShardId& shard) { return open_letters(command.dead_letter_dir, shard); };
  std::unique_ptr<Primary> primary;
  if (!command.primary.empty()) {
    auto opened = co_await open_primary(command, session, *table, sink);
    if (!opened) co_return fail(opened.error());
    primary = std::move(*opened);
  }
  std::optional<aws::KinesisRecordFormat> kinesis;
  if (primary) kinesis = primary->format;
  jobs::MultiLangShard::Parts parts{.lines = **lines,
                                    .key = table->key,
                                    .kinesis = std::move(kinesis),
                                    .sink = primary ? static_cast<sink::ChangeSink&>(primary->items) : sink,
                                    .open_dead_letters = letters,
                                    .clock = system_clock(),
                                    .random = session.random()};
  jobs::MultiLangShard shard(std::move(parts), command.job);
  session.work_begins(Session::Work::kCheckpointed);
  async::TaskGroup background(session.executor());
  background.spawn(stop_lines(session.stop(), **lines));
  auto ended = co_await shard.run();
  background.cancel();
  co_await background.join();
  const auto statistics = shard.statistics();
  log::info("ended", {{"shard", statistics.shard.str()},
                      {"read", std::to_string(statistics.changes.read)},
                      {"applied", std::to_string(statistics.changes.applied)},
                      {"superseded", std::to_string(statistics.changes.superseded)},
                      {"dead_lettered", std::to_string(statistics.changes.dead_lettered)},
                      {"delivered_again", std::to_string(statistics.delivered_again)},
                      {"checkpoints", std::to_string(statistics.checkpoints)},
                      {"write_units", fmt::format("{:.1f}", sink.statistics().consumed_units)}});
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
