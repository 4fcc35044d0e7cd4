// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "app/cli/backup_commands.hpp"
#include "app/options/work_share.hpp"
#include "app/report/progress.hpp"
#include "app/session/session.hpp"
#include "app/session/shared_job.hpp"
#include "app/session/store_session.hpp"
#include "async/run_beside.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "jobs/dump/backup_table.hpp"
#include "jobs/dump/join_dump.hpp"
#include "jobs/dump/leased_backup.hpp"
#include "metrics/metrics.hpp"
#include "service/state_files.hpp"

namespace dynamirror::app {
namespace {

std::string random_job_id(Random& random) { return fmt::format("{:016x}", random.next()); }

/// What a backup came to, beside its result.
struct Costs {
  double seconds = 0;
  std::uint64_t requests = 0;  ///< to the table and to the bucket, retries included
  std::optional<service::SharedJobSummary> shared{};
};

std::string summary_text(const BackupTableCommand& command, const jobs::BackupResult& result, std::string_view address,
                         Costs costs) {
  return fmt::format(
      "{} -> {}: {} items, {} bytes, {} stored, in {:.1f} s\n  {:.1f} read units consumed, {} requests\n{}",
      command.table, address, format_count(result.object.lines), format_count(result.object.bytes),
      format_count(result.object.stored_bytes), costs.seconds, result.consumed_read_units, format_count(costs.requests),
      costs.shared ? to_text(*costs.shared) : "");
}

std::string summary_json(const BackupTableCommand& command, const jobs::BackupResult& result, std::string_view address,
                         Costs costs) {
  return fmt::format(
      R"({{"table":{},"object":{},"items":{},"bytes":{},"stored_bytes":{},"sha256":{},"consumed_read_units":{:.1f},)"
      R"("requests":{},"leases":{},"duration_seconds":{:.3f}}})"
      "\n",
      json_quoted(command.table), json_quoted(address), result.object.lines, result.object.bytes,
      result.object.stored_bytes, result.object.sha256.empty() ? "null" : json_quoted(result.object.sha256),
      result.consumed_read_units, costs.requests, to_json(costs.shared), costs.seconds);
}

/// What the table says of itself, which it counts every six hours, and what reading it will cost.
std::string estimate(const aws::TableDescription& table, bool consistent) {
  const double units = static_cast<double>(table.size_bytes) / 4096 * (consistent ? 1 : 0.5);
  return fmt::format("about {} items, {} bytes, {:.0f} read units",
                     format_count(static_cast<std::uint64_t>(table.item_count)),
                     format_count(static_cast<std::uint64_t>(table.size_bytes)), units);
}

class BackupRun {
 public:
  BackupRun(const BackupTableCommand& command, WorkShare share, Session& session)
      : command_(command), share_(share), session_(session), pool_(cpu_threads()) {}

  async::Task<ExitCode> run() {
    if (!command_.metric.empty()) {
      if (const auto fine = metrics::check_metrics_endpoint(session_.environment()); !fine)
        co_return fail(fine.error());
    }
    auto table = session_.open_side(command_.table, command_.table_side);
    if (!table) co_return fail(table.error());
    auto store = session_.open_store(command_.url, command_.store);
    if (!store) co_return co_await give_up(**table, store.error());
    if (command_.join_segments > 0) co_return co_await join(**table, **store);
    auto description = co_await (*table)->dynamodb().describe_table((*table)->address().table);
    if (!description) co_return co_await give_up(**table, named(description.error(), **table));
    if (command_.leases.wanted && !command_.dry_run) co_return co_await with_leases(**table, **store, *description);
    const std::string job_id = command_.job_id.empty() ? random_job_id(session_.random()) : command_.job_id;
    const std::string address = (*store)->describe(job_id + "/" + std::to_string(share_.index));
    log::info(command_.dry_run ? "would back up" : "backing up",
              {{"table", (*table)->display()},
               {"object", address},
               {"estimate", estimate(*description, command_.consistent)}});
    if (command_.dry_run) co_return ExitCode::kOk;
    co_return co_await dump(**table, **store, *description, job_id, address);
  }

 private:
  static Error named(Error error, const jobs::TableSide& table) {
    if (error.error_class == ErrorClass::kNotFound) {
      error.resource = table.display();
      error.message = "there is no such table; check its name, region and account";
    }
    return error;
  }

  /// A failure before the dump has begun is one for the alarms, too.
  async::Task<ExitCode> give_up(jobs::TableSide& table, Error error) {
    const jobs::JobResult<jobs::BackupResult> failed = jobs::job_failure(error);
    if (!command_.dry_run) co_await send_metrics(table, failed);
    co_return fail(error);
  }

  async::Task<ExitCode> dump(jobs::TableSide& table, objects::ObjectStore& store,
                             const aws::TableDescription& description, std::string job_id, std::string address) {
    jobs::BackupOptions options{.job_id = std::move(job_id),
                                .compression = command_.plain ? jobs::Compression::kNone : jobs::Compression::kGzip,
                                .scan = {.table = description.name,
                                         .share = share_.index,
                                         .shares = share_.count,
                                         .split = command_.split,
                                         .consistent = command_.consistent,
                                         .max_read_units = command_.max_read_units}};
    session_.work_begins(Session::Work::kToBeRepeated);
    source::TableScan scan(options.scan, table.dynamodb(), system_clock(), session_.random(), session_.executor());
    const std::function<WorkDone()> done = [&] {
      return WorkDone{.items = scan.statistics().items,
                      .total = static_cast<std::uint64_t>(description.item_count) / share_.count,
                      .more = fmt::format("{:.0f} read units", scan.statistics().consumed_units)};
    };
    const SteadyTime begun = system_clock().steady_now();
    auto dump = jobs::backup_table(table, store, std::move(options), pool_, scan, session_.stop(), system_clock());
    auto result = co_await async::run_beside(report_work(done, system_clock()), std::move(dump));
    const Costs costs{.seconds = std::chrono::duration<double>(system_clock().steady_now() - begun).count(),
                      .requests = table.requests() + store.requests()};
    co_await send_metrics(table, result);
    if (!result) co_return fail(result.error());
    say(*result, address, costs);
    co_return ExitCode::kOk;
  }

  /// The step after the segments of several processes.
  async::Task<ExitCode> join(jobs::TableSide& table, objects::ObjectStore& store) {
    const SteadyTime begun = system_clock().steady_now();
    const auto result = co_await jobs::join_dump(store, command_.job_id, command_.join_segments);
    const Costs costs{.seconds = std::chrono::duration<double>(system_clock().steady_now() - begun).count(),
                      .requests = store.requests()};
    co_await send_metrics(table, result);
    if (!result) co_return fail(result.error());
    say(*result, store.describe(command_.job_id + "/"), costs);
    co_return ExitCode::kOk;
  }

  void say(const jobs::BackupResult& result, const std::string& address, const Costs& costs) const {
    print(command_.common.output == OutputFormat::kJson ? summary_json(command_, result, address, costs)
                                                        : summary_text(command_, result, address, costs));
    if (!command_.old_words || command_.common.output == OutputFormat::kJson) return;
    print(fmt::format("Uploaded dynamo backup to {}\nWrote {} items to backup\n", address, result.object.lines));
  }

  async::Task<ExitCode> with_leases(jobs::TableSide& table, objects::ObjectStore& store,
                                    const aws::TableDescription& description) {
    jobs::SharedJob job{.purpose = "backup",
                        .identity = service::identity_of(table, description) + " -> " + store.describe("")};
    auto shared =
        co_await service::open_shared_job(session_, command_.leases, table.address(), command_.table_side, job);
    if (!shared) co_return co_await give_up(table, shared.error());
    jobs::SharedTerms wanted{.segments = command_.lease_segments, .name = command_.job_id};
    if (wanted.name.empty()) wanted.name = random_job_id(session_.random());
    auto terms = co_await jobs::join_shared_job(*shared->leases.store, shared->names(), wanted, system_clock(),
                                                session_.random());
    if (!terms) co_return co_await give_up(table, terms.error());
    if (!command_.job_id.empty() && terms->name != command_.job_id) {
      co_return co_await give_up(table, another_dump(shared->leases.table, terms->name));
    }
    if (shared->rows.complete()) {
      Costs costs{.shared = service::complete_already(*shared)};
      say({}, store.describe(terms->name + "/"), costs);
      co_return ExitCode::kOk;
    }
    co_return co_await dump_with_others(table, store, description, *shared, std::move(*terms));
  }

  [[nodiscard]] Error another_dump(const std::string& leases, const std::string& name) const {
    return {.error_class = ErrorClass::kConflict,
            .doing = "back up as",
            .resource = command_.job_id,
            .code = {},
            .message = "the leases in " + leases + " are those of the dump \"" + name +
                       "\"; leave --jobid out to join it, or start over with `leases reset` or another --lease-table"};
  }

  /// What this worker has added to a dump, in the form of a whole one.
  static jobs::BackupResult dumped(const jobs::LeasedBackupStatus& status) {
    jobs::BackupResult result;
    result.object.lines = status.items;
    result.object.bytes = status.bytes;
    result.object.stored_bytes = status.stored_bytes;
    result.consumed_read_units = status.scan.consumed_units;
    return result;
  }

  async::Task<ExitCode> dump_with_others(jobs::TableSide& table, objects::ObjectStore& store,
                                         const aws::TableDescription& description, service::SharedJobSession& shared,
                                         jobs::SharedTerms terms) {
    const std::string address = store.describe(terms.name + "/");
    log::info(
        "backing up with others",
        {{"table", table.display()}, {"objects", address}, {"estimate", estimate(description, command_.consistent)}});
    jobs::BackupOptions options{.job_id = terms.name,
                                .compression = command_.plain ? jobs::Compression::kNone : jobs::Compression::kGzip,
                                .scan = {.table = description.name,
                                         .split = terms.segments,
                                         .consistent = command_.consistent,
                                         .max_read_units = command_.max_read_units}};
    session_.work_begins(Session::Work::kCheckpointed);
    const jobs::LeasedBackupParts parts{.table = table,
                                        .store = store,
                                        .pool = pool_,
                                        .leases = *shared.leases.store,
                                        .stop = session_.stop(),
                                        .clock = system_clock(),
                                        .random = session_.random()};
    jobs::LeasedBackup job(parts, std::move(options),
                           {.job = shared.job, .terms = std::move(terms), .worker = shared.leases.worker},
                           session_.executor());
    const std::function<WorkDone()> done = [&] {
      const auto status = job.status();
      return WorkDone{.items = status.scan.items,
                      .more = fmt::format("{} of {} segments done by all, {:.0f} read units", status.shared.done,
                                          status.shared.segments, status.scan.consumed_units)};
    };
    const SteadyTime begun = system_clock().steady_now();
    auto ended = co_await async::run_beside(report_work(done, system_clock()), job.run());
    const auto status = job.status();
    const Costs costs{
        .seconds = std::chrono::duration<double>(system_clock().steady_now() - begun).count(),
        .requests = table.requests() + store.requests() + (shared.leases.side ? shared.leases.side->requests() : 0),
        .shared = service::SharedJobSummary{.table = shared.leases.table, .status = status.shared}};
    jobs::JobResult<jobs::BackupResult> result = dumped(status);
    if (ended) say(*result, address, costs);
    if (!ended) result = std::unexpected(std::move(ended.error()));
    co_await send_metrics(table, result);
    if (!result) co_return fail(result.error());
    co_return ExitCode::kOk;
  }

  /// The names that users of the old tool have alarms on. Metrics never fail a backup.
  async::Task<> send_metrics(jobs::TableSide& table, const jobs::JobResult<jobs::BackupResult>& result) {
    if (command_.metric.empty()) co_return;
    std::vector<aws::MetricDatum> data;
    if (result) {
      data.push_back(
          {.name = "BackupSize", .value = static_cast<double>(result->object.stored_bytes), .unit = "Bytes"});
      data.push_back({.name = "BackupRecordCount", .value = static_cast<double>(result->object.lines)});
    } else {
      data.push_back({.name = "BackupErrors", .value = 1});
    }
    metrics::MetricTarget target{.name_space = command_.metric,
                                 .region = table.address().region.str(),
                                 .table = table.address().table.str(),
                                 .side = command_.table_side};
    co_await metrics::publish_metrics(session_.surroundings(), std::move(target), std::move(data));
  }

  const BackupTableCommand& command_;
  WorkShare share_;
  Session& session_;
  async::CpuPool pool_;
};

async::Task<ExitCode> back_up(const BackupTableCommand& command, WorkShare share, Session& session) {
  BackupRun run(command, share, session);
  co_return co_await run.run();
}

}  // namespace

ExitCode run_backup_table(const BackupTableCommand& command) {
  // With leases, a batch system's numbers for its processes mean nothing: each takes what it can.
  const auto share = command.leases.wanted ? Result<WorkShare>(WorkShare{})
                                           : work_share(command.segment, command.segments, aws::process_environment());
  if (!share) return fail(share.error());
  if (share->count > 1 && command.job_id.empty() && command.segments > 0) {
    log::warning("without --jobid each segment is a dump of its own, which cannot be restored as a whole");
  } else if (share->count > 1 && command.job_id.empty()) {
    return fail(Error{.error_class = ErrorClass::kInvalid,
                      .doing = "back up",
                      .resource = command.table,
                      .code = {},
                      .message = "the segments of one dump need one name: give --jobid NAME, the same to all " +
                                 std::to_string(share->count) + " processes"});
  }
  return run_in_session(command.common, [&](Session& session) { return back_up(command, *share, session); });
}

}  // namespace dynamirror::app
