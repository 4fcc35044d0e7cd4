// SPDX-License-Identifier: Apache-2.0
#include "app/cli/initial_load_step.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <utility>

#include "app/report/progress.hpp"
#include "async/task_group.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "jobs/prepare/copy_preflight.hpp"

namespace dynamirror::app {
namespace {

using jobs::JobResult;

jobs::CopyEstimate estimate_of(const InitialLoadStep& step) {
  return jobs::estimate_copy(step.prepared.source, {.consistent = true});
}

std::filesystem::path spool_file(const InitialLoadStep& step) {
  return std::filesystem::path(step.command.spool) /
         (step.prepared.source.name.str() + "-" + step.prepared.target.name.str() + ".spool");
}

/// An item that is in the target only would stay there for ever.
async::Task<JobResult<void>> check_target(InitialLoadStep step) {
  if (step.command.overwrite) co_return JobResult<void>{};
  const auto filled = co_await jobs::has_items(step.target, step.session.random());
  if (!filled) co_return jobs::job_failure(filled.error());
  if (!*filled) co_return JobResult<void>{};
  co_return jobs::job_failure(
      jobs::Reason::kNotReady,
      Error{.error_class = ErrorClass::kInvalid,
            .doing = "load table",
            .resource = step.target.display(),
            .code = {},
            .message = "it holds items already, of which those that the source has not would stay; empty it, or start "
                       "with --overwrite to write over those with the same keys"});
}

InitialLoadOutcome failed(JobResult<void> failure) { return {.ended = std::move(failure)}; }

jobs::InitialLoadOptions options_of(const InitialLoadStep& step) {
  jobs::InitialLoadOptions options;
  options.copy.scan.table = step.prepared.source.name;
  options.copy.scan.consistent = true;
  options.copy.scan.max_read_units = step.command.max_read_units;
  options.copy.pipeline.writing.max_concurrent_writes = step.command.job.pipeline.writing.max_concurrent_writes;
  options.copy.pipeline.writing.max_attempts = step.command.job.pipeline.writing.max_attempts;
  options.spooling = step.command.job;
  options.estimate = estimate_of(step);
  options.max_write_units = step.command.max_write_units;
  return options;
}

async::Task<InitialLoadOutcome> run_load(InitialLoadStep step, state::ScanStore& scans, state::LocalStore* spool) {
  std::optional<jobs::SpoolParts> spool_parts;
  if (spool != nullptr) spool_parts.emplace(jobs::SpoolParts{*spool, *spool, spool_file(step).string()});
  const jobs::InitialLoadParts parts{.stream = step.stream,
                                     .source = step.source.dynamodb(),
                                     .sink = step.sink,
                                     .dead_letters = step.files.dead_letters.get(),
                                     .positions = *step.files.store,
                                     .scans = scans,
                                     .spool = spool_parts,
                                     .stop = step.session.stop(),
                                     .clock = system_clock(),
                                     .random = step.session.random()};
  jobs::InitialLoad load(parts, options_of(step), step.session.executor());
  const std::function<WorkDone()> look = [&] {
    const auto status = load.status();
    return WorkDone{.items = status.copy.counters.settled() + status.drained,
                    .total = static_cast<std::uint64_t>(step.prepared.source.item_count),
                    .more = fmt::format("{}, {} changes spooled", status.phase, format_count(status.spooled))};
  };
  async::TaskGroup progress(step.session.executor());
  progress.spawn(report_work(look, system_clock()));
  auto ended = co_await load.run();
  progress.cancel();
  co_await progress.join();
  InitialLoadOutcome outcome{.ended = std::move(ended), .load = load.status()};
  const auto& counters = outcome.load->copy.counters;
  log::info("initial load ended", {{"phase", outcome.load->phase},
                                   {"read", std::to_string(counters.read)},
                                   {"written", std::to_string(counters.applied)},
                                   {"superseded", std::to_string(counters.superseded)},
                                   {"dead_lettered", std::to_string(counters.dead_lettered)},
                                   {"in_flight", std::to_string(counters.held())}});
  co_return outcome;
}

async::Task<InitialLoadOutcome> load_with_spool(InitialLoadStep step, state::ScanStore& scans) {
  const std::filesystem::path file = spool_file(step);
  // Whether the tables are still the same is the state file's to say.
  const state::ReplicationIdentity tables{.source = step.identity.source, .target = step.identity.target};
  auto spool = state::LocalStore::open(file, tables);
  if (!spool) co_return failed(jobs::job_failure(jobs::Reason::kState, std::move(spool.error())));
  auto outcome = co_await run_load(step, scans, spool->get());
  if (!outcome.ended) co_return outcome;
  spool->reset();
  std::error_code ignored;  // an empty spool does no harm
  std::filesystem::remove(file, ignored);
  co_return outcome;
}

}  // namespace

async::Task<InitialLoadOutcome> initial_load_step(InitialLoadStep step) {
  if (step.command.preflight.dry_run) {
    if (step.command.initial_load) log::info("would load", {{"estimate", jobs::to_text(estimate_of(step))}});
    co_return InitialLoadOutcome{};
  }
  // Only a dry run has another store than a state file.
  auto& scans = dynamic_cast<state::ScanStore&>(*step.files.store);
  if (!step.command.initial_load) {
    auto finished = jobs::check_no_unfinished_load(scans);
    if (!finished) co_return failed(jobs::job_failure(jobs::Reason::kState, std::move(finished.error())));
    co_return InitialLoadOutcome{};
  }
  const auto found = scans.load_scan();
  if (!found) co_return failed(jobs::job_failure(jobs::Reason::kState, found.error()));
  if (*found && (*found)->phase == jobs::kLoadDone) co_return InitialLoadOutcome{};
  if (!*found) {
    if (auto empty = co_await check_target(step); !empty) co_return failed(empty);
  }
  if (step.command.spool.empty()) co_return co_await run_load(step, scans, nullptr);
  co_return co_await load_with_spool(step, scans);
}

}  // namespace dynamirror::app
