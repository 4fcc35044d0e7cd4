// SPDX-License-Identifier: Apache-2.0
#include "service/impl/load_step.hpp"

#include <utility>

#include "base/log.hpp"
#include "jobs/prepare/copy_preflight.hpp"

namespace dynamirror::service {

using jobs::JobResult;
using jobs::Reason;

jobs::CopyEstimate LoadStep::estimate() const {
  return jobs::estimate_copy(parts_.fit.source.source, {.consistent = true});
}

std::filesystem::path LoadStep::spool_file() const {
  return std::filesystem::path(parts_.options.load.spool) /
         (parts_.fit.source.source.name.str() + "-" + parts_.fit.name + ".spool");
}

/// An item that is in the target only would stay there for ever.
async::Task<JobResult<void>> LoadStep::check_target() {
  if (parts_.options.overwrite) co_return JobResult<void>{};
  const auto filled = co_await parts_.target.holds_items();
  if (!filled) co_return jobs::job_failure(filled.error());
  if (!*filled) co_return JobResult<void>{};
  co_return jobs::job_failure(
      Reason::kNotReady,
      Error{.error_class = ErrorClass::kInvalid,
            .doing = "load table",
            .resource = parts_.fit.display,
            .code = {},
            .message = "it holds items already, of which those that the source has not would stay; empty it, or start "
                       "with --overwrite to write over those with the same keys"});
}

jobs::InitialLoadOptions LoadStep::load_options() const {
  const ReplicationOptions& wanted = parts_.options;
  jobs::InitialLoadOptions options;
  options.copy.scan.table = parts_.fit.source.source.name;
  options.copy.scan.consistent = true;
  options.copy.scan.max_read_units = wanted.max_read_units;
  options.copy.pipeline.writing.max_concurrent_writes = wanted.job.pipeline.writing.max_concurrent_writes;
  options.copy.pipeline.writing.max_attempts = wanted.job.pipeline.writing.max_attempts;
  options.spooling = wanted.job;
  options.estimate = estimate();
  options.max_write_units = wanted.max_write_units;
  return options;
}

async::Task<JobResult<void>> LoadStep::load(state::ScanStore& scans) {
  std::optional<jobs::SpoolParts> spool;
  if (spool_) spool.emplace(jobs::SpoolParts{*spool_, *spool_, spool_file().string()});
  const jobs::InitialLoadParts parts{.stream = parts_.stream,
                                     .source = parts_.source.dynamodb(),
                                     .sink = parts_.target.sink(),
                                     .dead_letters = parts_.files.dead_letters.get(),
                                     .positions = *parts_.files.store,
                                     .scans = scans,
                                     .spool = spool,
                                     .stop = parts_.host.stop(),
                                     .clock = parts_.host.clock(),
                                     .random = parts_.host.random()};
  load_.emplace(parts, load_options(), parts_.executor);
  if (parts_.observer.loading) {
    beside_.spawn(parts_.observer.loading(*load_, static_cast<std::uint64_t>(parts_.fit.source.source.item_count)));
  }
  auto ended = co_await load_->run();
  beside_.cancel();
  co_await beside_.join();
  loaded_ = load_->status();
  const auto& counters = loaded_->copy.counters;
  log::info("initial load ended", {{"phase", loaded_->phase},
                                   {"read", std::to_string(counters.read)},
                                   {"written", std::to_string(counters.applied)},
                                   {"superseded", std::to_string(counters.superseded)},
                                   {"dead_lettered", std::to_string(counters.dead_lettered)},
                                   {"in_flight", std::to_string(counters.held())}});
  load_.reset();
  co_return ended;
}

async::Task<JobResult<void>> LoadStep::load_with_spool(state::ScanStore& scans) {
  const std::filesystem::path file = spool_file();
  // Whether the tables are still the same is the state file's to say.
  const state::ReplicationIdentity tables{.source = parts_.identity.source, .target = parts_.identity.target};
  auto spool = state::LocalStore::open(file, tables);
  if (!spool) co_return jobs::job_failure(Reason::kState, std::move(spool.error()));
  spool_ = std::move(*spool);
  auto ended = co_await load(scans);
  if (!ended) co_return ended;
  spool_.reset();
  std::error_code ignored;  // an empty spool does no harm
  std::filesystem::remove(file, ignored);
  co_return ended;
}

async::Task<JobResult<void>> LoadStep::run() {
  const LoadOptions& wanted = parts_.options.load;
  if (parts_.options.preflight.dry_run) {
    if (wanted.wanted) log::info("would load", {{"estimate", jobs::to_text(estimate())}});
    co_return JobResult<void>{};
  }
  // Only a dry run has another store than a state file.
  auto& scans = dynamic_cast<state::ScanStore&>(*parts_.files.store);
  if (!wanted.wanted) {
    auto finished = jobs::check_no_unfinished_load(scans);
    if (!finished) co_return jobs::job_failure(Reason::kState, std::move(finished.error()));
    co_return JobResult<void>{};
  }
  const auto found = scans.load_scan();
  if (!found) co_return jobs::job_failure(Reason::kState, found.error());
  if (*found && (*found)->phase == jobs::kLoadDone) co_return JobResult<void>{};
  if (!*found) {
    auto empty = co_await check_target();
    if (!empty) co_return empty;
  }
  if (wanted.spool.empty()) co_return co_await load(scans);
  co_return co_await load_with_spool(scans);
}

std::optional<jobs::InitialLoad::Progress> LoadStep::progress() const {
  if (load_) return load_->status();
  return loaded_;
}

}  // namespace dynamirror::service
