// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <fstream>

#include "app/cli/backup_commands.hpp"
#include "app/options/work_share.hpp"
#include "app/report/progress.hpp"
#include "app/session/session.hpp"
#include "app/session/store_session.hpp"
#include "async/run_beside.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "jobs/item_backup/incremental_backfill.hpp"
#include "jobs/item_backup/incremental_snapshot.hpp"
#include "jobs/item_backup/item_folder.hpp"
#include "metrics/metrics.hpp"
#include "tables/stoppable_scan.hpp"

namespace dynamirror::app {
namespace {

async::Task<ExitCode> backfill(const BackfillCommand& command, WorkShare share, Session& session) {
  auto table = session.open_side(command.table, command.table_side);
  if (!table) co_return fail(table.error());
  auto store = session.open_store(command.url, command.store);
  if (!store) co_return fail(store.error());
  auto description = co_await (*table)->dynamodb().describe_table((*table)->address().table);
  if (!description) co_return fail(description.error());
  auto folder = co_await jobs::find_item_folder(**store, description->name.str());
  if (!folder) co_return fail(folder.error());
  const std::uint64_t total = static_cast<std::uint64_t>(description->item_count) / share.count;
  log::info(
      command.dry_run ? "would backfill" : "backfilling",
      {{"table", (*table)->display()}, {"objects", (*store)->describe("")}, {"items", "about " + format_count(total)}});
  if (command.dry_run) co_return ExitCode::kOk;
  auto saved = co_await jobs::save_item_settings(**table, **store, *folder);
  if (!saved) co_return fail(saved.error());

  const source::TableScan::Options options{.table = description->name,
                                           .share = share.index,
                                           .shares = share.count,
                                           .max_read_units = command.max_read_units};
  source::TableScan scan(options, (*table)->dynamodb(), system_clock(), session.random(), session.executor());
  session.work_begins(Session::Work::kToBeRepeated);
  const jobs::BackfillOptions backfill_options{.folder = std::move(*folder), .recheck = !command.no_recheck};
  jobs::IncrementalBackfill job(backfill_options, **table, description->key, **store, session.stop(),
                                session.executor());
  const std::function<WorkDone()> written = [&] { return WorkDone{.items = job.progress().written, .total = total}; };
  auto work = jobs::scan_until_stopped(scan, job, session.stop(), "backfill", (*store)->describe(""));
  auto status = co_await async::run_beside(report_work(written, system_clock()), std::move(work));
  const double units = scan.statistics().consumed_units + job.progress().recheck_units;
  const std::uint64_t requests = (*table)->requests() + (*store)->requests();
  if (command.common.output == OutputFormat::kJson) {
    print_summary(fmt::format(
        R"({{"written":{},"corrected":{},"consumed_read_units":{:.1f},"requests":{},"exit_code":{},"error":{}}})"
        "\n",
        job.progress().written, job.progress().corrected, units, requests,
        static_cast<int>(status ? ExitCode::kOk : exit_code_for(status.error())),
        status ? "null" : json_quoted(to_line(status.error()))));
  } else {
    print(fmt::format("{} -> {}: {} objects written, {} of them corrected; {:.1f} read units, {} requests\n",
                      command.table, (*store)->describe(""), format_count(job.progress().written),
                      format_count(job.progress().corrected), units, format_count(requests)));
  }
  co_return status ? ExitCode::kOk : fail(status.error());
}

/// `--metric REGION/NAMESPACE/TABLE`; a namespace may itself hold slashes.
Result<metrics::MetricTarget> parse_metric(const std::string& text) {
  const std::size_t first = text.find('/');
  const std::size_t last = text.rfind('/');
  if (first == std::string::npos || first == 0 || last <= first + 1 || last + 1 == text.size()) {
    return failure(ErrorClass::kInvalid, "read --metric", text, "write it as REGION/NAMESPACE/TABLE");
  }
  return metrics::MetricTarget{text.substr(first + 1, last - first - 1), text.substr(0, first), text.substr(last + 1)};
}

void append_to_log(const std::string& file, const std::string& line) {
  if (file.empty()) return;
  std::ofstream out(file, std::ios::app);
  out << printable_lines(line);
  if (!out.flush()) log::warning("the --logger file could not be written", {{"file", file}});
}

/// Where the objects of a snapshot come from, and where it goes.
struct SnapshotPlaces {
  std::unique_ptr<objects::ObjectStore> from;
  std::string prefix;  ///< within it; empty: of a whole bucket
  std::unique_ptr<objects::ObjectStore> to;
  std::string name;
};

async::Task<Result<SnapshotPlaces>> open_places(const SnapshotCommand& command, Session& session) {
  SnapshotPlaces places;
  auto target = split_place(command.target);
  if (!target) co_return std::unexpected(std::move(target.error()));
  places.name = std::move(target->name);
  auto to = session.open_store(target->folder, command.store);
  if (!to) co_return std::unexpected(std::move(to.error()));
  places.to = std::move(*to);
  ObjectPlace source{command.source, ""};
  const bool is_folder = command.source.starts_with("file:");
  if (auto cut = split_place(command.source); cut && !is_folder) source = std::move(*cut);
  auto from = session.open_store(source.folder, command.store);
  if (!from) co_return std::unexpected(std::move(from.error()));
  places.from = std::move(*from);
  if (source.name.empty()) co_return places;
  auto folder = co_await jobs::find_item_folder(*places.from, source.name);
  if (!folder) co_return std::unexpected(std::move(folder.error()));
  places.prefix = std::move(*folder) + "/";
  co_return places;
}

async::Task<> send_metrics(Session& session, metrics::MetricTarget target,
                           const Result<jobs::LinesObjectTotals>& result) {
  std::vector<aws::MetricDatum> data;
  if (result) {
    data.push_back({.name = "BackupSize", .value = static_cast<double>(result->stored_bytes), .unit = "Bytes"});
    data.push_back({.name = "BackupRecordCount", .value = static_cast<double>(result->lines)});
  } else {
    data.push_back({.name = "BackupErrors", .value = 1});
  }
  co_await metrics::publish_metrics(session.surroundings(), std::move(target), std::move(data));
}

std::string snapshot_text(const SnapshotCommand& command, const SnapshotPlaces& places,
                          const jobs::LinesObjectTotals& result, const jobs::SnapshotProgress& progress) {
  const std::string object = places.to->describe(places.name);
  const std::uint64_t requests = places.from->requests() + places.to->requests();
  if (command.common.output == OutputFormat::kJson) {
    return fmt::format(
        R"({{"object":{},"items":{},"gone":{},"superseded":{},"bytes":{},"stored_bytes":{},"requests":{}}})"
        "\n",
        json_quoted(object), result.lines, progress.gone, progress.superseded, result.bytes, result.stored_bytes,
        requests);
  }
  std::string text =
      fmt::format("{} -> {}: {} items, {} gone meanwhile, {} bytes, {} stored, {} requests\n",
                  places.from->describe(places.prefix), object, format_count(result.lines), format_count(progress.gone),
                  format_count(result.bytes), format_count(result.stored_bytes), format_count(requests));
  if (command.old_words) {
    text += fmt::format("Uploaded snapshot to {}\nWrote {} items and {} bytes to snapshot\n", object, result.lines,
                        result.stored_bytes);
  }
  return text;
}

async::Task<Result<jobs::LinesObjectTotals>> make_snapshot(const SnapshotCommand& command, Session& session,
                                                           const SnapshotPlaces& places, jobs::SnapshotProgress& done) {
  async::CpuPool pool(cpu_threads());
  const jobs::SnapshotOptions options{
      .key = places.name,
      .compression = command.plain ? jobs::Compression::kNone : jobs::Compression::kGzip,
      .allow_empty = command.allow_empty};
  jobs::IncrementalSnapshot job(options, *places.from, places.prefix, *places.to, pool, session.stop(),
                                session.executor());
  const std::function<WorkDone()> read = [&] { return WorkDone{.items = job.progress().read}; };
  auto result = co_await async::run_beside(report_work(read, system_clock()), job.run());
  done = job.progress();
  co_return result;
}

async::Task<ExitCode> snapshot(const SnapshotCommand& command, Session& session) {
  metrics::MetricTarget metric;
  if (!command.metric.empty()) {
    auto parsed = parse_metric(command.metric);
    if (!parsed) co_return fail(parsed.error());
    metric = std::move(*parsed);
  }
  const auto places = co_await open_places(command, session);
  jobs::SnapshotProgress progress;
  Result<jobs::LinesObjectTotals> result;
  if (places) {
    log::info(command.dry_run ? "would join" : "joining",
              {{"objects", places->from->describe(places->prefix)}, {"into", places->to->describe(places->name)}});
    if (command.dry_run) co_return ExitCode::kOk;
    session.work_begins(Session::Work::kToBeRepeated);
    result = co_await make_snapshot(command, session, *places, progress);
  } else {
    result = std::unexpected(places.error());
  }
  if (!command.metric.empty() && !command.dry_run) co_await send_metrics(session, std::move(metric), result);
  if (!result) co_return fail(result.error());
  if (progress.superseded > 0) {
    log::warning("items stood under both names of their key: the newer objects count",
                 {{"left_out", format_count(progress.superseded)}});
  }
  const std::string text = snapshot_text(command, *places, *result, progress);
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
