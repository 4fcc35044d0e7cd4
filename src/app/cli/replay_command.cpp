// SPDX-License-Identifier: Apache-2.0
#include "app/cli/replay_command.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "app/session/session.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "jobs/dead_letters/replay_dead_letters.hpp"
#include "sink/dead_letters.hpp"
#include "sink/present_items.hpp"
#include "sink/table_sink.hpp"

namespace dynamirror::app {
namespace {

ExitCode end(const Error& error, ExitCode exit_code) {
  complain(error);
  return exit_code;
}

std::string to_text(const jobs::ReplayResult& result) {
  return fmt::format("{} dead letters of {} keys: {} keys applied, {} keys still failing\n",
                     format_count(result.entries), format_count(result.keys), format_count(result.applied),
                     format_count(result.still_failing));
}

std::string to_json(const jobs::ReplayResult& result, ExitCode exit_code) {
  return fmt::format(
      R"({{"entries":{},"keys":{},"applied":{},"superseded":{},"still_failing":{},"exit_code":{},"error":{}}})"
      "\n",
      result.entries, result.keys, result.applied, result.superseded, result.still_failing, static_cast<int>(exit_code),
      result.stopped_by ? json_quoted(to_line(*result.stopped_by)) : "null");
}

async::Task<ExitCode> replay(const ReplayCommand& command, Session& session) {
  // A mistyped name must not be taken for an empty file.
  std::error_code error;
  if (!std::filesystem::exists(command.file, error) && !error) {
    co_return end({.error_class = ErrorClass::kNotFound,
                   .doing = "read dead letters",
                   .resource = command.file,
                   .code = {},
                   .message = "there is no such file"},
                  ExitCode::kState);
  }
  auto target = session.open_side(command.target, command.target_side);
  if (!target) co_return end(target.error(), exit_code_for(target.error()));
  auto table = co_await (*target)->dynamodb().describe_table((*target)->address().table);
  if (!table) {
    Error trouble = std::move(table.error());
    if (trouble.error_class == ErrorClass::kNotFound) {
      trouble.resource = (*target)->display();
      trouble.message = "there is no such table; check its name, region and account";
    }
    co_return end(trouble, exit_code_for(trouble));
  }
  auto letters = sink::DeadLetters::open({.file = command.file});
  if (!letters) co_return end(letters.error(), ExitCode::kState);

  sink::TableSink sink({.table = table->name, .key = table->key, .max_write_units = command.max_write_units},
                       (*target)->dynamodb(), system_clock());
  std::unique_ptr<jobs::TableSide> primary;
  std::unique_ptr<sink::PresentItems> present;
  if (!command.primary.empty()) {
    auto side = session.open_side(command.primary, command.primary_side);
    if (!side) co_return end(side.error(), exit_code_for(side.error()));
    primary = std::move(*side);
    sink::ItemReader::Options read_from{.table = primary->address().table, .key = table->key};
    present = std::make_unique<sink::PresentItems>(std::move(read_from), primary->dynamodb(), sink, system_clock(),
                                                   session.random());
  }
  sink::ChangeSink& writer = present ? static_cast<sink::ChangeSink&>(*present) : sink;
  session.work_begins(Session::Work::kToBeRepeated);
  const jobs::ReplayOptions options{.other_target = command.other_target};
  auto result = co_await jobs::replay_dead_letters(**letters, writer, system_clock(), session.random(), options);
  if (!result) co_return end(result.error(), ExitCode::kState);

  const ExitCode exit_code = result->stopped_by           ? exit_code_for(*result->stopped_by)
                             : result->still_failing == 0 ? ExitCode::kOk
                                                          : ExitCode::kPoison;
  print_summary(command.common.output == OutputFormat::kJson ? to_json(*result, exit_code) : to_text(*result));
  if (result->stopped_by) complain(*result->stopped_by);
  co_return exit_code;
}

}  // namespace

ExitCode run_replay(const ReplayCommand& command) {
  return run_in_session(command.common, [&](Session& session) { return replay(command, session); });
}

}  // namespace dynamirror::app
