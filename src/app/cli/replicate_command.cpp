// SPDX-License-Identifier: Apache-2.0
#include "app/cli/replicate_command.hpp"

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <utility>

#include "app/cli/initial_load_step.hpp"
#include "app/report/progress.hpp"
#include "app/report/summary.hpp"
#include "app/session/first_start.hpp"
#include "app/session/lease_session.hpp"
#include "app/session/session.hpp"
#include "app/session/state_files.hpp"
#include "async/task_group.hpp"
#include "aws/endpoints/partition.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "jobs/prepare/preflight.hpp"
#include "jobs/replication/leased_shards.hpp"
#include "metrics/lease_metrics.hpp"
#include "metrics/metrics.hpp"
#include "sink/dead_letters.hpp"
#include "sink/discard_sink.hpp"
#include "sink/present_items.hpp"
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
    if (started_) sum_up();
    co_return exit_code;
  }

 private:
  ExitCode end(const Error& error, ExitCode exit_code) {
    complain(error);
    summary_.error = to_line(error);
    return exit_code;
  }

  /// The two tables, fit for replication.
  struct Tables {
    std::unique_ptr<jobs::TableSide> source;
    std::unique_ptr<jobs::TableSide> target;
    jobs::Prepared prepared{};
    state::ReplicationIdentity identity{};
  };

  /// A side by its address; awslabs' flags name the region beside an endpoint.
  Result<std::unique_ptr<jobs::TableSide>> open_side(const std::string& table, const std::string& region,
                                                     const aws::SideOptions& options) {
    auto address = session_.address_of(table, options);
    if (!address) return std::unexpected(std::move(address.error()));
    if (!region.empty()) address->region = Region(region);
    return session_.open_side(std::move(*address), options);
  }

  async::Task<ExitCode> replicate() {
    if (command_.leases.wanted && command_.cloudwatch) {
      if (const auto fine = check_metrics_endpoint(session_.environment()); !fine)
        co_return end(fine.error(), ExitCode::kUsage);
    }
    session_.may_end_before_work(ExitCode::kOk);
    Tables tables;
    auto source = open_side(command_.source, command_.source_region, command_.source_side);
    if (!source) co_return end(source.error(), jobs::exit_code_for(source.error()));
    tables.source = std::move(*source);
    auto target = open_side(command_.target, command_.target_region, command_.target_side);
    if (!target) co_return end(target.error(), jobs::exit_code_for(target.error()));
    tables.target = std::move(*target);
    auto prepared = co_await jobs::preflight(*tables.source, *tables.target, command_.preflight);
    if (!prepared) {
      for (const jobs::JobFailure& finding : prepared.error()) (void)end(finding.error, finding.exit_code);
      co_return prepared.error().front().exit_code;
    }
    tables.prepared = std::move(*prepared);
    tables.identity = {.source = identity_of(*tables.source, tables.prepared.source),
                       .target = identity_of(*tables.target, tables.prepared.target),
                       .source_id = {},  // a source made anew has a new stream, and that is noticed
                       .target_id = tables.prepared.target.id};
    const source::TableStream stream{tables.source->streams(), tables.prepared.stream, tables.prepared.source.key};
    sink::TableSink table({.table = tables.prepared.target.name,
                           .key = tables.prepared.target.key,
                           .max_write_units = command_.max_write_units},
                          tables.target->dynamodb(), system_clock());
    const auto reading = read_items(tables, table);
    if (reading && !command_.spool.empty()) {
      co_return end({.error_class = ErrorClass::kInvalid,
                     .doing = "load table",
                     .resource = tables.source->display(),
                     .code = {},
                     .message = "its stream tells the keys of changed items only, so that --spool has nothing to keep; "
                                "start without it"},
                    ExitCode::kUsage);
    }
    sink::ChangeSink& sink = reading ? static_cast<sink::ChangeSink&>(*reading) : table;
    const ExitCode exit_code = command_.leases.wanted ? co_await replicate_with_others(tables, stream, sink)
                                                      : co_await replicate_alone(tables, stream, table, sink);
    sum_up_costs(tables, table);
    if (reading) say_what_was_read(*reading);
    co_return exit_code;
  }

  /// Where the source's stream tells keys only, what changes must pass on their way to the target; null elsewhere.
  std::unique_ptr<sink::PresentItems> read_items(const Tables& tables, sink::TableSink& target) {
    const aws::TableDescription& source = tables.prepared.source;
    if (!source::tells_keys_only(source)) return nullptr;
    const double mean_bytes =
        source.item_count > 0 ? static_cast<double>(source.size_bytes) / static_cast<double>(source.item_count) : 0;
    log::info("the source's stream tells the keys of changed items only: each change costs a consistent read",
              {{"source", tables.source->display()},
               {"view_type", source.stream.view_type},
               {"mean_read_units", std::to_string(static_cast<int>(mean_bytes / 4096) + 1)}});
    return std::make_unique<sink::PresentItems>(
        sink::ItemReader::Options{.table = source.name, .key = source.key, .max_read_units = command_.max_read_units},
        tables.source->dynamodb(), target, system_clock(), session_.random());
  }

  static void say_what_was_read(const sink::PresentItems& items) {
    const sink::ItemReader::Statistics& reads = items.reads();
    log::info("items read from the source", {{"requests", std::to_string(reads.requests)},
                                             {"read_units", fmt::format("{:.1f}", reads.consumed_units)},
                                             {"unprocessed", std::to_string(reads.unprocessed)},
                                             {"throttled", std::to_string(reads.throttled)}});
  }

  /// `table`: of a load; `sink`: of changes.
  async::Task<ExitCode> replicate_alone(Tables& tables, const source::ChangeStream& stream, sink::TableSink& table,
                                        sink::ChangeSink& sink) {
    const bool dry_run = command_.preflight.dry_run;
    const StateFileOptions file_options{.state = command_.state_file,
                                        .dead_letters = command_.dead_letter_file,
                                        .without_dead_letters = command_.on_error == OnError::kStop,
                                        .one_process = true,
                                        .dry_run = dry_run};
    auto files = open_state_files(file_options, tables.identity);
    if (!files) co_return end(files.error(), ExitCode::kState);
    FirstStart start{.store = *files->store,
                     .meant = command_.start_given || command_.overwrite || command_.initial_load,
                     .dry_run = dry_run,
                     .target = tables.target->display(),
                     .remedy =
                         "name the state file it was filled with (--state), load it anew (--initial-load "
                         "--overwrite), or say where to start (--start trim-horizon or latest)"};
    const auto may_start =
        co_await check_first_start(std::move(start), *tables.target, tables.prepared.target, session_.random());
    if (!may_start) co_return end(may_start.error().error, may_start.error().exit_code);
    session_.work_begins(Session::Work::kCheckpointed);
    const InitialLoadStep load{command_, session_,        *tables.source, *tables.target, tables.prepared,
                               stream,   tables.identity, *files,         table};
    auto step = co_await initial_load_step(load);
    summary_.load = std::move(step.load);
    if (summary_.load) started_ = true;
    if (!step.ended) co_return end(step.ended.error().error, step.ended.error().exit_code);

    sink::DiscardSink nothing(table.describe());
    jobs::ReplicateOptions options = command_.job;
    if (command_.initial_load) options.start = ordering::ShardGraph::InitialPosition::kTrimHorizon;
    jobs::Replication job({.stream = stream,
                           .sink = dry_run ? static_cast<sink::ChangeSink&>(nothing) : sink,
                           .dead_letters = files->dead_letters.get(),
                           .store = files->store.get(),
                           .stop = session_.stop(),
                           .clock = system_clock(),
                           .random = session_.random()},
                          options, session_.executor());
    const ExitCode exit_code = co_await run(job, tables);
    co_return with_letters(exit_code, files->dead_letters.get());
  }

  /// A target that lacks what its dead letters hold has not caught up, whichever run has written them.
  ExitCode with_letters(ExitCode exit_code, const sink::DeadLetters* letters) {
    summary_.dead_letter_keys = letters == nullptr ? 0 : letters->keys();
    const auto missing = missing_keys(letters, command_.target);
    if (exit_code != ExitCode::kOk || !command_.job.stop_when_caught_up || !missing) return exit_code;
    return end(*missing, ExitCode::kPoison);
  }

  async::Task<ExitCode> replicate_with_others(Tables& tables, const source::ChangeStream& stream,
                                              sink::ChangeSink& sink) {
    auto name = lease_table_name(command_.leases, task_of(tables.source->address(), tables.target->address()));
    if (!name) co_return end(name.error(), jobs::exit_code_for(name.error()));
    auto leases = co_await open_leases(session_, command_.leases, std::move(*name), tables.source->address(),
                                       command_.source_side, tables.identity.source + " -> " + tables.identity.target);
    if (!leases) co_return end(leases.error(), jobs::exit_code_for(leases.error()));
    auto letters = open_dead_letters(command_.on_error == OnError::kStop ? std::string() : command_.dead_letter_file);
    if (!letters) co_return end(letters.error(), ExitCode::kState);

    jobs::ReplicateOptions options = command_.job;
    jobs::LeasedShards shards(stream, *leases->store, system_clock(), session_.random(), session_.executor(), options,
                              {.worker = leases->worker, .check_table = [&] { return leases->check(); }});
    jobs::Replication job({.stream = stream,
                           .sink = sink,
                           .dead_letters = letters->get(),
                           .store = nullptr,
                           .stop = session_.stop(),
                           .clock = system_clock(),
                           .random = session_.random(),
                           .shards = &shards},
                          options, session_.executor());
    const auto metrics = open_metrics(tables, *leases, [&] {
      return LeaseReading{job.status(), shards.statistics(), tables.source->streams_api().statistics().bytes_received};
    });
    async::TaskGroup sending(session_.executor());
    if (metrics) sending.spawn(metrics->run());
    const ExitCode exit_code = co_await run(job, tables);
    sending.cancel();
    co_await sending.join();
    if (metrics) co_await metrics->finish();
    summary_.leases = shards.statistics();
    if (leases->side) summary_.requests += leases->side->dynamodb_api().statistics().requests;
    co_return with_letters(exit_code, letters->get());
  }

  /// Null when none are wanted; a file of leases has neither a region nor a name that others know.
  std::unique_ptr<LeaseMetrics> open_metrics(const Tables& tables, const LeaseSession& leases,
                                             std::function<LeaseReading()> read) {
    if (!command_.cloudwatch || !leases.side) return nullptr;
    aws::SideOptions identity = command_.source_side;
    if (!command_.leases.role_arn.empty()) {
      identity.role_arn = command_.leases.role_arn;
      identity.external_id = command_.leases.external_id;
    }
    LeaseMetrics::Options options{
        .name_space = leases.table, .lease_region = leases.side->address().region.str(), .side = std::move(identity)};
    for (const jobs::TableSide* side : {tables.source.get(), tables.target.get(), leases.side.get()}) {
      const auto& endpoint = side->address().endpoint;
      if (endpoint && !aws::region_of_host(endpoint->host)) options.local = true;
    }
    return std::make_unique<LeaseMetrics>(std::move(options), session_.surroundings(), std::move(read));
  }

  async::Task<ExitCode> run(jobs::Replication& job, const Tables& tables) {
    log::info("replicating", {{"source", tables.source->display()},
                              {"source_credentials", tables.source->credentials_source()},
                              {"target", tables.target->display()},
                              {"target_credentials", tables.target->credentials_source()},
                              {"stream", tables.prepared.stream.str()}});
    started_ = true;
    session_.work_begins(Session::Work::kCheckpointed);
    async::TaskGroup progress(session_.executor());
    progress.spawn(report_progress(job, system_clock()));
    auto ended = co_await job.run();
    progress.cancel();
    co_await progress.join();
    summary_.status = job.status();
    if (!ended) co_return end(ended.error().error, ended.error().exit_code);
    co_return ExitCode::kOk;
  }

  void sum_up_costs(const Tables& tables, const sink::TableSink& table) {
    summary_.consumed_write_units = table.statistics().consumed_units;
    for (const jobs::TableSide* side : {tables.source.get(), tables.target.get()}) {
      summary_.requests += side->dynamodb_api().statistics().requests + side->streams_api().statistics().requests;
    }
  }

  void sum_up() {
    summary_.duration = std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().steady_now() - begun_);
    print_summary(command_.common.output == OutputFormat::kJson ? to_json(summary_) : to_text(summary_));
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

ExitCode run_replicate(const ReplicateCommand& given) {
  ReplicateCommand command = given;
  if (command.initial_load && command.job.max_record_age) {
    // What a load hands over to the stream may be of any age by then, and all of it is needed.
    log::warning("--max-record-age does nothing together with --initial-load");
    command.job.max_record_age.reset();
  }
  CommonOptions common = command.common;
  common.max_connections =
      command.job.pipeline.writing.max_concurrent_writes + 40;  // source and target may be one endpoint
  return run_in_session(common, [&](Session& session) { return replicate(command, session); });
}

}  // namespace dynamirror::app
