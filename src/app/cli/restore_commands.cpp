// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include "app/cli/backup_commands.hpp"
#include "app/options/work_share.hpp"
#include "app/report/progress.hpp"
#include "app/session/confirmation.hpp"
#include "app/session/session.hpp"
#include "app/session/store_session.hpp"
#include "async/task_group.hpp"
#include "aws/dynamodb/table_settings.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "jobs/item_backup/item_folder.hpp"
#include "jobs/restore/restore_record.hpp"
#include "jobs/restore/restore_table.hpp"
#include "jobs/restore/restore_target.hpp"
#include "model/key_argument.hpp"
#include "sink/discard_sink.hpp"
#include "sink/table_sink.hpp"

namespace dynamirror::app {
namespace {

/// A folder of single objects, and so a snapshot of it, may hold an item under both names of its key.
bool has_a_key_once(jobs::BackupKind kind) {
  return kind == jobs::BackupKind::kDump || kind == jobs::BackupKind::kOldDump || kind == jobs::BackupKind::kFullExport;
}

/// One run of `restore-table` on the session's loop.
class RestoreRun {
 public:
  RestoreRun(const RestoreTableCommand& command, WorkShare share, Session& session)
      : command_(command),
        share_{share.index, share.count},
        session_(session),
        pool_(cpu_threads()),
        begun_(system_clock().steady_now()) {}

  async::Task<ExitCode> run() {
    if (!command_.as_of.empty()) {
      auto moment = parse_moment(command_.as_of);
      if (!moment) co_return fail(moment.error());
      options_.as_of = *moment;
      if (auto versions = check_keeps_versions(); !versions) co_return fail(versions.error());
    }
    auto place = split_place(jobs::without_manifest(command_.url));
    if (!place) co_return fail(place.error());
    auto store = session_.open_store(place->folder, command_.store);
    if (!store) co_return fail(store.error());
    auto target = session_.open_side(command_.target, command_.target_side);
    if (!target) co_return fail(target.error());
    auto plan = co_await jobs::plan_restore(**store, place->name, session_.stop(), share_);
    if (!plan) co_return fail(plan.error());
    if (options_.as_of && plan->kind != jobs::BackupKind::kIncremental) {
      co_return fail(Error{
          .error_class = ErrorClass::kInvalid,
          .doing = "restore",
          .resource = command_.url,
          .code = {},
          .message = "--as-of needs an incremental backup; this is a " + std::string(jobs::to_string(plan->kind))});
    }
    for (const std::string& warning : plan->warnings) log::warning(warning);
    log::info(command_.dry_run || command_.prepare_only ? "would restore" : "restoring",
              {{"from", (*store)->describe(place->name)},
               {"kind", std::string(jobs::to_string(plan->kind))},
               {"items", plan->items ? format_count(*plan->items) : "not known beforehand"},
               {"target", (*target)->display()}});
    co_return co_await restore(**store, *plan, **target);
  }

 private:
  [[nodiscard]] Status check_keeps_versions() const {
    const auto address = objects::parse_object_address(command_.url);
    if (!address || !std::holds_alternative<objects::FolderAddress>(*address)) return {};
    return failure(ErrorClass::kInvalid, "restore", command_.url,
                   "--as-of needs a bucket with versions, and a folder keeps none; leave it out to restore the newest "
                   "state");
  }

  async::Task<ExitCode> restore(objects::ObjectStore& store, const jobs::RestorePlan& plan, jobs::TableSide& target) {
    const jobs::RestoreTargetOptions options{
        .create = command_.create_target, .may_hold_items = command_.overwrite, .dry_run = command_.dry_run};
    auto table = co_await jobs::prepare_restore_target(target, plan.settings_json, options, session_.random());
    if (!table) co_return fail(table.error());
    if (command_.prepare_only) {
      report({}, {.requests = target.requests() + store.requests()}, {}, ExitCode::kOk);
      co_return ExitCode::kOk;
    }
    std::unique_ptr<sink::DeadLetters> letters;
    if (!command_.dead_letter_file.empty() && !command_.dry_run) {
      auto opened = sink::DeadLetters::open({.file = command_.dead_letter_file});
      if (!opened) co_return fail(jobs::JobFailure{jobs::Reason::kState, std::move(opened.error())});
      letters = std::move(*opened);
    }
    sink::TableSink sink({.table = table->name, .key = table->key, .max_write_units = command_.max_write_units},
                         target.dynamodb(), system_clock());
    sink::DiscardSink nothing(sink.describe());
    const jobs::ItemLoader::Options loader_options{.refuse_repeated_keys = has_a_key_once(plan.kind)};
    jobs::ItemLoader loader({table->key, command_.dry_run ? static_cast<sink::ChangeSink&>(nothing) : sink,
                             letters.get(), system_clock(), session_.random(), session_.executor()},
                            loader_options);
    options_.key = table->key;
    session_.work_begins(Session::Work::kToBeRepeated);
    const auto read = co_await load(store, plan, loader);
    const auto& counters = loader.counters();
    if (!read) co_return give_up(*table, counters, read.error());
    std::vector<std::string> settings;
    // Once: of several processes by the first share's.
    const bool sets = command_.create_target && !command_.dry_run && share_.index == 0;
    if (sets) settings = co_await take_over_settings(target, *table, plan);
    const Costs costs{.write_units = sink.statistics().consumed_units,
                      .requests = target.requests() + store.requests()};
    if (found_.superseded > 0) {
      log::warning("items stood under both names of their key: the newer objects count",
                   {{"left_out", format_count(found_.superseded)}});
    }
    if (options_.as_of) warn_of_what_was_not_there();
    const ExitCode exit_code = !complete_                    ? exit_code_for(complete_.error())
                               : counters.dead_lettered == 0 ? ExitCode::kOk
                                                             : ExitCode::kPoison;
    report(counters, costs, settings, exit_code);
    if (!complete_) complain(complete_.error());
    co_return exit_code;
  }

  async::Task<jobs::JobResult<void>> load(objects::ObjectStore& store, const jobs::RestorePlan& plan,
                                          jobs::ItemLoader& loader) {
    jobs::Restore restore(plan, options_, store, loader, pool_, session_.stop(), session_.executor());
    const std::function<WorkDone()> work_done = [&] {
      return WorkDone{.items = loader.counters().settled(), .total = plan.items.value_or(0)};
    };
    async::TaskGroup progress(session_.executor());
    progress.spawn(report_work(work_done, system_clock()));
    auto read = co_await restore.run();
    auto written = co_await loader.finish();
    progress.cancel();
    co_await progress.join();
    found_ = restore.progress();
    complete_ = restore.complete();
    if (!written) co_return std::unexpected(std::move(written.error()));  // the cause of what the reader saw
    if (!read) co_return jobs::job_failure(std::move(read.error()));
    co_return jobs::JobResult<void>{};
  }

  ExitCode give_up(const aws::TableDescription& table, const ordering::ChangeBuffer::Counters& counters,
                   const jobs::JobFailure& failure) const {
    jobs::JobFailure told = failure;
    if (counters.applied > 0 && !command_.dry_run) {
      told.error.message += "; " + table.name.str() + " is incomplete: " + format_count(counters.applied) +
                            " items were written before (start again with --overwrite)";
    }
    return fail(told);
  }

  async::Task<std::vector<std::string>> take_over_settings(jobs::TableSide& target, aws::TableDescription table,
                                                           const jobs::RestorePlan& plan) {
    if (!plan.settings_json) co_return std::vector<std::string>{};
    auto settings = aws::parse_table_settings(*plan.settings_json);
    if (!settings) co_return std::vector<std::string>{"settings: not set (" + to_line(settings.error()) + ")"};
    co_return co_await aws::apply_settings(target.dynamodb(), std::move(table), std::move(*settings));
  }

  struct Costs {
    double write_units = 0;
    std::uint64_t requests = 0;  ///< to the table and to the bucket, retries included
  };

  void warn_of_what_was_not_there() const {
    if (found_.not_there > 0) {
      log::warning("objects without a version as old as that moment were left out: made later, or expired",
                   {{"objects", format_count(found_.not_there)}});
    }
    if (!found_.versioned) {
      log::warning("no object has versions: items that were deleted since that moment cannot be restored",
                   {{"from", command_.url}});
    }
  }

  void report(const ordering::ChangeBuffer::Counters& counters, Costs costs, const std::vector<std::string>& settings,
              ExitCode exit_code) {
    const double seconds = std::chrono::duration<double>(system_clock().steady_now() - begun_).count();
    if (command_.common.output == OutputFormat::kJson) {
      std::string lines;
      for (const std::string& line : settings) lines += (lines.empty() ? "" : ",") + json_quoted(line);
      print_summary(fmt::format(
          R"({{"from":{},"target":{},"dry_run":{},"read":{},"written":{},"superseded":{},"dead_lettered":{},)"
          R"("not_there":{},"not_known":{},"consumed_write_units":{:.1f},"requests":{},"duration_seconds":{:.3f},)"
          R"("settings":[{}],"exit_code":{},"error":{}}})"
          "\n",
          json_quoted(command_.url), json_quoted(command_.target), command_.dry_run, counters.read, counters.applied,
          counters.superseded, counters.dead_lettered, found_.not_there, found_.not_known, costs.write_units,
          costs.requests, seconds, lines, static_cast<int>(exit_code),
          complete_ ? "null" : json_quoted(to_line(complete_.error()))));
      return;
    }
    print(fmt::format(
        "{}{} -> {}: {} items written of {} read, {} dead letters, {:.1f} write units, {} requests, in {:.1f} s\n",
        command_.dry_run ? "[dry run, nothing was written] " : "", command_.url, command_.target,
        format_count(counters.applied), format_count(counters.read), format_count(counters.dead_lettered),
        costs.write_units, format_count(costs.requests), seconds));
    if (found_.not_there > 0) {
      print(fmt::format("  {} objects without a version as old as that moment were left out\n",
                        format_count(found_.not_there)));
    }
    for (const std::string& line : settings) print("  " + line + "\n");
  }

  const RestoreTableCommand& command_;
  jobs::RestoreShare share_;
  Session& session_;
  async::CpuPool pool_;
  SteadyTime begun_;
  jobs::RestoreOptions options_;
  jobs::RestoreProgress found_;
  Status complete_;
};

async::Task<ExitCode> restore_table(const RestoreTableCommand& command, WorkShare share, Session& session) {
  RestoreRun run(command, share, session);
  co_return co_await run.run();
}

async::Task<bool> confirmed(const RestoreRecordCommand& command, Session& session) {
  if (command.yes) co_return true;
  if (isatty(STDIN_FILENO) == 0) co_return false;
  co_return co_await answered_yes(session, "Write this to the table?");
}

async::Task<ExitCode> restore_record(const RestoreRecordCommand& command, Session& session) {
  WallTime moment = WallTime::max();
  if (!command.as_of.empty()) {
    const auto parsed = parse_moment(command.as_of);
    if (!parsed) co_return fail(parsed.error());
    moment = *parsed;
  }
  auto place = split_place(command.url);
  if (!place) co_return fail(place.error());
  auto store = session.open_store(place->folder, command.store);
  if (!store) co_return fail(store.error());
  auto target = session.open_side(command.target, command.target_side);
  if (!target) co_return fail(target.error());
  auto table = co_await (*target)->dynamodb().describe_table((*target)->address().table);
  if (!table) co_return fail(table.error());
  auto key = model::parse_key_argument(command.key, table->key);
  if (!key) co_return fail(key.error());

  auto folder = co_await jobs::find_item_folder(**store, place->name);
  if (!folder) co_return fail(folder.error());
  sink::ItemObjects names(std::move(*folder), table->key);
  auto plan = co_await jobs::plan_record_restore(**target, **store, names, *key, moment);
  if (!plan) co_return fail(plan.error());
  print(jobs::describe(*plan));
  if (plan->nothing_to_do()) co_return ExitCode::kOk;
  if (command.dry_run) co_return ExitCode::kOk;
  const bool wanted = co_await confirmed(command, session);
  if (!wanted) {
    co_return fail(Error{.error_class = ErrorClass::kInvalid,
                         .doing = "restore record",
                         .resource = command.target,
                         .code = {},
                         .message = "not confirmed, nothing was written (--yes writes without asking)"});
  }
  session.work_begins(Session::Work::kToBeRepeated);
  auto done = co_await jobs::apply_record_restore(**target, table->key, *plan, system_clock(), session.random());
  if (!done) co_return fail(done.error());
  print("done\n");
  co_return ExitCode::kOk;
}

}  // namespace

ExitCode run_restore_table(const RestoreTableCommand& command) {
  const auto share = work_share(command.segment, command.segments, aws::process_environment());
  if (!share) return fail(share.error());
  return run_in_session(command.common, [&](Session& session) { return restore_table(command, *share, session); });
}

ExitCode run_restore_record(const RestoreRecordCommand& command) {
  return run_in_session(command.common, [&](Session& session) { return restore_record(command, session); });
}

}  // namespace dynamirror::app
