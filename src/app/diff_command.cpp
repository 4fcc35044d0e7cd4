// SPDX-License-Identifier: Apache-2.0
#include "app/diff_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>

#include "app/diff_report.hpp"
#include "app/session.hpp"
#include "app/work_share.hpp"
#include "async/sleep.hpp"
#include "async/task_group.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "jobs/record_tools.hpp"

namespace dynamirror::app {
namespace {

using jobs::ExitCode;

constexpr std::chrono::seconds kProgressInterval{10};

ExitCode end(const Error& error, ExitCode exit_code) {
  complain(error);
  return exit_code;
}

/// Both tables as the user named them.
struct Sides {
  std::unique_ptr<jobs::TableSide> primary;
  std::unique_ptr<jobs::TableSide> replica;
};

template <class Command>
Result<Sides> open_sides(const Command& command, Session& session) {
  auto primary = session.open_side(command.primary, command.primary_side);
  if (!primary) return std::unexpected(std::move(primary.error()));
  auto replica = session.open_side(command.replica, command.replica_side);
  if (!replica) return std::unexpected(std::move(replica.error()));
  return Sides{std::move(*primary), std::move(*replica)};
}

void show_progress(const jobs::DiffTotals& totals, SteadyTime since, const Clock& clock) {
  const double seconds = std::chrono::duration<double>(clock.steady_now() - since).count();
  const auto rate = static_cast<double>(totals.primary_items + totals.replica_items) / std::max(seconds, 0.001);
  fmt::print(stderr, "[progress] Scan rate: {} items/s, {} of primary, {} of replica, {} read again\n",
             format_count(static_cast<std::uint64_t>(rate)), format_count(totals.primary_items),
             format_count(totals.replica_items), format_count(totals.suspects));
}

/// Runs until cancelled.
async::Task<> report_diff(const jobs::DiffTables& job, const Clock& clock) {
  const SteadyTime begun = clock.steady_now();
  while (true) {
    co_await async::sleep_for(kProgressInterval);
    show_progress(job.totals(), begun, clock);
  }
}

/// The options of the job, with what other options and the environment decide.
Result<jobs::DiffOptions> job_options(const DiffTablesCommand& command) {
  jobs::DiffOptions options = command.job;
  using Mode = jobs::DiffOptions::Mode;
  if (command.repair) options.mode = command.dry_run ? Mode::kDryRun : Mode::kRepair;
  std::error_code ignored;
  const auto temp = std::filesystem::temp_directory_path(ignored);
  options.temp_folder = !command.temp_folder.empty() ? command.temp_folder : temp.empty() ? "/tmp" : temp.string();
  if (options.sample) return options;
  const auto share = work_share(command.segment, command.segments, aws::process_environment());
  if (!share) return std::unexpected(share.error());
  options.share = share->index;
  options.shares = share->count;
  return options;
}

async::Task<ExitCode> diff_tables(const DiffTablesCommand& command, Session& session) {
  auto sides = open_sides(command, session);
  if (!sides) co_return end(sides.error(), ExitCode::kUsage);
  auto options = job_options(command);
  if (!options) co_return end(options.error(), ExitCode::kUsage);
  const bool repairs = options->mode == jobs::DiffOptions::Mode::kRepair;
  const bool json = command.common.output == OutputFormat::kJson;

  DiffPrinter printer(command.common.output, command.dry_run);
  const jobs::DiffTables::Surroundings around{system_clock(), session.random(), session.stop()};
  jobs::DiffTables job(std::move(*options), *sides->primary, *sides->replica, printer, around);
  const SteadyTime begun = system_clock().steady_now();
  async::TaskGroup background(session.executor());
  background.spawn(report_diff(job, system_clock()));
  const auto ended = co_await job.run();
  background.cancel();
  co_await background.join();

  if (ended) show_progress(job.totals(), begun, system_clock());
  const DiffSummary summary{.primary = sides->primary->display(),
                            .replica = sides->replica->display(),
                            .totals = job.totals(),
                            .requests = sides->primary->requests() + sides->replica->requests(),
                            .repair = repairs,
                            .exit_code = ended ? *ended : ended.error().exit_code,
                            .error = ended ? "" : to_line(ended.error().error)};
  // Numbers of half a comparison would look like those of a whole one.
  if (json) fmt::print("{}", to_json(summary));
  if (!json && ended) fmt::print("{}", to_text(summary));
  if (!ended) co_return end(ended.error().error, ended.error().exit_code);
  co_return *ended;
}

std::string or_nothing(const std::string& item_json, std::string_view nothing) {
  return item_json.empty() ? std::string(nothing) : item_json;
}

async::Task<ExitCode> diff_record(const RecordPairCommand& command, Session& session) {
  auto sides = open_sides(command, session);
  if (!sides) co_return end(sides.error(), ExitCode::kUsage);
  const auto result =
      co_await jobs::diff_record(*sides->primary, *sides->replica, command.key, system_clock(), session.random());
  if (!result) co_return end(result.error().error, result.error().exit_code);
  const std::string_view kind = result->equal                  ? "equal"
                                : result->replica_json.empty() ? "missing"
                                : result->primary_json.empty() ? "extraneous"
                                                               : "different";
  if (command.common.output == OutputFormat::kJson) {
    fmt::print("{{\"key\":{},\"result\":\"{}\",\"primary\":{},\"replica\":{}}}\n", result->key_json, kind,
               or_nothing(result->primary_json, "null"), or_nothing(result->replica_json, "null"));
  } else {
    fmt::print("primary: {}\nreplica: {}\n[{}] {}{}{}\n", or_nothing(result->primary_json, "no such record"),
               or_nothing(result->replica_json, "no such record"), kind, result->key_json,
               result->attributes.empty() ? "" : " ", fmt::join(result->attributes, ","));
  }
  co_return result->equal ? ExitCode::kOk : ExitCode::kDifferent;
}

async::Task<ExitCode> replicate_record(const RecordPairCommand& command, Session& session) {
  auto sides = open_sides(command, session);
  if (!sides) co_return end(sides.error(), ExitCode::kUsage);
  const auto result =
      co_await jobs::replicate_record(*sides->primary, *sides->replica, command.key, system_clock(), session.random());
  if (!result) co_return end(result.error().error, result.error().exit_code);
  const std::string_view outcome = to_string(result->outcome);
  if (command.common.output == OutputFormat::kJson) {
    fmt::print("{{\"key\":{},\"result\":\"{}\"}}\n", result->key_json, outcome);
  } else {
    fmt::print("[{}] {}\n", outcome, result->key_json);
  }
  const bool done =
      result->outcome != jobs::RepairOutcome::kChanging && result->outcome != jobs::RepairOutcome::kRefused;
  co_return done ? ExitCode::kOk : ExitCode::kDifferent;
}

}  // namespace

ExitCode run_diff_tables(const DiffTablesCommand& command) {
  return run_in_session(command.common, [&](Session& session) { return diff_tables(command, session); });
}
ExitCode run_diff_record(const RecordPairCommand& command) {
  return run_in_session(command.common, [&](Session& session) { return diff_record(command, session); });
}
ExitCode run_replicate_record(const RecordPairCommand& command) {
  return run_in_session(command.common, [&](Session& session) { return replicate_record(command, session); });
}

Result<double> parse_sample(std::string_view text) {
  std::string_view number = text;
  const bool percent = number.ends_with('%');
  if (percent) number.remove_suffix(1);
  double share = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), share);
  if (percent) share /= 100;
  if (error == std::errc{} && end == number.data() + number.size() && share > 0 && share <= 1) return share;
  return failure(ErrorClass::kInvalid, "read the sample", std::string(text), "give a share such as 1% or 0.01");
}

}  // namespace dynamirror::app
