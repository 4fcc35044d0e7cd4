// SPDX-License-Identifier: Apache-2.0
#include "app/cli/copy_command.hpp"

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <utility>

#include "app/options/work_share.hpp"
#include "app/report/copy_summary.hpp"
#include "app/report/progress.hpp"
#include "app/session/session.hpp"
#include "async/run_beside.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "jobs/prepare/copy_preflight.hpp"
#include "jobs/segments/leased_segments.hpp"
#include "jobs/segments/local_segments.hpp"
#include "service/state_files.hpp"
#include "sink/table_sink.hpp"

namespace dynamirror::app {
namespace {

/// One run of the command on the session's loop.
class CopyRun {
 public:
  CopyRun(const CopyCommand& command, WorkShare share, Session& session)
      : command_(command), share_(share), session_(session), begun_(system_clock().steady_now()) {}

  async::Task<ExitCode> run() {
    summary_.source = command_.source;
    summary_.target = command_.target;
    summary_.dry_run = command_.dry_run;
    summary_.exit_code = co_await prepare();
    if (started_) sum_up();
    co_return summary_.exit_code;
  }

 private:
  struct Sides {
    jobs::TableSide& source;
    jobs::TableSide& target;
  };

  ExitCode end(const Error& error, ExitCode exit_code) {
    complain(error);
    summary_.error = to_line(error);
    return exit_code;
  }

  async::Task<ExitCode> prepare() {
    auto source = session_.open_side(command_.source, command_.source_side);
    if (!source) co_return end(source.error(), exit_code_for(source.error()));
    auto target = session_.open_side(command_.target, command_.target_side);
    if (!target) co_return end(target.error(), exit_code_for(target.error()));
    const jobs::CopyPreflightOptions options{.create_target = command_.create_target, .dry_run = command_.dry_run};
    auto tables = co_await jobs::copy_preflight(**source, **target, options);
    if (!tables) co_return end(tables.error().error, exit_code_of(tables.error().reason));
    say_estimate(tables->source);
    co_return co_await with_files(**source, **target, *tables);
  }

  [[nodiscard]] bool only_checks() const { return command_.dry_run || command_.prepare_only; }

  void say_estimate(const aws::TableDescription& table) const {
    const auto estimate = jobs::estimate_copy(table, {.consistent = command_.consistent, .shares = share_.count});
    log::info(only_checks() ? "would copy" : "copying", {{"source", command_.source},
                                                         {"target", command_.target},
                                                         {"segment", std::to_string(share_.index)},
                                                         {"segments", std::to_string(share_.count)},
                                                         {"estimate", jobs::to_text(estimate)}});
  }

  /// A share is a copy of its own: it has its own state file.
  [[nodiscard]] state::ReplicationIdentity identity(const jobs::TableSide& source, const jobs::TableSide& target,
                                                    const jobs::CopyTables& tables) const {
    std::string share;
    if (share_.count > 1) share = fmt::format(" (segment {} of {})", share_.index, share_.count);
    return {.source = service::identity_of(source, tables.source),
            .target = service::identity_of(target, tables.target) + share,
            .source_id = tables.source.id,
            .target_id = tables.target.id};
  }

  async::Task<ExitCode> with_files(jobs::TableSide& source, jobs::TableSide& target, const jobs::CopyTables& tables) {
    if (only_checks()) {
      const ExitCode checked = tables.target_is_planned ? ExitCode::kOk : co_await check_target(target, false);
      started_ = checked == ExitCode::kOk;
      co_return checked;
    }
    if (command_.leases.wanted) co_return co_await with_leases(source, target, tables);
    const auto wanted = identity(source, target, tables);
    const service::StateFileOptions options{.state = command_.state_file,
                                            .kind = ".copy",
                                            .dead_letters = command_.dead_letter_file,
                                            .without_dead_letters = command_.stop_on_error};
    auto files = service::open_state_files(options, wanted);
    if (!files) co_return end(files.error(), ExitCode::kState);
    // Only a dry run has another store than a state file.
    auto& store = dynamic_cast<state::ScanStore&>(*files->store);
    const auto scan = store.load_scan();
    if (!scan) co_return end(scan.error(), ExitCode::kState);
    const ExitCode checked = co_await check_target(target, scan->has_value());
    if (checked != ExitCode::kOk) co_return checked;
    co_return co_await copy_alone({source, target}, tables, *files, store);
  }

  async::Task<ExitCode> with_leases(jobs::TableSide& source, jobs::TableSide& target, const jobs::CopyTables& tables) {
    const auto between = identity(source, target, tables);
    jobs::SharedJob job{.purpose = "copy", .identity = between.source + " -> " + between.target};
    auto shared = co_await open_shared_job(session_, command_.leases, source.address(), command_.source_side, job);
    if (!shared) co_return end(shared.error(), exit_code_for(shared.error()));
    if (shared->rows.complete()) {
      summary_.shared = complete_already(*shared);
      started_ = true;
      co_return ExitCode::kOk;
    }
    const ExitCode checked = co_await check_target(target, shared->rows.terms.has_value(), &*shared);
    if (checked != ExitCode::kOk) co_return checked;
    const jobs::SharedTerms wanted{.segments = command_.lease_segments};
    auto terms = co_await jobs::join_shared_job(*shared->leases.store, shared->names(), wanted, system_clock(),
                                                session_.random());
    if (!terms) co_return end(terms.error(), exit_code_for(terms.error()));
    auto letters = service::open_dead_letters(command_.dead_letter_file);
    if (!letters) co_return end(letters.error(), ExitCode::kState);
    co_return co_await copy_with_others({source, target}, tables, letters->get(), *shared, std::move(*terms));
  }

  /// Of several processes that begin a job at once, one may find what another has copied already.
  /// `shared` is null without leases.
  async::Task<ExitCode> check_target(jobs::TableSide& target, bool resuming, const SharedJobSession* shared = nullptr) {
    if (resuming || command_.overwrite) co_return ExitCode::kOk;
    const auto filled = co_await jobs::has_items(target, session_.random());
    if (!filled) co_return end(filled.error(), exit_code_for(filled.error()));
    if (!*filled) co_return ExitCode::kOk;
    if (shared != nullptr) {
      const auto begun = co_await shared->has_begun();
      if (!begun) co_return end(begun.error(), exit_code_for(begun.error()));
      if (*begun) co_return ExitCode::kOk;
    }
    Error refusal{.error_class = ErrorClass::kInvalid,
                  .doing = "copy to table",
                  .resource = target.display(),
                  .code = {},
                  .message =
                      "it holds items already; start with --overwrite to write over those with the same keys "
                      "(others stay), as is also needed when several segments are copied by several processes"};
    co_return end(refusal, ExitCode::kNotReady);
  }

  async::Task<ExitCode> copy_alone(Sides sides, const jobs::CopyTables& tables, service::StateFiles& files,
                                   state::ScanStore& store) {
    const jobs::ScanPlan plan{
        .table = tables.source.name, .share = share_.index, .shares = share_.count, .split = command_.split};
    jobs::LocalSegments segments(store, {.plan = plan}, session_.executor());
    Manner manner{segments, files.dead_letters.get(), job_options(tables.source.name)};
    const ExitCode copied = co_await copy(sides, tables, std::move(manner));
    if (copied != ExitCode::kOk) co_return copied;
    // The next copy of these tables is a new one.
    if (auto removed = store.remove_scan(); !removed) co_return end(removed.error(), ExitCode::kState);
    co_return with_letters(files.dead_letters.get());
  }

  async::Task<ExitCode> copy_with_others(Sides sides, const jobs::CopyTables& tables, sink::DeadLetters* letters,
                                         SharedJobSession& shared, jobs::SharedTerms terms) {
    jobs::CopyOptions options = job_options(tables.source.name);
    options.scan.split = terms.segments;
    options.wind_down_time = shared.leases.worker.failover / 2;
    jobs::LeasedSegments segments({*shared.leases.store, system_clock(), session_.random(), session_.executor()},
                                  {.job = shared.job, .terms = std::move(terms), .worker = shared.leases.worker});
    Manner manner{segments, letters, std::move(options)};
    const ExitCode copied = co_await copy(sides, tables, std::move(manner));
    summary_.shared = SharedJobSummary{.table = shared.leases.table, .status = segments.status()};
    if (shared.leases.side) summary_.requests += shared.leases.side->requests();
    co_return copied == ExitCode::kOk ? with_letters(letters) : copied;
  }

  /// Who hands out the segments, and what becomes of refused items.
  struct Manner {
    jobs::SegmentKeeper& keeper;
    sink::DeadLetters* letters;
    jobs::CopyOptions options;
  };

  async::Task<ExitCode> copy(Sides sides, const jobs::CopyTables& tables, Manner&& manner) {
    sink::TableSink table(
        {.table = tables.target.name, .key = tables.target.key, .max_write_units = command_.max_write_units},
        sides.target.dynamodb(), system_clock());
    const jobs::CopyParts parts{.source = sides.source.dynamodb(),
                                .key = tables.source.key,
                                .sink = table,
                                .dead_letters = manner.letters,
                                .keeper = manner.keeper,
                                .stop = session_.stop(),
                                .clock = system_clock(),
                                .random = session_.random()};
    jobs::TableCopy job(parts, std::move(manner.options), session_.executor());
    begin();
    const std::function<WorkDone()> done = [&] {
      const jobs::CopyStatus status = job.status();
      return WorkDone{
          .items = status.counters.settled(),
          .total = command_.leases.wanted ? 0 : static_cast<std::uint64_t>(tables.source.item_count) / share_.count,
          .more =
              fmt::format("{} of {} segments done, {:.0f} read units, {:.0f} write units", status.scan.segments_done,
                          status.scan.segments, status.scan.consumed_units, table.statistics().consumed_units)};
    };
    auto ended = co_await async::run_beside(report_work(done, system_clock()), job.run());
    summary_.status = job.status();
    summary_.consumed_write_units = table.statistics().consumed_units;
    summary_.requests = sides.source.requests() + sides.target.requests();
    if (!ended) co_return end(ended.error().error, exit_code_of(ended.error().reason));
    co_return ExitCode::kOk;
  }

  void begin() {
    started_ = true;
    session_.work_begins(Session::Work::kCheckpointed);
  }

  ExitCode with_letters(const sink::DeadLetters* letters) {
    summary_.dead_letter_keys = letters == nullptr ? 0 : letters->keys();
    const auto missing = service::missing_keys(letters, command_.target);
    return missing ? end(*missing, ExitCode::kPoison) : ExitCode::kOk;
  }

  [[nodiscard]] jobs::CopyOptions job_options(const TableName& source) const {
    return {.scan = {.table = source,
                     .share = share_.index,
                     .shares = share_.count,
                     .split = command_.split,
                     .consistent = command_.consistent,
                     .max_read_units = command_.max_read_units},
            .pipeline = {.writing = {.max_concurrent_writes = command_.max_concurrent_writes}}};
  }

  void sum_up() {
    summary_.duration = std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().steady_now() - begun_);
    print_summary(command_.common.output == OutputFormat::kJson ? to_json(summary_) : to_text(summary_));
  }

  const CopyCommand& command_;
  WorkShare share_;
  Session& session_;
  SteadyTime begun_;
  bool started_ = false;  ///< before both tables are found fit, and may be written to, there is nothing to sum up
  CopySummary summary_;
};

async::Task<ExitCode> copy(const CopyCommand& command, WorkShare share, Session& session) {
  CopyRun run(command, share, session);
  co_return co_await run.run();
}

}  // namespace

ExitCode run_copy(const CopyCommand& command) {
  // With leases, a batch system's numbers for its processes mean nothing: each takes what it can.
  const auto share = command.leases.wanted ? Result<WorkShare>(WorkShare{})
                                           : work_share(command.segment, command.segments, aws::process_environment());
  if (!share) {
    complain(share.error());
    return ExitCode::kUsage;
  }
  CommonOptions common = command.common;
  // Source and target (and leases) may be one endpoint.
  common.max_connections = command.max_concurrent_writes + command.split + (command.leases.wanted ? 8 : 0);
  return run_in_session(common, [&](Session& session) { return copy(command, *share, session); });
}

}  // namespace dynamirror::app
