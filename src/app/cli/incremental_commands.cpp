// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <fstream>

#include "app/cli/backup_commands.hpp"
#include "app/options/work_share.hpp"
#include "app/report/progress.hpp"
#include "app/session/store_session.hpp"
#include "async/task_group.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "jobs/item_backup/incremental_backfill.hpp"
#include "jobs/item_backup/incremental_snapshot.hpp"
#include "metrics/metrics.hpp"
#include "tables/stoppable_scan.hpp"

namespace dynamirror::app {
namespace {

using jobs::ExitCode;

async::Task<ExitCode> backfill(const BackfillCommand& command, WorkShare share, Session& session) {
  auto table = session.open_side(command.table, command.table_side);
  if (!table) co_return fail(table.error());
  auto store = open_store(session, command.url, command.store);
  if (!store) co_return fail(store.error());
  auto description = co_await (*table)->dynamodb().describe_table((*table)->address().table);
  if (!description) co_return fail(description.error());
  const std::uint64_t total = static_cast<std::uint64_t>(description->item_count) / share.count;
  log::info(
      command.dry_run ? "would backfill" : "backfilling",
      {{"table", (*table)->display()}, {"objects", (*store)->describe("")}, {"items", "about " + format_count(total)}});
  if (command.dry_run) co_return ExitCode::kOk;

  const source::TableScan::Options options{.table = description->name,
                                           .share = share.index,
                                           .shares = share.count,
                                           .max_read_units = command.max_read_units};
  source::TableScan scan(options, (*table)->dynamodb(), system_clock(), session.random(), session.executor());
  session.work_begins(Session::Work::kToBeRepeated);
  const jobs::BackfillOptions backfill_options{.recheck = !command.no_recheck};
  jobs::IncrementalBackfill job(backfill_options, **table, description->key, **store, session.stop(),
                                session.executor());
  const std::function<WorkDone()> look = [&] { return WorkDone{.items = job.progress().written, .total = total}; };
  async::TaskGroup progress(session.executor());
  progress.spawn(report_work(look, system_clock()));
  auto status = co_await jobs::scan_until_stopped(scan, job, session.stop(), "backfill", (*store)->describe(""));
  progress.cancel();
  co_await progress.join();
  const double units = scan.statistics().consumed_units + job.progress().recheck_units;
  const std::uint64_t requests = (*table)->requests() + (*store)->requests();
  if (command.common.output == OutputFormat::kJson) {
    print_summary(fmt::format(
        R"({{"written":{},"corrected":{},"consumed_read_units":{:.1f},"requests":{},"exit_code":{},"error":{}}})"
        "\n",
        job.progress().written, job.progress().corrected, units, requests,
        static_cast<int>(status ? ExitCode::kOk : jobs::exit_code_for(status.error())),
        status ? "null" : json_quoted(to_line(status.error()))));
  } else {
    print(fmt::format("{} -> {}: {} objects written, {} of them corrected; {:.1f} read units, {} requests\n",
                      command.table, (*store)->describe(""), format_count(job.progress().written),
                      format_count(job.progress().corrected), units, format_count(requests)));
  }
  co_return status ? ExitCode::kOk : fail(status.error());
}

/// `--metric REGION/NAMESPACE/TABLE`; a namespace may itself hold slashes.
Result<MetricTarget> parse_metric(const std::string& text) {
  const std::size_t first = text.find('/');
  const std::size_t last = text.rfind('/');
  if (first == std::string::npos || first == 0 || last <= first + 1 || last + 1 == text.size()) {
    return failure(ErrorClass::kInvalid, "read --metric", text, "write it as REGION/NAMESPACE/TABLE");
  }
  return MetricTarget{text.substr(first + 1, last - first - 1), text.substr(0, first), text.substr(last + 1)};
}

void append_to_log(const std::string& file, const std::string& line) {
  if (file.empty()) return;
  std::ofstream out(file, std::ios::app);
  out << printable_lines(line);
  if (!out.flush()) log::warning("the --logger file could not be written", {{"file", file}});
}

async::Task<ExitCode> snapshot(const SnapshotCommand& command, Session& session) {
  MetricTarget metric;
  if (!command.metric.empty()) {
    auto parsed = parse_metric(command.metric);
    if (!parsed) co_return fail(parsed.error());
    metric = std::move(*parsed);
  }
  auto place = split_place(command.target);
  if (!place) co_return fail(place.error());
  auto from = open_store(session, command.source, command.store);
  if (!from) co_return fail(from.error());
  auto to = open_store(session, place->folder, command.store);
  if (!to) co_return fail(to.error());
  log::info(command.dry_run ? "would join" : "joining",
            {{"objects", (*from)->describe("")}, {"into", (*to)->describe(place->name)}});
  if (command.dry_run) co_return ExitCode::kOk;

  session.work_begins(Session::Work::kToBeRepeated);
  async::CpuPool pool(cpu_threads());
  const jobs::SnapshotOptions options{
      .key = place->name, .compression = command.plain ? jobs::Compression::kNone : jobs::Compression::kGzip};
  jobs::IncrementalSnapshot job(options, **from, {}, **to, pool, session.stop(), session.executor());
  const std::function<WorkDone()> look = [&] { return WorkDone{.items = job.progress().read}; };
  async::TaskGroup progress(session.executor());
  progress.spawn(report_work(look, system_clock()));
  auto result = co_await job.run();
  progress.cancel();
  co_await progress.join();

  if (!command.metric.empty()) {
    std::vector<aws::MetricDatum> data;
    if (result) {
      data.push_back({.name = "BackupSize", .value = static_cast<double>(result->stored_bytes), .unit = "Bytes"});
      data.push_back({.name = "BackupRecordCount", .value = static_cast<double>(result->lines)});
    } else {
      data.push_back({.name = "BackupErrors", .value = 1});
    }
    co_await publish_metrics(session.surroundings(), std::move(metric), std::move(data));
  }
  if (!result) co_return fail(result.error());
  if (job.progress().superseded > 0) {
    log::warning("items stood under both names of their key: the newer objects count",
                 {{"left_out", format_count(job.progress().superseded)}});
  }
  const std::uint64_t requests = (*from)->requests() + (*to)->requests();
  const std::string text =
      command.common.output == OutputFormat::kJson
          ? fmt::format(
                R"({{"object":{},"items":{},"gone":{},"superseded":{},"bytes":{},"stored_bytes":{},"requests":{}}})"
                "\n",
                json_quoted((*to)->describe(place->name)), result->lines, job.progress().gone,
                job.progress().superseded, result->bytes, result->stored_bytes, requests)
          : fmt::format("{} -> {}: {} items, {} gone meanwhile, {} bytes, {} stored, {} requests\n",
                        (*from)->describe(""), (*to)->describe(place->name), format_count(result->lines),
                        format_count(job.progress().gone), format_count(result->bytes),
                        format_count(result->stored_bytes), format_count(requests));
  print_summary(text);
  append_to_log(command.log_file, text);
  co_return ExitCode::kOk;
}

}  // namespace

ExitCode run_backfill(const BackfillCommand& command) {
  const auto share = work_share(command.segment, command.segments, aws::process_environment());
  if (!share) return fail(share.error());
  return run_in_session(command.common, [&](Session& session) { return backfill(command, *share, session); });
}

ExitCode run_snapshot(const SnapshotCommand& command) {
  return run_in_session(command.common, [&](Session& session) { return snapshot(command, session); });
}

}  // namespace dynamirror::app
