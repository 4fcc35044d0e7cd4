// SPDX-License-Identifier: Apache-2.0
#include "service/replication.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "async/scoped_executor.hpp"
#include "async/task_group.hpp"
#include "aws/endpoints/partition.hpp"
#include "base/log.hpp"
#include "jobs/replication/leased_shards.hpp"
#include "metrics/lease_metrics.hpp"
#include "metrics/metrics.hpp"
#include "service/impl/adoption.hpp"
#include "service/impl/first_start.hpp"
#include "service/impl/kinesis_changes.hpp"
#include "service/impl/load_step.hpp"
#include "service/impl/multi_master.hpp"
#include "service/impl/reading_sink.hpp"
#include "service/impl/target.hpp"
#include "service/leases.hpp"
#include "sink/discard_sink.hpp"
#include "source/table_stream.hpp"

namespace dynamirror::service {
namespace {

using jobs::JobResult;
using jobs::Reason;
using Findings = std::vector<jobs::JobFailure>;

std::unexpected<Findings> unfit(Error error) {
  const Reason reason = jobs::reason_for(error);
  return std::unexpected(Findings{{reason, std::move(error)}});
}

std::unexpected<Error> cannot_combine(const ReplicationOptions& options, std::string message) {
  return failure(ErrorClass::kInvalid, "replicate", options.source.address, std::move(message));
}

/// What the options ask for together.
Status check_options(const ReplicationOptions& options) {
  const ChangesOptions& changes = options.changes;
  if (!changes.wanted() && changes.start_time) {
    return cannot_combine(options,
                          "only a stream of Kinesis (--changes-from) can be read from a time on; start at trim-horizon "
                          "or latest");
  }
  if (!changes.wanted() && (changes.images || changes.enable)) {
    return cannot_combine(options,
                          "--use-images and --enable-changes are of a stream of Kinesis; name it with "
                          "--changes-from");
  }
  if (options.replay && changes.images) {
    return cannot_combine(options, "a replay reads the items themselves; start it without --use-images");
  }
  if (options.replay && options.load.wanted) {
    return cannot_combine(options, "a replay compares the tables key by key, and needs no load; leave one of both out");
  }
  if (options.multi_master.wanted && (changes.wanted() || options.replay || options.tags)) {
    return cannot_combine(options,
                          "--multi-master is for the table's own stream: without --changes-from, --replay and --tags");
  }
  if (options.multi_master.wanted && options.load.wanted) {
    return cannot_combine(options,
                          "with --multi-master the items that are there are brought by --adopt, not by --initial-load");
  }
  if (options.multi_master.adopt && (options.leases.wanted || options.job.stop_when_caught_up)) {
    return cannot_combine(options,
                          "--adopt is for a process that goes on by itself: without leases and --stop-when-caught-up");
  }
  if (options.tags && (changes.wanted() || options.replay || options.load.wanted)) {
    return cannot_combine(options,
                          "--tags is for the table's own stream, as it is: without --changes-from, --replay and "
                          "--initial-load (copy-table brings what is there already)");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Target>> open_target(const ReplicationOptions& options, Host& host) {
  if (const auto* objects = std::get_if<ObjectsOptions>(&options.target)) return open_object_target(*objects, host);
  return open_table_target(std::get<TableOptions>(options.target), options.max_write_units, host);
}

struct Replication::Impl {
  Impl(ReplicationOptions options_in, Host& host_in, ReplicationObserver observer_in)
      : options(std::move(options_in)),
        host(host_in),
        observer(std::move(observer_in)),
        executor(async::scoped(host.executor(), log::scope_name(options.name))),
        job_options(options.job),
        running(executor),
        beside(executor) {}

  [[nodiscard]] async::Task<> check();
  [[nodiscard]] async::Task<> run();
  [[nodiscard]] async::Task<std::expected<void, Findings>> prepare();
  [[nodiscard]] async::Task<JobResult<void>> run_alone();
  [[nodiscard]] async::Task<JobResult<void>> run_with_others();
  [[nodiscard]] async::Task<Status> open_shard_leases();
  [[nodiscard]] async::Task<JobResult<void>> apply();
  [[nodiscard]] JobResult<void> with_letters() const;
  void open_metrics();
  void settle_job_options();
  [[nodiscard]] Status settle_tags();
  [[nodiscard]] async::Task<Status> settle_multi_master();
  [[nodiscard]] Status read_items();
  [[nodiscard]] async::Task<std::expected<void, Findings>> prepare_changes();
  [[nodiscard]] jobs::PreflightOptions preflight_options() const;
  [[nodiscard]] WayOfWriting way_of_writing() const;
  void say_what_was_read() const;
  [[nodiscard]] sink::ChangeSink& open_sink();

  const ReplicationOptions options;
  Host& host;
  const ReplicationObserver observer;
  const boost::asio::any_io_executor executor;  ///< in the replication's scope
  Findings failures{};
  // In the order in which they are made; none lives in the frame of a coroutine (see the header).
  jobs::ReplicateOptions job_options;
  std::unique_ptr<jobs::TableSide> source{};
  std::unique_ptr<Target> target{};
  Target::Fit fit{};
  state::ReplicationIdentity identity{};
  std::unique_ptr<KinesisChanges> kinesis{};        ///< with `options.changes`
  std::optional<source::TableStream> own_stream{};  ///< without
  const source::ChangeStream* stream = nullptr;     ///< the one of both
  std::unique_ptr<MultiMaster> both_written{};      ///< with `options.multi_master`
  ReadingSink reading{};                            ///< where the source's items are read
  std::optional<sink::DiscardSink> nothing{};       ///< of a dry run
  std::optional<StateFiles> files{};                ///< with leases, the dead letters alone
  std::optional<LoadStep> load{};
  std::optional<Leases> leases{};
  std::string cluster{};  ///< our name among the processes of a Node.js lease table
  std::optional<jobs::LeasedShards> shards{};
  std::optional<jobs::Replication> job{};
  std::optional<Adoption> adoption{};
  std::unique_ptr<metrics::LeaseMetrics> lease_metrics{};
  async::TaskGroup running;  ///< the replication itself
  async::TaskGroup beside;   ///< whoever looks on
};

void Replication::Impl::settle_job_options() {
  job_options.pipeline.by_creation = options.changes.images;
  if (!options.load.wanted) return;
  job_options.start = ordering::ShardGraph::InitialPosition::kTrimHorizon;
  if (!job_options.max_record_age) return;
  // What a load hands over to the stream may be of any age by then, and all of it is needed.
  log::warning("--max-record-age does nothing together with --initial-load");
  job_options.max_record_age.reset();
}

async::Task<std::expected<void, Findings>> Replication::Impl::prepare() {
  if (auto fine = check_options(options); !fine) co_return unfit(std::move(fine.error()));
  settle_job_options();
  if (options.leases.wanted && options.cloudwatch) {
    const auto around = host.surroundings({});
    if (!around) co_return unfit(around.error());
    auto fine = metrics::check_metrics_endpoint(around->environment);
    if (!fine) co_return std::unexpected(Findings{{Reason::kInvalid, std::move(fine.error())}});
  }
  auto source_side = open_table(options.source, host);
  if (!source_side) co_return unfit(std::move(source_side.error()));
  source = std::move(*source_side);
  auto opened = open_target(options, host);
  if (!opened) co_return unfit(std::move(opened.error()));
  target = std::move(*opened);
  if (options.changes.wanted()) {
    auto changes = KinesisChanges::open(options.changes, host);
    if (!changes) co_return unfit(std::move(changes.error()));
    kinesis = std::move(*changes);
  }
  auto both = co_await target->prepare(*source, preflight_options());
  if (!both) co_return std::unexpected(std::move(both.error()));
  fit = std::move(*both);
  identity = {.source = identity_of(*source, fit.source.source),
              .target = fit.identity,
              .source_id = {},  // a source made anew has a new stream, and that is noticed
              .target_id = fit.id};
  auto ready = co_await prepare_changes();
  if (!ready) co_return ready;
  if (auto fine = settle_tags(); !fine) co_return unfit(std::move(fine.error()));
  auto versions = co_await settle_multi_master();
  if (!versions) co_return unfit(std::move(versions.error()));
  if (auto fine = read_items(); !fine) co_return unfit(std::move(fine.error()));
  co_return std::expected<void, Findings>{};
}

jobs::PreflightOptions Replication::Impl::preflight_options() const {
  jobs::PreflightOptions preflight = options.preflight;
  preflight.changes_elsewhere = options.changes.wanted();
  preflight.reads_items = options.replay;
  return preflight;
}

/// Where the changes of the source are read.
async::Task<std::expected<void, Findings>> Replication::Impl::prepare_changes() {
  if (!kinesis) {
    own_stream.emplace(source->streams(), fit.source.stream, fit.source.source.key);
    stream = &*own_stream;
    co_return std::expected<void, Findings>{};
  }
  const KinesisChanges::Source of{*source, fit.source.source, options.preflight.dry_run};
  auto ready = co_await kinesis->prepare(of);
  if (!ready) co_return std::unexpected(Findings{std::move(ready.error())});
  stream = &kinesis->stream();
  fit.source.stream = stream->arn();
  identity.source += " through " + kinesis->identity();
  co_return std::expected<void, Findings>{};
}

WayOfWriting Replication::Impl::way_of_writing() const {
  if (options.replay) return WayOfWriting::kDifferingItems;
  if (options.changes.images) return WayOfWriting::kGuardedImages;
  const bool by_key = options.changes.wanted() || source::tells_keys_only(fit.source.source);
  return by_key ? WayOfWriting::kPresentItems : WayOfWriting::kImages;
}

Status Replication::Impl::settle_tags() {
  if (!options.tags) return {};
  const auto wrong = [&](std::string message) {
    return failure(ErrorClass::kInvalid, "tag items of", source->display(), std::move(message));
  };
  if (source::tells_keys_only(fit.source.source)) {
    return wrong("its stream tells keys only, and tags are in the new images; give it the view NEW_AND_OLD_IMAGES");
  }
  if (target->table() == nullptr) return wrong("only a table takes part in a circle");
  const auto named = [](const aws::TableAddress& address) {
    return transform::TaggedTable{.region = address.region.str(), .table = address.table.str()};
  };
  const transform::CircularEnds ends{.source = named(source->address()), .target = named(target->table()->address())};
  if (ends.source == ends.target) {
    return wrong("tags name tables by region and name, and both are " + ends.source.region + "/" + ends.source.table +
                 "; tell them apart with --source-region or --target-region");
  }
  job_options.tags = ends;
  return {};
}

async::Task<Status> Replication::Impl::settle_multi_master() {
  if (!options.multi_master.wanted) co_return Status{};
  auto opened = co_await MultiMaster::open(options, {*source, *target, fit, host});
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  both_written = std::move(*opened);
  both_written->settle(job_options);
  aws::RecordsOptions records;
  records.old_images = true;
  own_stream.emplace(source->streams(), fit.source.stream, fit.source.source.key, records);
  stream = &*own_stream;
  co_return Status{};
}

/// Where changes are told by key, or not in their order, they are written by what the source holds.
Status Replication::Impl::read_items() {
  const WayOfWriting way = way_of_writing();
  if (way != WayOfWriting::kImages && !options.load.spool.empty()) {
    return failure(ErrorClass::kInvalid, "load table", source->display(),
                   "its changes are applied by reading its items, so that --spool has nothing to keep; start "
                   "without it");
  }
  if (!kinesis && source::tells_keys_only(fit.source.source)) {
    log::info("the source's stream tells the keys of changed items only",
              {{"source", source->display()}, {"view_type", fit.source.source.stream.view_type}});
  }
  auto opened = open_reading_sink(way, options, {*source, *target, fit, host});
  if (!opened) return std::unexpected(std::move(opened.error()));
  reading = std::move(*opened);
  return {};
}

void Replication::Impl::say_what_was_read() const {
  if (!reading.sink) return;
  log::info("items read by their keys", {{"read_units", fmt::format("{:.1f}", reading.read_units())}});
}

sink::ChangeSink& Replication::Impl::open_sink() {
  if (!options.preflight.dry_run && both_written) return both_written->changes();
  if (!options.preflight.dry_run) return reading.sink ? *reading.sink : target->sink();
  return nothing.emplace(target->sink().describe());
}

async::Task<JobResult<void>> Replication::Impl::run_alone() {
  StateFileOptions file_options = options.files;
  file_options.dry_run = options.preflight.dry_run;
  file_options.without_state = options.replay && file_options.state.empty();
  if (options.replay) {  // a running replication of the pair is no conflict
    file_options.kind = ".replay";
    file_options.one_process = false;
  }
  auto opened = open_state_files(file_options, identity);
  if (!opened) co_return jobs::job_failure(Reason::kState, std::move(opened.error()));
  files.emplace(std::move(*opened));
  FirstStart start{.store = *files->store,
                   .meant = options.start_given || options.overwrite || options.load.wanted || kinesis ||
                            options.replay ||
                            options.multi_master.wanted,  // which never brings an item back to an older state
                   .dry_run = file_options.dry_run};
  auto may_start = co_await check_first_start(start, *target, fit);
  if (!may_start) co_return may_start;
  if (observer.work_begins) observer.work_begins();
  if (!file_options.dry_run) {
    auto ready = co_await target->begin();
    if (!ready) co_return jobs::job_failure(std::move(ready.error()));
  }
  if (options.replay) co_return co_await apply();
  load.emplace(LoadStep::Parts{options, host, executor, observer, *source, *target, fit, *stream, identity, *files});
  auto loaded = co_await load->run();
  if (!loaded) co_return loaded;
  co_return co_await apply();
}

async::Task<JobResult<void>> Replication::Impl::run_with_others() {
  if (target->table() == nullptr) {
    co_return jobs::job_failure(Reason::kInvalid, Error{.error_class = ErrorClass::kInvalid,
                                                        .doing = "share shards",
                                                        .resource = fit.display,
                                                        .code = {},
                                                        .message = "only a table can be written by several workers"});
  }
  auto opened = co_await open_shard_leases();
  if (!opened) co_return jobs::job_failure(std::move(opened.error()));
  files.emplace();
  if (!options.files.without_dead_letters) {
    auto letters = open_dead_letters(options.files.dead_letters, options.files.max_dead_letter_keys);
    if (!letters) co_return jobs::job_failure(Reason::kState, std::move(letters.error()));
    files->dead_letters = std::move(*letters);
  }
  shards.emplace(*stream, jobs::LeasedShards::Parts{*leases->store, host.clock(), host.random(), executor}, job_options,
                 jobs::LeasedShards::Options{.worker = leases->worker,
                                             .check_table = [this] { return leases->check(); },
                                             .check_interval = options.leases.check_interval});
  if (observer.work_begins) observer.work_begins();
  open_metrics();
  auto ended = co_await apply();
  if (lease_metrics) co_await lease_metrics->finish();
  if (leases->node) (void)co_await leases->node->sign_off(cluster);  // otherwise the row ends by itself
  co_return ended;
}

async::Task<Status> Replication::Impl::open_shard_leases() {
  if (kinesis && options.leases.table.empty()) {
    co_return failure(ErrorClass::kInvalid, "share shards of", kinesis->side().display(),
                      "leases of a stream of Kinesis need a table that is named: --lease-table NAME, for a KCL "
                      "application the application's name");
  }
  if (options.leases.node) {
    // A lease of the library's without a checkpoint began at some moment that it does not tell: one of ours would be
    // later.
    NodeLeaseParts parts{host, options.leases, *stream, "TRIM_HORIZON"};
    auto opened = co_await open_node_leases(std::move(parts), source->address(), options.source.side);
    if (!opened) co_return std::unexpected(std::move(opened.error()));
    leases.emplace(std::move(*opened));
    cluster = coordination::new_node_cluster_id(host.clock().wall_now());
    co_return Status{};
  }
  auto name = lease_table_name(options.leases, task_of(source->address(), target->table()->address()));
  if (!name) co_return std::unexpected(std::move(name.error()));
  auto opened = co_await open_leases(host, options.leases, std::move(*name), source->address(), options.source.side,
                                     identity.source + " -> " + identity.target);
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  leases.emplace(std::move(*opened));
  co_return Status{};
}

async::Task<JobResult<void>> Replication::Impl::apply() {
  job.emplace(jobs::ReplicateParts{.stream = *stream,
                                   .sink = open_sink(),
                                   .dead_letters = files->dead_letters.get(),
                                   .store = files->store ? &host.checkpoints(*files->store) : nullptr,
                                   .stop = host.stop(),
                                   .clock = host.clock(),
                                   .random = host.random(),
                                   .shards = shards ? &*shards : nullptr},
              job_options, executor);
  target->say_begin(*source, fit.source.stream);
  if (both_written && both_written->items() != nullptr && !options.preflight.dry_run) {
    adoption.emplace(Adoption::Parts{*source, fit.source.source.key, *both_written, *job, host, executor,
                                     options.multi_master.adopt_after},
                     options.max_read_units);
    beside.spawn(adoption->run());
  }
  if (observer.replicating) beside.spawn(observer.replicating(*job));
  if (lease_metrics) beside.spawn(lease_metrics->run());
  if (leases && leases->node) {
    coordination::NodeCluster process{
        .id = cluster, .worker = leases->worker.worker_id, .consumers = [this] { return shards->statistics().held; }};
    beside.spawn(coordination::keep_reporting(*leases->node, std::move(process)));
  }
  auto ended = co_await job->run();
  beside.cancel();
  co_await beside.join();
  say_what_was_read();
  if (!ended) co_return ended;
  co_return with_letters();
}

/// A target that lacks what its dead letters hold has not caught up, whichever run has written them. Those of objects
/// cannot be replayed.
JobResult<void> Replication::Impl::with_letters() const {
  if (!options.job.stop_when_caught_up || target->table() == nullptr) return {};
  auto missing = missing_keys(files->dead_letters.get(), std::get<TableOptions>(options.target).address);
  if (!missing) return {};
  return jobs::job_failure(Reason::kPoison, std::move(*missing));
}

/// None are sent of a file of leases: it has neither a region nor a name that others know.
void Replication::Impl::open_metrics() {
  if (!options.cloudwatch || !leases->side) return;
  const auto around = host.surroundings({});
  if (!around) return;
  aws::SideOptions sender = options.source.side;
  if (!options.leases.role_arn.empty()) {
    sender.role_arn = options.leases.role_arn;
    sender.external_id = options.leases.external_id;
  }
  metrics::LeaseMetrics::Options to{
      .name_space = leases->table, .lease_region = leases->side->address().region.str(), .side = std::move(sender)};
  for (const jobs::TableSide* side :
       {static_cast<const jobs::TableSide*>(source.get()), static_cast<const jobs::TableSide*>(target->table()),
        static_cast<const jobs::TableSide*>(leases->side.get())}) {
    const auto& endpoint = side->address().endpoint;
    if (endpoint && !aws::region_of_host(endpoint->host)) to.local = true;
  }
  lease_metrics = std::make_unique<metrics::LeaseMetrics>(std::move(to), *around, [this] {
    return metrics::LeaseReading{
        job->status(), shards->statistics(),
        kinesis ? kinesis->side().statistics().bytes_received : source->streams_api().statistics().bytes_received};
  });
}

Replication::Replication(ReplicationOptions options, Host& host, ReplicationObserver observer)
    : impl_(std::make_unique<Impl>(std::move(options), host, std::move(observer))) {}
Replication::~Replication() = default;

async::Task<> Replication::Impl::check() {
  auto ready = co_await prepare();
  if (!ready) failures = std::move(ready.error());
}

async::Task<> Replication::Impl::run() {
  co_await check();
  if (!failures.empty()) co_return;
  JobResult<void> ended;
  if (options.leases.wanted) {
    ended = co_await run_with_others();
  } else {
    ended = co_await run_alone();
  }
  if (!ended) failures.push_back(std::move(ended.error()));
}

async::Task<> Replication::check() {
  impl_->running.spawn(impl_->check());
  co_await impl_->running.join();
}

async::Task<> Replication::run() {
  impl_->running.spawn(impl_->run());
  co_await impl_->running.join();
}

ReplicationResult Replication::result() const {
  ReplicationResult result{.failures = impl_->failures};
  if (impl_->load) result.load = impl_->load->progress();
  if (impl_->job) result.status = impl_->job->status();
  result.begun = impl_->job || result.load;
  if (impl_->shards) result.leases = impl_->shards->statistics();
  if (impl_->source) result.requests += impl_->source->requests();
  if (impl_->target) {
    result.requests += impl_->target->requests();
    result.writes = impl_->target->writes();
  }
  if (impl_->kinesis) result.requests += impl_->kinesis->side().statistics().requests;
  if (impl_->reading.sink) result.item_read_units = impl_->reading.read_units();
  if (impl_->both_written) {
    result.multi_master = impl_->both_written->statistics();
    result.item_read_units = result.multi_master->read_units;
    result.writes.consumed_units += result.multi_master->write_units;
  }
  if (impl_->reading.write_units) result.writes.consumed_units += impl_->reading.write_units();
  if (impl_->leases && impl_->leases->side) result.requests += impl_->leases->side->requests();
  if (impl_->files && impl_->files->dead_letters) result.dead_letter_keys = impl_->files->dead_letters->keys();
  return result;
}

const jobs::Replication* Replication::job() const { return impl_->job ? &*impl_->job : nullptr; }

}  // namespace dynamirror::service
