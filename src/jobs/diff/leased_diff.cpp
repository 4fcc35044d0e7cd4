// SPDX-License-Identifier: Apache-2.0
#include "jobs/diff/leased_diff.hpp"

#include <list>
#include <utility>

#include "jobs/segments/leased_tasks.hpp"

namespace dynamirror::jobs {
namespace {

/// While one waits for its differences to last, others read.
constexpr std::size_t kSegmentsAtOnce = 4;

/// Each segment's part of what the process may use.
DiffOptions divided(DiffOptions options) {
  options.memory_bytes /= kSegmentsAtOnce;
  for (std::optional<double>* budget : {&options.max_read_units, &options.max_write_units}) {
    if (*budget) **budget /= static_cast<double>(kSegmentsAtOnce);
  }
  return options;
}

void add(DiffTotals& sum, const DiffTotals& one) {
  sum.primary_items += one.primary_items;
  sum.replica_items += one.replica_items;
  sum.suspects += one.suspects;
  sum.missing += one.missing;
  sum.extraneous += one.extraneous;
  sum.different += one.different;
  sum.changing += one.changing;
  sum.put += one.put;
  sum.deleted += one.deleted;
  sum.unrepaired += one.unrepaired;
  sum.primary_read_units += one.primary_read_units;
  sum.replica_read_units += one.replica_read_units;
  sum.write_units += one.write_units;
  sum.throttled += one.throttled;
  sum.spilled_bytes += one.spilled_bytes;
}

}  // namespace

struct LeasedDiff::Impl {
  Impl(LeasedDiffParts parts_in, DiffOptions options_in, LeasedSegments::Options leases,
       boost::asio::any_io_executor executor)
      : parts(std::move(parts_in)),
        options(divided(std::move(options_in))),
        tasks({parts.leases, parts.stop, parts.clock, parts.random, std::move(executor)},
              {.leases = std::move(leases),
               .at_once = kSegmentsAtOnce,
               .doing = "compare",
               .resource = parts.primary.display()},
              [this](SegmentTurn& turn) { return compare(turn); }) {}

  [[nodiscard]] async::Task<JobResult<void>> compare(SegmentTurn& turn);

  LeasedDiffParts parts;
  DiffOptions options;
  LeasedTasks tasks;
  DiffTotals ended{};
  std::list<DiffTables> under_way{};
  bool different = false;
};

async::Task<JobResult<void>> LeasedDiff::Impl::compare(SegmentTurn& turn) {
  DiffOptions one = options;
  one.share = turn.segment;
  one.shares = turn.segments;
  const DiffTables::Surroundings around{parts.clock, parts.random, turn.stop};
  const auto job =
      under_way.emplace(under_way.end(), std::move(one), parts.primary, parts.replica, parts.report, around);
  auto result = co_await job->run();
  add(ended, job->totals());
  under_way.erase(job);
  if (!result) co_return std::unexpected(std::move(result.error()));
  different = different || *result == DiffVerdict::kDifferent;
  turn.done = true;
  co_return JobResult<void>{};
}

LeasedDiff::LeasedDiff(LeasedDiffParts parts, DiffOptions options, LeasedSegments::Options leases,
                       boost::asio::any_io_executor executor)
    : impl_(std::make_unique<Impl>(std::move(parts), std::move(options), std::move(leases), std::move(executor))) {}
LeasedDiff::~LeasedDiff() = default;

async::Task<JobResult<DiffVerdict>> LeasedDiff::run() {
  auto ended = co_await impl_->tasks.run();
  if (!ended) co_return std::unexpected(std::move(ended.error()));
  co_return impl_->different ? DiffVerdict::kDifferent : DiffVerdict::kEqual;
}

DiffTotals LeasedDiff::totals() const {
  DiffTotals totals = impl_->ended;
  for (const DiffTables& job : impl_->under_way) add(totals, job.totals());
  return totals;
}

LeasedSegments::Status LeasedDiff::status() const { return impl_->tasks.status(); }

}  // namespace dynamirror::jobs
