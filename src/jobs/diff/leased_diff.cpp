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

void add(DiffTotals& sum, const DiffTotals& part) {
  sum.primary_items += part.primary_items;
  sum.replica_items += part.replica_items;
  sum.suspects += part.suspects;
  sum.missing += part.missing;
  sum.extraneous += part.extraneous;
  sum.different += part.different;
  sum.changing += part.changing;
  sum.put += part.put;
  sum.deleted += part.deleted;
  sum.unrepaired += part.unrepaired;
  sum.primary_read_units += part.primary_read_units;
  sum.replica_read_units += part.replica_read_units;
  sum.write_units += part.write_units;
  sum.throttled += part.throttled;
  sum.spilled_bytes += part.spilled_bytes;
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
  DiffOptions segment_options = options;
  segment_options.share = turn.segment;
  segment_options.shares = turn.segments;
  const DiffTables::Surroundings around{parts.clock, parts.random, turn.stop};
  const auto job = under_way.emplace(under_way.end(), std::move(segment_options), parts.primary, parts.replica,
                                     parts.report, around);
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
