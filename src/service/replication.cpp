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
#include "service/impl/first_start.hpp"
#include "service/impl/load_step.hpp"
#include "service/impl/target.hpp"
#include "service/leases.hpp"
#include "sink/discard_sink.hpp"
#include "sink/present_items.hpp"
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

/// Where the changes of a table are read.
std::unique_ptr<source::ChangeStream> open_change_stream(jobs::TableSide& table, const jobs::PreparedSource& prepared) {
  return std::make_unique<source::TableStream>(table.streams(), prepared.stream, prepared.source.key);
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
  [[nodiscard]] async::Task<JobResult<void>> apply();
  [[nodiscard]] JobResult<void> with_letters() const;
  void open_metrics();
  void settle_job_options();
  [[nodiscard]] Status read_items();
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
  std::unique_ptr<source::ChangeStream> stream{};
  std::unique_ptr<sink::PresentItems> present{};  ///< where the stream tells keys only
  std::optional<sink::DiscardSink> nothing{};     ///< of a dry run
  std::optional<StateFiles> files{};              ///< with leases, the dead letters alone
  std::optional<LoadStep> load{};
  std::optional<Leases> leases{};
  std::optional<jobs::LeasedShards> shards{};
  std::optional<jobs::Replication> job{};
  std::unique_ptr<metrics::LeaseMetrics> lease_metrics{};
  async::TaskGroup running;  ///< the replication itself
  async::TaskGroup beside;   ///< whoever looks on
};

void Replication::Impl::settle_job_options() {
  if (!options.load.wanted) return;
  job_options.start = ordering::ShardGraph::InitialPosition::kTrimHorizon;
  if (!job_options.max_record_age) return;
  // What a load hands over to the stream may be of any age by then, and all of it is needed.
  log::warning("--max-record-age does nothing together with --initial-load");
  job_options.max_record_age.reset();
}

async::Task<std::expected<void, Findings>> Replication::Impl::prepare() {
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
  auto both = co_await target->prepare(*source, options.preflight);
  if (!both) co_return std::unexpected(std::move(both.error()));
  fit = std::move(*both);
  identity = {.source = identity_of(*source, fit.source.source),
              .target = fit.identity,
              .source_id = {},  // a source made anew has a new stream, and that is noticed
              .target_id = fit.id};
  stream = open_change_stream(*source, fit.source);
  if (auto reading = read_items(); !reading) co_return unfit(std::move(reading.error()));
  co_return std::expected<void, Findings>{};
}

/// Where the source's stream tells keys only, changes are written by what the source holds under them then.
Status Replication::Impl::read_items() {
  const aws::TableDescription& table = fit.source.source;
  if (!source::tells_keys_only(table)) return {};
  if (!options.load.spool.empty()) {
    return failure(ErrorClass::kInvalid, "load table", source->display(),
                   "its stream tells the keys of changed items only, so that --spool has nothing to keep; start "
                   "without it");
  }
  const double mean_bytes =
      table.item_count > 0 ? static_cast<double>(table.size_bytes) / static_cast<double>(table.item_count) : 0;
  log::info("the source's stream tells the keys of changed items only: each change costs a consistent read",
            {{"source", source->display()},
             {"view_type", table.stream.view_type},
             {"mean_read_units", std::to_string(static_cast<int>(mean_bytes / 4096) + 1)}});
  present = std::make_unique<sink::PresentItems>(
      sink::ItemReader::Options{.table = table.name, .key = table.key, .max_read_units = options.max_read_units},
      source->dynamodb(), target->sink(), host.clock(), host.random());
  return {};
}

void Replication::Impl::say_what_was_read() const {
  if (!present) return;
  const sink::ItemReader::Statistics& reads = present->reads();
  log::info("items read from the source", {{"requests", std::to_string(reads.requests)},
                                           {"read_units", fmt::format("{:.1f}", reads.consumed_units)},
                                           {"unprocessed", std::to_string(reads.unprocessed)},
                                           {"throttled", std::to_string(reads.throttled)}});
}

sink::ChangeSink& Replication::Impl::open_sink() {
  if (!options.preflight.dry_run) return present ? static_cast<sink::ChangeSink&>(*present) : target->sink();
  return nothing.emplace(target->sink().describe());
}

async::Task<JobResult<void>> Replication::Impl::run_alone() {
  StateFileOptions file_options = options.files;
  file_options.dry_run = options.preflight.dry_run;
  auto opened = open_state_files(file_options, identity);
  if (!opened) co_return jobs::job_failure(Reason::kState, std::move(opened.error()));
  files.emplace(std::move(*opened));
  FirstStart start{.store = *files->store,
                   .meant = options.start_given || options.overwrite || options.load.wanted,
                   .dry_run = file_options.dry_run};
  auto may_start = co_await check_first_start(start, *target, fit);
  if (!may_start) co_return may_start;
  if (observer.work_begins) observer.work_begins();
  if (!file_options.dry_run) {
    auto ready = co_await target->begin();
    if (!ready) co_return jobs::job_failure(std::move(ready.error()));
  }
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
  auto name = lease_table_name(options.leases, task_of(source->address(), target->table()->address()));
  if (!name) co_return jobs::job_failure(std::move(name.error()));
  auto opened = co_await open_leases(host, options.leases, std::move(*name), source->address(), options.source.side,
                                     identity.source + " -> " + identity.target);
  if (!opened) co_return jobs::job_failure(std::move(opened.error()));
  leases.emplace(std::move(*opened));
  files.emplace();
  if (!options.files.without_dead_letters) {
    auto letters = open_dead_letters(options.files.dead_letters, options.files.max_dead_letter_keys);
    if (!letters) co_return jobs::job_failure(Reason::kState, std::move(letters.error()));
    files->dead_letters = std::move(*letters);
  }
  shards.emplace(*stream, *leases->store, host.clock(), host.random(), executor, job_options,
                 jobs::LeasedShards::Options{.worker = leases->worker,
                                             .check_table = [this] { return leases->check(); },
                                             .check_interval = options.leases.check_interval});
  if (observer.work_begins) observer.work_begins();
  open_metrics();
  auto ended = co_await apply();
  if (lease_metrics) co_await lease_metrics->finish();
  co_return ended;
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
  if (observer.replicating) beside.spawn(observer.replicating(*job));
  if (lease_metrics) beside.spawn(lease_metrics->run());
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
  for (const jobs::TableSide* side : {static_cast<const jobs::TableSide*>(source.get()), target->table(),
                                      static_cast<const jobs::TableSide*>(leases->side.get())}) {
    const auto& endpoint = side->address().endpoint;
    if (endpoint && !aws::region_of_host(endpoint->host)) to.local = true;
  }
  lease_metrics = std::make_unique<metrics::LeaseMetrics>(std::move(to), *around, [this] {
    return metrics::LeaseReading{job->status(), shards->statistics(),
                                 source->streams_api().statistics().bytes_received};
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
  if (impl_->leases && impl_->leases->side) result.requests += impl_->leases->side->requests();
  if (impl_->files && impl_->files->dead_letters) result.dead_letter_keys = impl_->files->dead_letters->keys();
  return result;
}

const jobs::Replication* Replication::job() const { return impl_->job ? &*impl_->job : nullptr; }

}  // namespace dynamirror::service
