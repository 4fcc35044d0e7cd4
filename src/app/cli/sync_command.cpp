// SPDX-License-Identifier: Apache-2.0
#include "app/cli/sync_command.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "app/cli/replicate_command.hpp"
#include "app/report/summary.hpp"
#include "app/session/session.hpp"
#include "async/task_group.hpp"
#include "base/clock.hpp"
#include "service/replication.hpp"

namespace dynamirror::app {
namespace {

/// A flow from one table to another.
struct Flow {
  service::ReplicationOptions options;
  std::unique_ptr<service::Replication> replication{};
};

std::string without_slashes(std::string text) {
  for (char& c : text) {
    if (c == '/' || c == ':') c = '_';
  }
  return text;
}

service::ReplicationOptions flow_options(const SyncCommand& command, std::size_t from, std::size_t to) {
  service::ReplicationOptions options = command.flow;
  options.source.address = command.tables[from];
  options.target = service::TableOptions{.address = command.tables[to]};
  options.name = command.tables[from] + " > " + command.tables[to];
  options.multi_master.wanted = true;
  options.multi_master.adopt_rank = command.tables[from] == command.preferred ? 2 : 1;
  if (!command.state_dir.empty()) {
    const std::string name = without_slashes(command.tables[from]) + "-" + without_slashes(command.tables[to]) + ".db";
    options.files.state = (std::filesystem::path(command.state_dir) / name).string();
  }
  return options;
}

std::vector<Flow> flows_of(const SyncCommand& command) {
  std::vector<Flow> flows;
  const std::size_t count = command.tables.size();
  for (std::size_t from = 0; from < count; ++from) {
    if (command.flow.multi_master.topology == multimaster::Topology::kRing) {
      flows.push_back({flow_options(command, from, (from + 1) % count)});
      continue;
    }
    for (std::size_t to = 0; to < count; ++to) {
      if (from != to) flows.push_back({flow_options(command, from, to)});
    }
  }
  return flows;
}

Status check_tables(const SyncCommand& command) {
  const auto wrong = [&](std::string message) {
    return failure(ErrorClass::kInvalid, "sync tables", command.tables.front(), std::move(message));
  };
  std::vector<std::string> seen;
  for (const std::string& table : command.tables) {
    if (std::ranges::find(seen, table) != seen.end()) return wrong("the table " + table + " is named twice");
    seen.push_back(table);
  }
  if (command.tables.size() < 2) return wrong("two tables at least are kept in step; name another one");
  if (!command.preferred.empty() && std::ranges::find(seen, command.preferred) == seen.end()) {
    return wrong("--prefer names " + command.preferred + ", which is none of the tables");
  }
  return {};
}

/// One that ends by itself, as none should, ends all: half of the flows would look like a service that runs.
async::Task<> run_flow(Flow& flow, Session& session) {
  co_await flow.replication->run();
  session.stop().request();
}

async::Task<ExitCode> sync(const SyncCommand& command, Session& session) {
  session.may_end_before_work(ExitCode::kOk);
  if (auto fine = check_tables(command); !fine) co_return fail(fine.error());
  const SteadyTime begun = system_clock().steady_now();
  std::vector<Flow> flows = flows_of(command);
  async::TaskGroup running(session.executor());
  for (Flow& flow : flows) {
    service::ReplicationObserver observer{
        .work_begins = [&session] { session.work_begins(Session::Work::kCheckpointed); },
        .loading = {},
        .replicating = [&flow](const jobs::Replication& job) { return report_progress(job, *flow.replication); }};
    flow.replication = std::make_unique<service::Replication>(flow.options, session, std::move(observer));
    running.spawn(run_flow(flow, session));
  }
  co_await running.join();
  ExitCode worst = ExitCode::kOk;
  std::string all;
  for (const Flow& flow : flows) {
    service::ReplicationResult result = flow.replication->result();
    const ExitCode exit_code = tell(result);
    if (worst == ExitCode::kOk) worst = exit_code;
    if (!result.begun) continue;
    ReplicateSummary summary = summary_of(flow.options, std::move(result));
    summary.exit_code = exit_code;
    summary.duration = std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().steady_now() - begun);
    all += command.common.output == OutputFormat::kJson ? to_json(summary) : to_text(summary);
  }
  print_summary(all);
  co_return worst;
}

}  // namespace

ExitCode run_sync(const SyncCommand& command) {
  CommonOptions common = command.common;
  // Every flow writes both of its tables.
  common.max_connections = command.flow.job.pipeline.writing.max_concurrent_writes * command.tables.size() + 40;
  return run_in_session(common, [&](Session& session) { return sync(command, session); });
}

}  // namespace dynamirror::app
