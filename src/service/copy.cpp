// SPDX-License-Identifier: Apache-2.0
#include "service/copy.hpp"

#include <fmt/format.h>

#include <utility>

#include "async/task_group.hpp"
#include "base/log.hpp"
#include "jobs/segments/leased_segments.hpp"
#include "jobs/segments/local_segments.hpp"
#include "sink/table_sink.hpp"

namespace dynamirror::service {

using jobs::JobResult;
using jobs::Reason;

struct Copy::Impl {
  Impl(CopyOptions options_in, Host& host_in, CopyObserver observer_in)
      : options(std::move(options_in)), host(host_in), observer(std::move(observer_in)), beside(host.executor()) {}

  [[nodiscard]] async::Task<JobResult<void>> run(const Copy& copy);
  [[nodiscard]] async::Task<JobResult<void>> prepare();
  [[nodiscard]] async::Task<JobResult<void>> open_alone();
  [[nodiscard]] async::Task<JobResult<void>> join_others();
  [[nodiscard]] async::Task<JobResult<void>> check_target(bool resuming);
  [[nodiscard]] async::Task<JobResult<void>> copy_all(const Copy& copy, jobs::SegmentKeeper& keeper);
  [[nodiscard]] JobResult<void> with_letters();
  [[nodiscard]] state::ReplicationIdentity identity() const;
  [[nodiscard]] bool only_checks() const { return options.preflight.dry_run || options.prepare_only; }
  void say_estimate() const;

  const CopyOptions options;
  Host& host;
  const CopyObserver observer;
  std::optional<jobs::JobFailure> failure{};
  bool begun = false;
  std::size_t dead_letter_keys = 0;
  // In the order in which they are made; none lives in the frame of a coroutine (see the header).
  jobs::CopyOptions job_options{};
  std::unique_ptr<jobs::TableSide> source{};
  std::unique_ptr<jobs::TableSide> target{};
  jobs::CopyTables tables{};
  std::optional<StateFiles> files{};         ///< with leases, the dead letters alone
  state::ScanStore* scans = nullptr;         ///< in the state file
  std::optional<SharedJobSession> others{};  ///< with leases
  std::optional<jobs::LocalSegments> alone{};
  std::optional<jobs::LeasedSegments> shared{};
  std::optional<sink::TableSink> sink{};
  std::optional<jobs::TableCopy> job{};
  async::TaskGroup beside;  ///< whoever looks on
};

Copy::Copy(CopyOptions options, Host& host, CopyObserver observer)
    : impl_(std::make_unique<Impl>(std::move(options), host, std::move(observer))) {}
Copy::~Copy() = default;

async::Task<> Copy::run() {
  auto ended = co_await impl_->run(*this);
  if (!ended) impl_->failure = std::move(ended.error());
}

CopyResult Copy::result() const {
  const Impl& impl = *impl_;
  CopyResult result{.failure = impl.failure, .begun = impl.begun, .dead_letter_keys = impl.dead_letter_keys};
  if (impl.job) {
    result.status = impl.job->status();
    result.consumed_write_units = impl.sink->statistics().consumed_units;
    result.requests = impl.source->requests() + impl.target->requests();
    if (!impl.others) {
      result.expected_items = static_cast<std::uint64_t>(impl.tables.source.item_count) / impl.job_options.scan.shares;
    }
  }
  if (impl.shared) {
    const Leases& leases = impl.others->leases;
    result.shared = SharedJobSummary{.table = leases.table, .status = impl.shared->status()};
    if (leases.side) result.requests += leases.side->requests();
  } else if (impl.others && impl.others->rows.complete()) {
    result.shared = complete_already(*impl.others);
  }
  return result;
}

async::Task<JobResult<void>> Copy::Impl::run(const Copy& copy) {
  if (auto ready = co_await prepare(); !ready) co_return ready;
  say_estimate();
  if (only_checks()) {
    JobResult<void> fit;
    if (!tables.target_is_planned) fit = co_await check_target(false);
    begun = fit.has_value();
    co_return fit;
  }
  JobResult<void> opened;
  if (options.leases.wanted) {
    opened = co_await join_others();
  } else {
    opened = co_await open_alone();
  }
  if (!opened || begun) co_return opened;
  JobResult<void> copied;
  if (shared) {
    copied = co_await copy_all(copy, *shared);
  } else {
    copied = co_await copy_all(copy, *alone);
  }
  if (!copied) co_return copied;
  // The next copy of these tables is a new one.
  if (scans != nullptr) {
    if (auto removed = scans->remove_scan(); !removed) co_return jobs::job_failure(Reason::kState, removed.error());
  }
  co_return with_letters();
}

async::Task<JobResult<void>> Copy::Impl::prepare() {
  auto source_side = host.open_side(options.source.address, options.source.side);
  if (!source_side) co_return jobs::job_failure(std::move(source_side.error()));
  source = std::move(*source_side);
  auto target_side = host.open_side(options.target.address, options.target.side);
  if (!target_side) co_return jobs::job_failure(std::move(target_side.error()));
  target = std::move(*target_side);
  auto found_fit = co_await jobs::copy_preflight(*source, *target, options.preflight);
  if (!found_fit) co_return std::unexpected(std::move(found_fit.error()));
  tables = std::move(*found_fit);
  job_options = options.job;
  job_options.scan.table = tables.source.name;
  co_return JobResult<void>{};
}

void Copy::Impl::say_estimate() const {
  const auto& scan = options.job.scan;
  const auto estimate = jobs::estimate_copy(tables.source, {.consistent = scan.consistent, .shares = scan.shares});
  log::info(only_checks() ? "would copy" : "copying", {{"source", options.source.address},
                                                       {"target", options.target.address},
                                                       {"segment", std::to_string(scan.share)},
                                                       {"segments", std::to_string(scan.shares)},
                                                       {"estimate", jobs::to_text(estimate)}});
}

/// A share is a copy of its own: it has its own state file.
state::ReplicationIdentity Copy::Impl::identity() const {
  const auto& scan = options.job.scan;
  std::string share;
  if (scan.shares > 1) share = fmt::format(" (segment {} of {})", scan.share, scan.shares);
  return {.source = identity_of(*source, tables.source),
          .target = identity_of(*target, tables.target) + share,
          .source_id = tables.source.id,
          .target_id = tables.target.id};
}

async::Task<JobResult<void>> Copy::Impl::open_alone() {
  auto opened = open_state_files(options.files, identity());
  if (!opened) co_return jobs::job_failure(Reason::kState, std::move(opened.error()));
  files.emplace(std::move(*opened));
  // Only a dry run has another store than a state file.
  scans = &dynamic_cast<state::ScanStore&>(*files->store);
  const auto scan = scans->load_scan();
  if (!scan) co_return jobs::job_failure(Reason::kState, scan.error());
  if (auto fit = co_await check_target(scan->has_value()); !fit) co_return fit;
  const jobs::ScanPlan plan{.table = tables.source.name,
                            .share = job_options.scan.share,
                            .shares = job_options.scan.shares,
                            .split = job_options.scan.split};
  alone.emplace(*scans, jobs::LocalSegments::Options{.plan = plan, .save_interval = job_options.save_interval},
                host.executor());
  co_return JobResult<void>{};
}

/// Nothing is left to do, and `begun`, when others are done with all of it.
async::Task<JobResult<void>> Copy::Impl::join_others() {
  const auto between = identity();
  jobs::SharedJob whole{.purpose = "copy", .identity = between.source + " -> " + between.target};
  auto opened = co_await open_shared_job(host, options.leases, source->address(), options.source.side, whole);
  if (!opened) co_return jobs::job_failure(std::move(opened.error()));
  others.emplace(std::move(*opened));
  begun = others->rows.complete();
  if (begun) co_return JobResult<void>{};
  if (auto fit = co_await check_target(others->rows.terms.has_value()); !fit) co_return fit;
  const jobs::SharedTerms wanted{.segments = options.lease_segments};
  auto joined =
      co_await jobs::join_shared_job(*others->leases.store, others->names(), wanted, host.clock(), host.random());
  if (!joined) co_return jobs::job_failure(std::move(joined.error()));
  auto letters = open_dead_letters(options.files.dead_letters);
  if (!letters) co_return jobs::job_failure(Reason::kState, std::move(letters.error()));
  files.emplace();
  files->dead_letters = std::move(*letters);
  job_options.scan.split = joined->segments;
  job_options.wind_down_time = others->leases.worker.failover / 2;
  shared.emplace(
      jobs::LeasedSegments::Parts{*others->leases.store, host.clock(), host.random(), host.executor()},
      jobs::LeasedSegments::Options{.job = others->job, .terms = std::move(*joined), .worker = others->leases.worker});
  co_return JobResult<void>{};
}

/// Of several processes that begin a job at once, one may find what another has copied already.
async::Task<JobResult<void>> Copy::Impl::check_target(bool resuming) {
  if (resuming || options.overwrite) co_return JobResult<void>{};
  const auto filled = co_await jobs::has_items(*target, host.random());
  if (!filled) co_return jobs::job_failure(filled.error());
  if (!*filled) co_return JobResult<void>{};
  if (others) {
    const auto has_begun = co_await others->has_begun();
    if (!has_begun) co_return jobs::job_failure(has_begun.error());
    if (*has_begun) co_return JobResult<void>{};
  }
  co_return jobs::job_failure(
      Reason::kNotReady,
      Error{.error_class = ErrorClass::kInvalid,
            .doing = "copy to table",
            .resource = target->display(),
            .code = {},
            .message = "it holds items already; start with --overwrite to write over those with the same keys "
                       "(others stay), as is also needed when several segments are copied by several processes"});
}

async::Task<JobResult<void>> Copy::Impl::copy_all(const Copy& copy, jobs::SegmentKeeper& keeper) {
  sink.emplace(
      sink::TableSink::Options{
          .table = tables.target.name, .key = tables.target.key, .max_write_units = options.max_write_units},
      target->dynamodb(), host.clock());
  job.emplace(jobs::CopyParts{.source = source->dynamodb(),
                              .key = tables.source.key,
                              .sink = *sink,
                              .dead_letters = files->dead_letters.get(),
                              .keeper = keeper,
                              .stop = host.stop(),
                              .clock = host.clock(),
                              .random = host.random()},
              job_options, host.executor());
  begun = true;
  if (observer.work_begins) observer.work_begins();
  if (observer.copying) beside.spawn(observer.copying(copy));
  auto ended = co_await job->run();
  beside.cancel();
  co_await beside.join();
  co_return ended;
}

JobResult<void> Copy::Impl::with_letters() {
  dead_letter_keys = files->dead_letters ? files->dead_letters->keys() : 0;
  auto missing = missing_keys(files->dead_letters.get(), options.target.address);
  if (!missing) return {};
  return jobs::job_failure(Reason::kPoison, std::move(*missing));
}

}  // namespace dynamirror::service
