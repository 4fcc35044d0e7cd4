// SPDX-License-Identifier: Apache-2.0
#include "jobs/diff/diff_tables.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <cmath>
#include <exception>
#include <utility>

#include "async/task_group.hpp"
#include "base/log.hpp"
#include "jobs/diff/diff_join.hpp"
#include "jobs/diff/diff_scan.hpp"
#include "jobs/diff/diff_verify.hpp"
#include "jobs/segments/diff_parallel.hpp"
#include "tables/diff_table.hpp"

namespace dynamirror::jobs {
namespace {

constexpr std::size_t kBatch = 16'384;  ///< suspects verified at once
constexpr std::size_t kRepairsAtOnce = 32;
constexpr std::size_t kPagesAtOnce = 8;  ///< where every item of a page means requests of its own
constexpr std::int64_t kSmallTable = 64 << 20;

JobFailure not_ready(const TableSide& side, std::string message) {
  return {.reason = Reason::kNotReady,
          .error = {.error_class = ErrorClass::kInvalid,
                    .doing = "compare",
                    .resource = side.display(),
                    .code = {},
                    .message = std::move(message)}};
}

/// Every segment costs a page, however empty. The size is up to six hours old, and 0 then says nothing.
std::uint32_t split_for(const aws::TableDescription& table) {
  return table.size_bytes > 0 && table.size_bytes < kSmallTable ? 4 : 16;
}

async::Task<JobResult<aws::TableDescription>> describe(TableSide& side) {
  auto description = co_await side.dynamodb().describe_table(side.address().table);
  if (description) co_return std::move(*description);
  Error error = std::move(description.error());
  if (error.error_class == ErrorClass::kNotFound) {
    error.resource = side.display();
    error.message = "there is no such table; check its name, region and account";
  }
  co_return job_failure(std::move(error));
}

struct Tables {
  model::KeySchema key;
  std::uint32_t split = 16;
};

async::Task<JobResult<Tables>> describe_both(TableSide& primary, TableSide& replica) {
  const auto first = co_await describe(primary);
  if (!first) co_return std::unexpected(first.error());
  const auto second = co_await describe(replica);
  if (!second) co_return std::unexpected(second.error());
  if (first->key != second->key) {
    co_return std::unexpected(not_ready(replica, "its key is " + model::describe(second->key) + ", and that of " +
                                                     primary.display() + " is " + model::describe(first->key) +
                                                     "; only tables with the same key can be compared"));
  }
  co_return Tables{first->key, std::max(split_for(*first), split_for(*second))};
}

}  // namespace

async::Task<JobResult<model::KeySchema>> common_key(TableSide& primary, TableSide& replica) {
  auto tables = co_await describe_both(primary, replica);
  if (!tables) co_return std::unexpected(std::move(tables.error()));
  co_return std::move(tables->key);
}

struct DiffTables::Impl {
  DiffOptions options;
  TableSide& primary_side;
  TableSide& replica_side;
  DiffReport& report;
  Surroundings around;
  DiffTotals totals{};
  model::KeySchema key{};
  std::uint32_t split = 16;
  std::optional<DiffTable> primary{};
  std::optional<DiffTable> replica{};
  std::optional<DiffVerifier> verifier{};
  std::optional<DiffRepairer> repairer{};
  std::optional<DiffJoin> join{};
  std::optional<source::TableScan> primary_scan{};
  std::optional<source::TableScan> replica_scan{};
  const BackfillReceiver* backfilling = nullptr;

  async::Task<JobResult<DiffVerdict>> run();
  async::Task<std::expected<void, JobFailure>> prepare();
  async::Task<Status> backfill();
  async::Task<Status> compare();
  async::Task<Status> scan_both(source::PageReceiver& of_primary, source::PageReceiver& of_replica);
  async::Task<Status> judge(std::vector<DiffSuspect> suspects, SteadyTime seen_until);
  async::Task<Status> repair(std::vector<DiffFinding> findings);
  async::Task<Status> repair_one(const DiffFinding& finding);
  void make_scan(std::optional<source::TableScan>& scan, TableSide& side, std::size_t max_parallel,
                 boost::asio::any_io_executor executor);
  JobFailure explain(Error error) const;
};

DiffTables::DiffTables(DiffOptions options, TableSide& primary, TableSide& replica, DiffReport& report,
                       Surroundings around)
    : impl_(new Impl{.options = std::move(options),
                     .primary_side = primary,
                     .replica_side = replica,
                     .report = report,
                     .around = around}) {}
DiffTables::~DiffTables() = default;

namespace {

async::Task<> keep(async::Task<JobResult<DiffVerdict>> work, std::optional<JobResult<DiffVerdict>>& result) {
  result.emplace(co_await std::move(work));
}

async::Task<> cancel_on(StopRequest& stop, async::TaskGroup& work) {
  while (!stop.requested()) co_await stop.changed().wait();
  work.cancel();
}

}  // namespace

/// Whatever the work waits for, a page, a budget or a pause, it ends at a stop request: nothing it does must be done.
async::Task<JobResult<DiffVerdict>> DiffTables::run() {
  const auto executor = co_await boost::asio::this_coro::executor;
  std::optional<JobResult<DiffVerdict>> result;
  async::TaskGroup work(executor);
  async::TaskGroup watch(executor);
  work.spawn(keep(impl_->run(), result));
  watch.spawn(cancel_on(impl_->around.stop, work));
  std::exception_ptr thrown;
  try {
    co_await join_or_cancel(work);
  } catch (...) {
    thrown = std::current_exception();
  }
  if (thrown) co_await boost::asio::this_coro::reset_cancellation_state();
  watch.cancel();
  co_await watch.join();
  if (thrown) std::rethrow_exception(thrown);
  if (result) co_return std::move(*result);
  Error stopped{.error_class = ErrorClass::kConflict,
                .doing = "compare",
                .resource = impl_->primary_side.display(),
                .code = {},
                .message = "stopped as asked before the end"};
  co_return job_failure(Reason::kStopped, std::move(stopped));
}

DiffTotals DiffTables::totals() const {
  DiffTotals totals = impl_->totals;
  const auto add_scan = [&totals](const auto& scan, std::uint64_t& items, double& units) {
    if (!scan) return;
    items += scan->statistics().items;
    units += scan->statistics().consumed_units;
    totals.throttled += scan->statistics().throttled;
  };
  add_scan(impl_->primary_scan, totals.primary_items, totals.primary_read_units);
  add_scan(impl_->replica_scan, totals.replica_items, totals.replica_read_units);
  if (impl_->primary) {
    totals.primary_read_units += impl_->primary->statistics().read_units;
    totals.replica_read_units += impl_->replica->statistics().read_units;
    totals.write_units += impl_->replica->statistics().write_units;
    totals.throttled += impl_->primary->statistics().throttled + impl_->replica->statistics().throttled;
  }
  if (impl_->join) totals.spilled_bytes = impl_->join->spilled_bytes();
  if (impl_->backfilling != nullptr) {
    const auto& counts = impl_->backfilling->counts();
    totals.put += counts.put;
    totals.deleted += counts.deleted;
    totals.unrepaired += counts.unrepaired;
  }
  return totals;
}

async::Task<JobResult<DiffVerdict>> DiffTables::Impl::run() {
  if (auto prepared = co_await prepare(); !prepared) co_return std::unexpected(std::move(prepared.error()));
  log::info("comparing", {{"primary", primary_side.display()}, {"replica", replica_side.display()}});
  Status status;
  if (options.backfill) {
    status = co_await backfill();
  } else {
    status = co_await compare();
  }
  if (!status) co_return std::unexpected(explain(std::move(status.error())));
  const bool repaired = options.mode == DiffOptions::Mode::kRepair;
  const std::uint64_t remaining = repaired ? totals.unrepaired : totals.discrepancies();
  co_return remaining == 0 ? DiffVerdict::kEqual : DiffVerdict::kDifferent;
}

async::Task<std::expected<void, JobFailure>> DiffTables::Impl::prepare() {
  auto tables = co_await describe_both(primary_side, replica_side);
  if (!tables) co_return std::unexpected(std::move(tables.error()));
  key = std::move(tables->key);
  split = tables->split;
  // Samples and backfills scan a table and read single items of it at the same time.
  if ((options.sample || options.backfill) && options.max_read_units) *options.max_read_units /= 2;
  const auto table = [this](TableSide& side) {
    return DiffTable::Options{.table = side.address().table,
                              .max_read_units = options.max_read_units,
                              .max_write_units = options.max_write_units};
  };
  primary.emplace(table(primary_side), primary_side.dynamodb(), around.clock, around.random);
  replica.emplace(table(replica_side), replica_side.dynamodb(), around.clock, around.random);
  for (const std::string& name : options.ignored) {
    if (name != key.hash.name && !(key.range && name == key.range->name)) continue;
    co_return job_failure(Reason::kInvalid,
                          Error{.error_class = ErrorClass::kInvalid,
                                .doing = "compare tables",
                                .resource = primary_side.display(),
                                .code = {},
                                .message = "the attribute " + name + " is part of the key and cannot be ignored"});
  }
  DiffVerifier::Options verify{.settle = options.settle, .ignored = options.ignored};
  verifier.emplace(std::move(verify), *primary, *replica, around.clock, around.stop);
  repairer.emplace(key, *verifier, *replica, around.random);
  if (options.sample) {
    options.shares = static_cast<std::uint32_t>(std::clamp(std::round(1 / *options.sample), 1.0, 60'000.0));
    options.share = static_cast<std::uint32_t>(around.random.below(options.shares));
  }
  co_return std::expected<void, JobFailure>{};
}

void DiffTables::Impl::make_scan(std::optional<source::TableScan>& scan, TableSide& side, std::size_t max_parallel,
                                 boost::asio::any_io_executor executor) {
  source::TableScan::Options scan_options{.table = side.address().table,
                                          .share = options.share,
                                          .shares = options.shares,
                                          .split = split,
                                          .max_parallel = max_parallel,
                                          .max_read_units = options.max_read_units};
  scan.emplace(std::move(scan_options), side.dynamodb(), around.clock, around.random, std::move(executor));
}

async::Task<Status> DiffTables::Impl::backfill() {
  const auto executor = co_await boost::asio::this_coro::executor;
  make_scan(primary_scan, primary_side, kPagesAtOnce, executor);
  const auto tell = [this](const std::string& key_json, RepairOutcome outcome) { report.repaired(key_json, outcome); };
  BackfillReceiver receiver(DiffItemReader(key, options.ignored), *repairer, around.stop, tell);
  backfilling = &receiver;
  Status status = co_await primary_scan->run(primary_scan->fresh(), receiver);
  totals.put += receiver.counts().put;
  totals.deleted += receiver.counts().deleted;
  totals.unrepaired += receiver.counts().unrepaired;
  backfilling = nullptr;
  co_return status;
}

async::Task<Status> DiffTables::Impl::compare() {
  join.emplace(DiffJoin::Options{.memory_bytes = options.memory_bytes, .temp_folder = options.temp_folder});
  Status status;
  const auto reader = [this] { return DiffItemReader(key, options.ignored); };
  if (options.sample) {
    ProbeReceiver of_primary(DiffSide::kPrimary, reader(), *replica, *join, around.stop);
    ProbeReceiver of_replica(DiffSide::kReplica, reader(), *primary, *join, around.stop);
    status = co_await scan_both(of_primary, of_replica);
  } else {
    DigestReceiver of_primary(DiffSide::kPrimary, reader(), *join, around.stop);
    DigestReceiver of_replica(DiffSide::kReplica, reader(), *join, around.stop);
    status = co_await scan_both(of_primary, of_replica);
  }
  const SteadyTime seen_until = around.clock.steady_now();
  while (status) {  // ends with the suspects
    auto suspects = join->next(kBatch);
    if (!suspects) co_return std::unexpected(std::move(suspects.error()));
    if (suspects->empty()) break;
    status = co_await judge(std::move(*suspects), seen_until);
  }
  co_return status;
}

namespace {

/// Keeps the first failure, and tells the other side to end.
async::Task<> run_scan(source::TableScan& scan, source::PageReceiver& receiver, Status& status,
                       async::TaskGroup& both) {
  Status ended = co_await scan.run(scan.fresh(), receiver);
  if (ended || !status) co_return;
  status = std::move(ended);
  both.cancel();
}

}  // namespace

async::Task<Status> DiffTables::Impl::scan_both(source::PageReceiver& of_primary, source::PageReceiver& of_replica) {
  const auto executor = co_await boost::asio::this_coro::executor;
  const std::size_t parallel = options.sample ? kPagesAtOnce : 16;
  make_scan(primary_scan, primary_side, parallel, executor);
  make_scan(replica_scan, replica_side, parallel, executor);
  Status status;
  async::TaskGroup both(executor);
  both.spawn(run_scan(*primary_scan, of_primary, status, both));
  both.spawn(run_scan(*replica_scan, of_replica, status, both));
  co_await join_or_cancel(both);
  co_return status;
}

async::Task<Status> DiffTables::Impl::judge(std::vector<DiffSuspect> suspects, SteadyTime seen_until) {
  totals.suspects += suspects.size();
  log::info("looking again at keys that look different", {{"keys", std::to_string(suspects.size())}});
  auto verdicts = co_await verifier->verify(std::move(suspects), seen_until);
  if (!verdicts) co_return std::unexpected(std::move(verdicts.error()));
  for (const DiffFinding& finding : verdicts->findings) {
    if (finding.kind == DiffKind::kMissing) ++totals.missing;
    if (finding.kind == DiffKind::kExtraneous) ++totals.extraneous;
    if (finding.kind == DiffKind::kDifferent) ++totals.different;
    report.found(finding);
  }
  totals.changing += verdicts->changing.size();
  for (const std::string& changing : verdicts->changing) report.changing(changing);
  if (options.mode != DiffOptions::Mode::kRepair) co_return Status{};
  co_return co_await repair(std::move(verdicts->findings));
}

async::Task<Status> DiffTables::Impl::repair(std::vector<DiffFinding> findings) {
  const auto repair_item = [this, &findings](std::size_t i) { return repair_one(findings[i]); };
  co_return co_await for_each_in_parallel(findings.size(), kRepairsAtOnce, repair_item);
}

async::Task<Status> DiffTables::Impl::repair_one(const DiffFinding& finding) {
  if (around.stop.requested()) {
    co_return failure(ErrorClass::kConflict, "repair", replica_side.display(), "stopped as asked before the end");
  }
  const auto outcome = co_await repairer->repair(finding.key_json);
  if (!outcome) co_return std::unexpected(outcome.error());
  if (*outcome == RepairOutcome::kPut) ++totals.put;
  if (*outcome == RepairOutcome::kDeleted) ++totals.deleted;
  if (*outcome == RepairOutcome::kChanging || *outcome == RepairOutcome::kRefused) ++totals.unrepaired;
  report.repaired(finding.key_json, *outcome);
  co_return Status{};
}

JobFailure DiffTables::Impl::explain(Error error) const {
  if (around.stop.requested()) return {.reason = Reason::kStopped, .error = std::move(error)};
  const bool of_files = error.doing == "keep digests on disk";
  const Reason reason = of_files ? Reason::kState : reason_for(error);
  return {.reason = reason, .error = std::move(error)};
}

}  // namespace dynamirror::jobs
