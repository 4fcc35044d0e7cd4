// SPDX-License-Identifier: Apache-2.0
#include "app/cli/diff_command.hpp"

#include <fmt/format.h>

#include <charconv>
#include <exception>
#include <filesystem>
#include <memory>

#include "app/options/work_share.hpp"
#include "app/report/diff_report.hpp"
#include "app/report/old_words.hpp"
#include "app/session/session.hpp"
#include "app/session/shared_job.hpp"
#include "async/run_beside.hpp"
#include "async/sleep.hpp"
#include "base/clock.hpp"
#include "base/console.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "jobs/diff/leased_diff.hpp"
#include "jobs/diff/record_tools.hpp"
#include "service/state_files.hpp"

namespace dynamirror::app {
namespace {

constexpr std::chrono::seconds kProgressInterval{10};

ExitCode end(const Error& error, ExitCode exit_code) {
  complain(error);
  return exit_code;
}

ExitCode code_of(const jobs::JobResult<jobs::DiffVerdict>& ended) {
  if (!ended) return exit_code_of(ended.error().reason);
  return *ended == jobs::DiffVerdict::kEqual ? ExitCode::kOk : ExitCode::kDifferent;
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
  console::say(fmt::format("[progress] Scan rate: {} items/s, {} of primary, {} of replica, {} read again",
                           format_count(static_cast<std::uint64_t>(rate)), format_count(totals.primary_items),
                           format_count(totals.replica_items), format_count(totals.suspects)));
}

/// Runs until cancelled.
template <class Job>
async::Task<> report_diff(const Job& job, const Clock& clock) {
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
  if (options.sample || command.leases.wanted) return options;
  const auto share = work_share(command.segment, command.segments, aws::process_environment());
  if (!share) return std::unexpected(share.error());
  options.share = share->index;
  options.shares = share->count;
  return options;
}

/// What a worker's leases are for: a comparison must not count as a repair.
async::Task<Result<jobs::SharedJob>> shared_job(const jobs::DiffOptions& options, const Sides& sides) {
  const auto primary = co_await sides.primary->dynamodb().describe_table(sides.primary->address().table);
  if (!primary) co_return std::unexpected(primary.error());
  const auto replica = co_await sides.replica->dynamodb().describe_table(sides.replica->address().table);
  if (!replica) co_return std::unexpected(replica.error());
  const bool repairs = options.mode == jobs::DiffOptions::Mode::kRepair;
  co_return jobs::SharedJob{.purpose = options.backfill ? "backfill"
                                       : repairs        ? "repair"
                                                        : "diff",
                            .identity = service::identity_of(*sides.primary, *primary) + " -> " +
                                        service::identity_of(*sides.replica, *replica)};
}

DiffPrinter::Options printer_options(const DiffTablesCommand& command) {
  return {.format = command.common.output,
          .dry_run = command.dry_run,
          .old_words = command.old_words,
          .backfill = command.job.backfill};
}

ExitCode sum_up(const DiffTablesCommand& command, const DiffSummary& summary, bool ended) {
  // Numbers of half a comparison would look like those of a whole one.
  if (command.common.output == OutputFormat::kJson) print_summary(to_json(summary));
  if (command.common.output != OutputFormat::kJson && ended) print_summary(to_text(summary));
  return summary.exit_code;
}

async::Task<ExitCode> diff_with_others(const DiffTablesCommand& command, jobs::DiffOptions options, Sides& sides,
                                       Session& session) {
  const bool repairs = options.mode == jobs::DiffOptions::Mode::kRepair;
  auto wanted = co_await shared_job(options, sides);
  if (!wanted) co_return end(wanted.error(), exit_code_for(wanted.error()));
  auto shared = co_await service::open_shared_job(session, command.leases, sides.primary->address(),
                                                  command.primary_side, std::move(*wanted));
  if (!shared) co_return end(shared.error(), exit_code_for(shared.error()));
  DiffSummary summary;
  summary.primary = sides.primary->display();
  summary.replica = sides.replica->display();
  summary.repair = repairs;
  if (shared->rows.complete()) {
    summary.shared = service::complete_already(*shared);
    co_return sum_up(command, summary, true);
  }
  const jobs::SharedTerms terms_wanted{.segments = command.lease_segments};
  auto terms = co_await jobs::join_shared_job(*shared->leases.store, shared->names(), terms_wanted, system_clock(),
                                              session.random());
  if (!terms) co_return end(terms.error(), exit_code_for(terms.error()));

  DiffPrinter printer(printer_options(command), session.stop());
  session.work_begins(Session::Work::kCheckpointed);
  const jobs::LeasedDiffParts parts{.primary = *sides.primary,
                                    .replica = *sides.replica,
                                    .report = printer,
                                    .leases = *shared->leases.store,
                                    .stop = session.stop(),
                                    .clock = system_clock(),
                                    .random = session.random()};
  jobs::LeasedDiff job(parts, std::move(options),
                       {.job = shared->job, .terms = std::move(*terms), .worker = shared->leases.worker},
                       session.executor());
  const auto ended = co_await async::run_beside(report_diff(job, system_clock()), job.run());
  summary.totals = job.totals();
  summary.shared = service::SharedJobSummary{.table = shared->leases.table, .status = job.status()};
  summary.requests = sides.primary->requests() + sides.replica->requests();
  if (shared->leases.side) summary.requests += shared->leases.side->requests();
  summary.exit_code = code_of(ended);
  if (!ended) summary.error = to_line(ended.error().error);
  if (!ended) complain(ended.error().error);
  co_return sum_up(command, summary, ended.has_value());
}

async::Task<ExitCode> diff_tables(const DiffTablesCommand& command, Session& session) {
  auto sides = open_sides(command, session);
  if (!sides) co_return end(sides.error(), exit_code_for(sides.error()));
  auto options = job_options(command);
  if (!options) co_return end(options.error(), ExitCode::kUsage);
  if (command.leases.wanted) co_return co_await diff_with_others(command, std::move(*options), *sides, session);
  const bool repairs = options->mode == jobs::DiffOptions::Mode::kRepair;

  DiffPrinter printer(printer_options(command), session.stop());
  session.work_begins(Session::Work::kToBeRepeated);
  const jobs::DiffTables::Surroundings around{system_clock(), session.random(), session.stop()};
  jobs::DiffTables job(std::move(*options), *sides->primary, *sides->replica, printer, around);
  const SteadyTime begun = system_clock().steady_now();
  const auto ended = co_await async::run_beside(report_diff(job, system_clock()), job.run());

  if (ended) show_progress(job.totals(), begun, system_clock());
  const DiffSummary summary{.primary = sides->primary->display(),
                            .replica = sides->replica->display(),
                            .totals = job.totals(),
                            .requests = sides->primary->requests() + sides->replica->requests(),
                            .repair = repairs,
                            .shared = {},
                            .exit_code = code_of(ended),
                            .error = ended ? "" : to_line(ended.error().error)};
  (void)sum_up(command, summary, ended.has_value());
  if (!ended) co_return end(ended.error().error, code_of(ended));
  co_return code_of(ended);
}

std::string or_nothing(const std::string& item_json, std::string_view nothing) {
  return item_json.empty() ? std::string(nothing) : json_on_one_line(item_json);
}

async::Task<ExitCode> diff_record(const RecordPairCommand& command, Session& session) {
  auto sides = open_sides(command, session);
  if (!sides) co_return end(sides.error(), exit_code_for(sides.error()));
  const auto result =
      co_await jobs::diff_record(*sides->primary, *sides->replica, command.key, system_clock(), session.random());
  if (!result) co_return end(result.error().error, exit_code_of(result.error().reason));
  const std::string_view kind = result->equal                  ? "equal"
                                : result->replica_json.empty() ? "missing"
                                : result->primary_json.empty() ? "extraneous"
                                                               : "different";
  if (command.common.output == OutputFormat::kJson) {
    print(fmt::format("{{\"key\":{},\"result\":\"{}\",\"primary\":{},\"replica\":{}}}\n", result->key_json, kind,
                      or_nothing(result->primary_json, "null"), or_nothing(result->replica_json, "null")));
  } else {
    print(fmt::format("primary: {}\nreplica: {}\n{}\n{}", or_nothing(result->primary_json, "no such record"),
                      or_nothing(result->replica_json, "no such record"),
                      finding_text(kind, result->key_json, result->attributes, command.old_words),
                      command.old_words ? old_verdict(result->equal) : ""));
  }
  co_return result->equal ? ExitCode::kOk : ExitCode::kDifferent;
}

async::Task<ExitCode> replicate_record(const RecordPairCommand& command, Session& session) {
  auto sides = open_sides(command, session);
  if (!sides) co_return end(sides.error(), exit_code_for(sides.error()));
  session.work_begins(Session::Work::kToBeRepeated);
  const auto result =
      co_await jobs::replicate_record(*sides->primary, *sides->replica, command.key, system_clock(), session.random());
  if (!result) co_return end(result.error().error, exit_code_of(result.error().reason));
  const std::string_view outcome = to_string(result->outcome);
  if (command.common.output == OutputFormat::kJson) {
    print(fmt::format("{{\"key\":{},\"result\":\"{}\"}}\n", result->key_json, outcome));
  } else {
    print(fmt::format("[{}] {}\n", outcome, result->key_json));
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
