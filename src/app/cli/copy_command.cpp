// SPDX-License-Identifier: Apache-2.0
#include "app/cli/copy_command.hpp"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "app/options/work_share.hpp"
#include "app/report/copy_summary.hpp"
#include "app/report/progress.hpp"
#include "app/session/session.hpp"
#include "base/clock.hpp"
#include "service/copy.hpp"

namespace dynamirror::app {
namespace {

service::CopyOptions options_of(const CopyCommand& command, WorkShare share) {
  service::CopyOptions options{.source = {.address = command.source, .region = {}, .side = command.source_side},
                               .target = {.address = command.target, .region = {}, .side = command.target_side},
                               .preflight = {.create_target = command.create_target, .dry_run = command.dry_run},
                               .prepare_only = command.prepare_only,
                               .overwrite = command.overwrite,
                               .max_write_units = command.max_write_units,
                               .files = {.state = command.state_file,
                                         .kind = ".copy",
                                         .dead_letters = command.dead_letter_file,
                                         .without_dead_letters = command.stop_on_error},
                               .leases = command.leases,
                               .lease_segments = command.lease_segments};
  options.job.scan.share = share.index;
  options.job.scan.shares = share.count;
  options.job.scan.split = command.split;
  options.job.scan.consistent = command.consistent;
  options.job.scan.max_read_units = command.max_read_units;
  options.job.pipeline.writing.max_concurrent_writes = command.max_concurrent_writes;
  return options;
}

WorkDone work_done(const service::CopyResult& so_far) {
  const auto& scan = so_far.status.scan;
  return {.items = so_far.status.counters.settled(),
          .total = so_far.expected_items,
          .more = fmt::format("{} of {} segments done, {:.0f} read units, {:.0f} write units", scan.segments_done,
                              scan.segments, scan.consumed_units, so_far.consumed_write_units)};
}

async::Task<> report_copy(const service::Copy& copy) {
  const std::function<WorkDone()> done = [&copy] { return work_done(copy.result()); };
  co_await report_work(done, system_clock());
}

CopySummary summary_of(const CopyCommand& command, service::CopyResult result) {
  CopySummary summary;
  summary.source = command.source;
  summary.target = command.target;
  summary.status = std::move(result.status);
  summary.consumed_write_units = result.consumed_write_units;
  summary.requests = result.requests;
  summary.shared = std::move(result.shared);
  summary.dead_letter_keys = result.dead_letter_keys;
  summary.dry_run = command.dry_run;
  if (result.failure) summary.error = to_line(result.failure->error);
  return summary;
}

async::Task<ExitCode> copy(const CopyCommand& command, WorkShare share, Session& session) {
  const SteadyTime begun = system_clock().steady_now();
  service::CopyObserver observer{.work_begins = [&session] { session.work_begins(Session::Work::kCheckpointed); },
                                 .copying = report_copy};
  service::Copy copy(options_of(command, share), session, std::move(observer));
  co_await copy.run();
  service::CopyResult result = copy.result();
  const ExitCode exit_code = result.failure ? fail(*result.failure) : ExitCode::kOk;
  if (!result.begun) co_return exit_code;
  CopySummary summary = summary_of(command, std::move(result));
  summary.exit_code = exit_code;
  summary.duration = std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().steady_now() - begun);
  print_summary(command.common.output == OutputFormat::kJson ? to_json(summary) : to_text(summary));
  co_return exit_code;
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
