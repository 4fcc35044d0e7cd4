// SPDX-License-Identifier: Apache-2.0
#include "app/cli/replay_command.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "app/session/session.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "jobs/dead_letters/letter_queue.hpp"
#include "jobs/dead_letters/replay_dead_letters.hpp"
#include "jobs/dead_letters/replay_stored_letters.hpp"
#include "sink/dead_letters.hpp"
#include "sink/differing_items.hpp"
#include "sink/present_items.hpp"
#include "sink/table_sink.hpp"

namespace dynamirror::app {
namespace {

ExitCode end(const Error& error, ExitCode exit_code) {
  complain(error);
  return exit_code;
}

/// Where functions leave their letters, rather than a file.
bool is_left_by_functions(const std::string& file) { return file.starts_with("file:") || file.contains("://"); }

/// The table that refused the changes, and the one that has their items; ready to be written to.
struct Ends {
  std::unique_ptr<jobs::TableSide> target;
  std::unique_ptr<jobs::TableSide> primary;
  std::optional<sink::TableSink> table{};
  std::optional<sink::PresentItems> present{};
  std::optional<sink::DifferingItems> differing{};  ///< of functions' letters: they write on meanwhile
  sink::ChangeSink* writer = nullptr;
};

async::Task<Status> open_ends(const ReplayCommand& command, Session& session, Ends& ends) {
  auto target = session.open_side(command.target, command.target_side);
  if (!target) co_return std::unexpected(std::move(target.error()));
  ends.target = std::move(*target);
  auto table = co_await ends.target->dynamodb().describe_table(ends.target->address().table);
  if (!table) {
    Error trouble = std::move(table.error());
    if (trouble.error_class == ErrorClass::kNotFound) {
      trouble.resource = ends.target->display();
      trouble.message = "there is no such table; check its name, region and account";
    }
    co_return std::unexpected(std::move(trouble));
  }
  sink::TableSink::Options write_to{.table = table->name, .key = table->key};
  write_to.max_write_units = command.max_write_units;
  ends.writer = &ends.table.emplace(std::move(write_to), ends.target->dynamodb(), system_clock());
  if (command.primary.empty()) co_return Status{};
  auto primary = session.open_side(command.primary, command.primary_side);
  if (!primary) co_return std::unexpected(std::move(primary.error()));
  ends.primary = std::move(*primary);
  const TableName& items = ends.primary->address().table;
  aws::DynamoDbClient& reads = ends.primary->dynamodb();
  if (is_left_by_functions(command.file)) {
    sink::DifferingItems::Options both{.replica = table->name, .primary = items, .key = table->key};
    both.max_write_units = command.max_write_units;
    const sink::DifferingItems::Parts parts{ends.target->dynamodb(), reads, system_clock(), session.random()};
    ends.writer = &ends.differing.emplace(std::move(both), parts);
    co_return Status{};
  }
  sink::ItemReader::Options read_from{.table = items, .key = table->key};
  ends.writer = &ends.present.emplace(std::move(read_from), reads, *ends.table, system_clock(), session.random());
  co_return Status{};
}

ExitCode exit_code_of(const jobs::ReplayResult& result) {
  if (result.stopped_by) return exit_code_for(*result.stopped_by);
  return result.still_failing == 0 ? ExitCode::kOk : ExitCode::kPoison;
}

// ---- a file

std::string to_text(const jobs::ReplayResult& result) {
  return fmt::format("{} dead letters of {} keys: {} keys applied, {} keys still failing\n",
                     format_count(result.entries), format_count(result.keys), format_count(result.applied),
                     format_count(result.still_failing));
}

/// `more`: further members, each with a comma behind it.
std::string to_json(const jobs::ReplayResult& result, const std::optional<Error>& error, ExitCode exit_code,
                    const std::string& more = {}) {
  return fmt::format(
      R"({{"entries":{},"keys":{},"applied":{},"superseded":{},"still_failing":{},{}"exit_code":{},"error":{}}})"
      "\n",
      result.entries, result.keys, result.applied, result.superseded, result.still_failing, more,
      static_cast<int>(exit_code), error ? json_quoted(to_line(*error)) : "null");
}

async::Task<ExitCode> replay_file(const ReplayCommand& command, Session& session) {
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
  Ends ends;
  const auto opened = co_await open_ends(command, session, ends);
  if (!opened) co_return fail(opened.error());
  auto letters = sink::DeadLetters::open({.file = command.file});
  if (!letters) co_return end(letters.error(), ExitCode::kState);
  session.work_begins(Session::Work::kToBeRepeated);
  const jobs::ReplayOptions options{.other_target = command.other_target};
  auto result = co_await jobs::replay_dead_letters(**letters, *ends.writer, system_clock(), session.random(), options);
  if (!result) co_return end(result.error(), ExitCode::kState);

  const ExitCode exit_code = exit_code_of(*result);
  const bool json = command.common.output == OutputFormat::kJson;
  print_summary(json ? to_json(*result, result->stopped_by, exit_code) : to_text(*result));
  if (result->stopped_by) complain(*result->stopped_by);
  co_return exit_code;
}

// ---- what functions have left

std::string to_text(const jobs::StoredReplayResult& result) {
  const auto left = result.batches - result.removed;
  return to_text(result.letters) + fmt::format("{} batches of letters: {} done and removed, {} left\n",
                                               format_count(result.batches), format_count(result.removed),
                                               format_count(left));
}

std::string to_json(const jobs::StoredReplayResult& result, const std::optional<Error>& error, ExitCode exit_code) {
  const std::string more = fmt::format(R"("batches":{},"removed":{},"of_other_tables":{},)", result.batches,
                                       result.removed, result.of_other_tables);
  return to_json(result.letters, error, exit_code, more);
}

/// Letters in a bucket, a folder or a queue.
struct Place {
  std::unique_ptr<objects::ObjectStore> store{};
  std::unique_ptr<jobs::StoredLetters> letters{};
};

Result<Place> open_place(const ReplayCommand& command, Session& session) {
  Place place;
  if (aws::is_queue_address(command.file)) {
    aws::SideOptions side = command.store.side;
    side.side = "dead letters";
    side.region = command.store.region;
    const auto around = session.surroundings(side);
    if (!around) return std::unexpected(around.error());
    auto queue = jobs::LetterQueue::open(command.file, std::move(side), *around);
    if (!queue) return std::unexpected(std::move(queue.error()));
    place.letters = std::move(*queue);
    return place;
  }
  auto store = session.open_store(command.file, command.store);
  if (!store) return std::unexpected(std::move(store.error()));
  place.store = std::move(*store);
  place.letters = std::make_unique<jobs::LetterObjects>(*place.store);
  return place;
}

async::Task<ExitCode> replay_stored(const ReplayCommand& command, Session& session) {
  if (command.primary.empty()) {
    co_return fail({.error_class = ErrorClass::kInvalid,
                    .doing = "replay dead letters",
                    .resource = command.file,
                    .code = {},
                    .message = "those of functions tell keys only; name the table that has the items with --primary"});
  }
  const auto place = open_place(command, session);
  if (!place) co_return fail(place.error());
  Ends ends;
  const auto opened = co_await open_ends(command, session, ends);
  if (!opened) co_return fail(opened.error());
  session.work_begins(Session::Work::kToBeRepeated);
  jobs::StoredReplayOptions options{.table = ends.primary->address().table.str()};
  options.replay.other_target = command.other_target;
  auto result =
      co_await jobs::replay_stored_letters(*place->letters, *ends.writer, system_clock(), session.random(), options);
  if (!result) co_return fail(result.error());

  ExitCode exit_code = exit_code_of(result->letters);
  std::optional<Error> error = result->letters.stopped_by;
  if (!error && result->damaged) {
    error = result->damaged;
    exit_code = ExitCode::kState;
  }
  const bool json = command.common.output == OutputFormat::kJson;
  print_summary(json ? to_json(*result, error, exit_code) : to_text(*result));
  if (error) complain(*error);
  co_return exit_code;
}

}  // namespace

ExitCode run_replay(const ReplayCommand& command) {
  return run_in_session(command.common, [&](Session& session) {
    return is_left_by_functions(command.file) ? replay_stored(command, session) : replay_file(command, session);
  });
}

}  // namespace dynamirror::app
