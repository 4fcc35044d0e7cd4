// SPDX-License-Identifier: Apache-2.0
#include "app/cli/replicate_command.hpp"

#include <optional>
#include <utility>

#include "app/cli/health.hpp"
#include "app/report/progress.hpp"
#include "app/report/summary.hpp"
#include "app/session/session.hpp"
#include "base/clock.hpp"
#include "service/replication.hpp"

namespace dynamirror::app {
namespace {

const std::string& target_of(const service::ReplicationOptions& options) {
  if (const auto* objects = std::get_if<service::ObjectsOptions>(&options.target)) return objects->url;
  return std::get<service::TableOptions>(options.target).address;
}

async::Task<ExitCode> replicate(const ReplicateCommand& command, Session& session) {
  session.may_end_before_work(ExitCode::kOk);
  const SteadyTime begun = system_clock().steady_now();
  std::optional<service::Replication> replication;
  service::ReplicationObserver observer{
      .work_begins = [&session] { session.work_begins(Session::Work::kCheckpointed); },
      .loading = [](const jobs::InitialLoad& load, std::uint64_t items) { return report_load(load, items); },
      .replicating = [&replication](const jobs::Replication& job) { return report_progress(job, *replication); }};
  replication.emplace(command.replication, session, std::move(observer));
  std::unique_ptr<http::Server> health;
  if (command.http_port) {
    auto served = serve_health(session.executor(), *command.http_port, *replication);
    if (!served) co_return fail(served.error());
    health = std::move(*served);
  }
  co_await replication->run();
  if (health) {
    health->stop();
    co_await health->join();
  }
  service::ReplicationResult result = replication->result();
  const ExitCode exit_code = tell(result);
  if (!result.begun) co_return exit_code;
  ReplicateSummary summary = summary_of(command.replication, std::move(result));
  summary.exit_code = exit_code;
  summary.duration = std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().steady_now() - begun);
  print_summary(command.common.output == OutputFormat::kJson ? to_json(summary) : to_text(summary));
  co_return exit_code;
}

}  // namespace

async::Task<> report_progress(const jobs::Replication& job, const service::Replication& replication) {
  return report_progress(job, system_clock(), [&replication] {
    const auto tables = replication.result().multi_master;
    return tables ? "; " + versions_line(*tables) : std::string();
  });
}

ExitCode tell(const service::ReplicationResult& result) {
  for (const jobs::JobFailure& failure : result.failures) complain(failure.error);
  return result.failures.empty() ? ExitCode::kOk : exit_code_of(result.failures.front().reason);
}

ReplicateSummary summary_of(const service::ReplicationOptions& options, service::ReplicationResult result) {
  ReplicateSummary summary;
  summary.source = options.source.address;
  summary.target = target_of(options);
  summary.dry_run = options.preflight.dry_run;
  summary.leases = result.leases;
  summary.status = std::move(result.status);
  summary.load = std::move(result.load);
  summary.consumed_write_units = result.writes.consumed_units;
  summary.item_read_units = result.item_read_units;
  summary.multi_master = result.multi_master;
  summary.requests = result.requests;
  summary.dead_letter_keys = result.dead_letter_keys;
  if (!result.failures.empty()) summary.error = to_line(result.failures.back().error);
  return summary;
}

ExitCode run_replicate(const ReplicateCommand& command) {
  CommonOptions common = command.common;
  // Source and target may be one endpoint.
  common.max_connections = command.replication.job.pipeline.writing.max_concurrent_writes + 40;
  return run_in_session(common, [&](Session& session) { return replicate(command, session); });
}

}  // namespace dynamirror::app
