// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "app/cli/backup_commands.hpp"
#include "app/report/progress.hpp"
#include "app/report/summary.hpp"
#include "app/session/first_start.hpp"
#include "app/session/state_files.hpp"
#include "app/session/store_session.hpp"
#include "async/task_group.hpp"
#include "base/file_lock.hpp"
#include "base/log.hpp"
#include "jobs/item_backup/item_folder.hpp"
#include "jobs/prepare/preflight.hpp"
#include "sink/discard_sink.hpp"
#include "sink/object_sink.hpp"
#include "sink/present_items.hpp"
#include "source/table_stream.hpp"

namespace dynamirror::app {
namespace {

using jobs::ExitCode;

/// One run of the command on the session's loop: a replication whose target is objects.
class IncrementalBackupRun {
 public:
  IncrementalBackupRun(const IncrementalBackupCommand& command, Session& session)
      : command_(command), session_(session), begun_(system_clock().steady_now()) {}

  async::Task<ExitCode> run() {
    summary_.source = command_.table;
    summary_.target = command_.url;
    summary_.dry_run = command_.preflight.dry_run;
    const ExitCode exit_code = co_await prepare();
    summary_.exit_code = exit_code;
    if (!started_) co_return exit_code;
    summary_.duration = std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().steady_now() - begun_);
    print_summary(command_.common.output == OutputFormat::kJson ? to_json(summary_) : to_text(summary_));
    co_return exit_code;
  }

 private:
  ExitCode end(const Error& error, ExitCode exit_code) {
    complain(error);
    summary_.error = to_line(error);
    return exit_code;
  }
  ExitCode end(const Error& error) { return end(error, jobs::exit_code_for(error)); }

  async::Task<ExitCode> prepare() {
    session_.may_end_before_work(ExitCode::kOk);
    auto table = session_.open_side(command_.table, command_.table_side);
    if (!table) co_return end(table.error());
    auto store = open_store(session_, command_.url, command_.store);
    if (!store) co_return end(store.error());
    auto prepared = co_await jobs::preflight_source(**table, command_.preflight);
    if (!prepared) {
      for (const jobs::JobFailure& finding : prepared.error()) (void)end(finding.error, finding.exit_code);
      co_return prepared.error().front().exit_code;
    }
    auto folder = co_await jobs::find_item_folder(**store, prepared->source.name.str());
    if (!folder) co_return end(folder.error());
    folder_ = std::move(*folder);
    if (auto claimed = claim_folder(); !claimed) co_return end(claimed.error());
    const bool dry_run = command_.preflight.dry_run;
    const StateFileOptions files_options{.state = command_.state_file,
                                         .dead_letters = command_.dead_letter_file,
                                         .one_process = true,
                                         .dry_run = dry_run};
    auto files = open_state_files(files_options,
                                  {.source = identity_of(**table, prepared->source), .target = (*store)->describe("")});
    if (!files) co_return end(files.error(), ExitCode::kState);
    const std::string prefix = sink::ItemObjects(folder_, prepared->source.key).prefix();
    FirstStart start{.store = *files->store,
                     .meant = command_.start_given,
                     .dry_run = dry_run,
                     .target = (*store)->describe(prefix),
                     .remedy =
                         "name the state file they were written with (--state), or say where to start (--start "
                         "trim-horizon or latest)"};
    const auto may_start = co_await check_first_start(std::move(start), **store, prefix);
    if (!may_start) co_return end(may_start.error().error, may_start.error().exit_code);
    if (!dry_run) {
      // Also shows what may not be written before the first change is read.
      auto saved = co_await jobs::save_item_settings(**table, **store, folder_);
      if (!saved) co_return end(saved.error());
    }
    co_return co_await replicate(**table, **store, *prepared, *files);
  }

  /// A second process with a checkpoint of its own would put older states over newer ones.
  Status claim_folder() {
    const auto address = objects::parse_object_address(command_.url);
    const auto* local = address ? std::get_if<objects::FolderAddress>(&*address) : nullptr;
    if (local == nullptr || command_.preflight.dry_run) return {};
    const auto items = std::filesystem::path(local->path) / folder_;
    if (auto made = create_folders(items); !made) return made;
    auto lock = FileLock::acquire(items / ".dynamirror-backup");  // whose ".lock" is no object
    if (!lock) return std::unexpected(std::move(lock.error()));
    lock_.emplace(std::move(*lock));
    return {};
  }

  async::Task<ExitCode> replicate(jobs::TableSide& table, objects::ObjectStore& store,
                                  const jobs::PreparedSource& prepared, StateFiles& files) {
    const source::TableStream stream{table.streams(), prepared.stream, prepared.source.key};
    sink::ObjectSink objects(sink::ItemObjects(folder_, prepared.source.key), store);
    std::unique_ptr<sink::PresentItems> present;
    if (source::tells_keys_only(prepared.source)) {
      log::info("the table's stream tells the keys of changed items only: each change costs a consistent read",
                {{"table", table.display()}, {"view_type", prepared.source.stream.view_type}});
      sink::ItemReader::Options read_from{
          .table = prepared.source.name, .key = prepared.source.key, .max_read_units = command_.max_read_units};
      present = std::make_unique<sink::PresentItems>(std::move(read_from), table.dynamodb(), objects, system_clock(),
                                                     session_.random());
    }
    sink::ChangeSink& writer = present ? static_cast<sink::ChangeSink&>(*present) : objects;
    sink::DiscardSink nothing(objects.describe());
    const bool dry_run = command_.preflight.dry_run;
    jobs::ReplicateOptions options = command_.job;
    jobs::Replication job({.stream = stream,
                           .sink = dry_run ? static_cast<sink::ChangeSink&>(nothing) : writer,
                           .dead_letters = files.dead_letters.get(),
                           .store = files.store.get(),
                           .stop = session_.stop(),
                           .clock = system_clock(),
                           .random = session_.random()},
                          options, session_.executor());
    log::info("backing up changes",
              {{"table", table.display()}, {"objects", objects.describe()}, {"stream", prepared.stream.str()}});
    started_ = true;
    session_.work_begins(Session::Work::kCheckpointed);
    async::TaskGroup progress(session_.executor());
    progress.spawn(report_progress(job, system_clock()));
    auto ended = co_await job.run();
    progress.cancel();
    co_await progress.join();
    summary_.status = job.status();
    summary_.requests =
        table.dynamodb_api().statistics().requests + table.streams_api().statistics().requests + store.requests();
    if (!ended) co_return end(ended.error().error, ended.error().exit_code);
    co_return ExitCode::kOk;
  }

  const IncrementalBackupCommand& command_;
  Session& session_;
  SteadyTime begun_;
  std::string folder_;  ///< of the items in the store
  std::optional<FileLock> lock_;
  bool started_ = false;
  ReplicateSummary summary_;
};

async::Task<ExitCode> incremental_backup(const IncrementalBackupCommand& command, Session& session) {
  IncrementalBackupRun run(command, session);
  co_return co_await run.run();
}

}  // namespace

ExitCode run_incremental_backup(const IncrementalBackupCommand& command) {
  CommonOptions common = command.common;
  common.max_connections =
      command.job.pipeline.writing.max_concurrent_writes + 40;  // table and bucket may be one endpoint
  return run_in_session(common, [&](Session& session) { return incremental_backup(command, session); });
}

}  // namespace dynamirror::app
