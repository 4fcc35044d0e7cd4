// SPDX-License-Identifier: Apache-2.0
#include "app/replicate_command.hpp"

#include <cstdio>
#include <memory>
#include <utility>

#include "app/initial_load_step.hpp"
#include "app/progress.hpp"
#include "app/session.hpp"
#include "app/state_files.hpp"
#include "app/summary.hpp"
#include "async/task_group.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "jobs/preflight.hpp"
#include "sink/dead_letters.hpp"
#include "sink/discard_sink.hpp"
#include "sink/table_sink.hpp"
#include "source/table_stream.hpp"

namespace dynamirror::app {
namespace {

using jobs::ExitCode;

/// One run of the command on the session's loop.
class ReplicateRun {
 public:
  ReplicateRun(const ReplicateCommand& command, Session& session)
      : command_(command), session_(session), begun_(system_clock().steady_now()) {}

  async::Task<ExitCode> run() {
    summary_.source = command_.source;
    summary_.target = command_.target;
    summary_.dry_run = command_.preflight.dry_run;
    const ExitCode exit_code = co_await replicate();
    summary_.exit_code = exit_code;
    if (started_) print_summary();
    co_return exit_code;
  }

 private:
  ExitCode end(const Error& error, ExitCode exit_code) {
    complain(error);
    summary_.error = to_line(error);
    return exit_code;
  }

  async::Task<ExitCode> replicate() {
    auto source = session_.open_side(command_.source, command_.source_side);
    if (!source) co_return end(source.error(), jobs::exit_code_for(source.error()));
    auto target = session_.open_side(command_.target, command_.target_side);
    if (!target) co_return end(target.error(), jobs::exit_code_for(target.error()));
    auto prepared = co_await jobs::preflight(**source, **target, command_.preflight);
    if (!prepared) {
      for (const jobs::JobFailure& finding : prepared.error()) (void)end(finding.error, finding.exit_code);
      co_return prepared.error().front().exit_code;
    }
    const coordination::ReplicationIdentity identity{.source = identity_of(**source, prepared->source),
                                                     .target = identity_of(**target, prepared->target)};
    const StateFileOptions options{
        .state = command_.state_file,
        .dead_letters = command_.dead_letter_file,
        .without_dead_letters = command_.job.on_error == jobs::ReplicateOptions::OnError::kStop,
        .dry_run = command_.preflight.dry_run};
    auto files = open_state_files(options, identity);
    if (!files) co_return end(files.error(), ExitCode::kState);
    co_return co_await run_job(**source, **target, *prepared, identity, *files);
  }

  async::Task<ExitCode> run_job(jobs::TableSide& source, jobs::TableSide& target, const jobs::Prepared& prepared,
                                const coordination::ReplicationIdentity& identity, StateFiles& files) {
    const source::TableStream stream{source.streams(), prepared.stream, prepared.source.key};
    sink::TableSink table(
        {.table = prepared.target.name, .key = prepared.target.key, .max_write_units = command_.max_write_units},
        target.dynamodb(), system_clock());
    sink::DiscardSink nothing(table.describe());
    const InitialLoadStep load{command_, session_, source, target, prepared, stream, identity, files, table};
    auto step = co_await initial_load_step(load);
    summary_.load = std::move(step.load);
    if (summary_.load) started_ = true;
    if (!step.ended) {
      sum_up_costs(source, target, table);
      co_return end(step.ended.error().error, step.ended.error().exit_code);
    }
    const bool dry_run = command_.preflight.dry_run;
    jobs::ReplicateOptions options = command_.job;
    if (command_.initial_load) options.start = ordering::ShardGraph::InitialPosition::kTrimHorizon;
    if (dry_run) options.on_error = jobs::ReplicateOptions::OnError::kStop;
    jobs::Replication job({.stream = stream,
                           .sink = dry_run ? static_cast<sink::ChangeSink&>(nothing) : table,
                           .dead_letters = files.dead_letters.get(),
                           .store = *files.store,
                           .stop = session_.stop(),
                           .clock = system_clock(),
                           .random = session_.random()},
                          options, session_.executor());
    log::info("replicating", {{"source", source.display()},
                              {"source_credentials", source.credentials_source()},
                              {"target", target.display()},
                              {"target_credentials", target.credentials_source()},
                              {"stream", prepared.stream.str()}});
    started_ = true;
    async::TaskGroup progress(session_.executor());
    progress.spawn(report_progress(job, system_clock()));
    auto ended = co_await job.run();
    progress.cancel();
    co_await progress.join();

    summary_.status = job.status();
    sum_up_costs(source, target, table);
    if (!ended) co_return end(ended.error().error, ended.error().exit_code);
    co_return ExitCode::kOk;
  }

  void sum_up_costs(const jobs::TableSide& source, const jobs::TableSide& target, const sink::TableSink& table) {
    summary_.consumed_write_units = table.statistics().consumed_units;
    for (const jobs::TableSide* side : {&source, &target}) {
      summary_.requests += side->dynamodb_api().statistics().requests + side->streams_api().statistics().requests;
    }
  }

  void print_summary() {
    summary_.duration = std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().steady_now() - begun_);
    const std::string text = command_.common.output == OutputFormat::kJson ? to_json(summary_) : to_text(summary_);
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }

  const ReplicateCommand& command_;
  Session& session_;
  SteadyTime begun_;
  bool started_ = false;  ///< before a load or the job starts there is nothing to sum up
  ReplicateSummary summary_;
};

async::Task<ExitCode> replicate(const ReplicateCommand& command, Session& session) {
  ReplicateRun run(command, session);
  co_return co_await run.run();
}

}  // namespace

ExitCode run_replicate(const ReplicateCommand& command) {
  CommonOptions common = command.common;
  common.max_connections = command.job.max_concurrent_writes + 40;  // source and target may be one endpoint
  return run_in_session(common, [&](Session& session) { return replicate(command, session); });
}

}  // namespace dynamirror::app
