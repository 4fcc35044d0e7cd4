// SPDX-License-Identifier: Apache-2.0
#include "support/replication_run.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cassert>
#include <exception>
#include <fstream>
#include <utility>

#include "async/sleep.hpp"
#include "aws/endpoints/table_address.hpp"
#include "coordination/dynamodb_lease_store.hpp"
#include "http/beast_transport.hpp"
#include "jobs/replication/leased_shards.hpp"
#include "sink/dead_letters.hpp"
#include "source/table_stream.hpp"
#include "state/local_store.hpp"
#include "support/request_check.hpp"
#include "support/shifted_clock.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::support {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr milliseconds kLook{2};

milliseconds since(SteadyTime time) { return duration_cast<milliseconds>(system_clock().steady_now() - time); }

/// Shows each save to the test before it happens.
class WatchedStore final : public state::CheckpointStore {
 public:
  using BeforeSave = std::function<Status(std::span<const model::ShardCheckpoint>)>;

  WatchedStore(std::unique_ptr<state::CheckpointStore> store, BeforeSave before_save)
      : store_(std::move(store)), before_save_(std::move(before_save)) {}

  [[nodiscard]] Result<std::vector<model::ShardCheckpoint>> load(const StreamArn& stream) override {
    return store_->load(stream);
  }
  [[nodiscard]] Status save(const StreamArn& stream, std::span<const model::ShardCheckpoint> rows) override {
    if (before_save_) {
      if (auto fine = before_save_(rows); !fine) return fine;
    }
    return store_->save(stream, rows);
  }
  [[nodiscard]] Status remove(const StreamArn& stream, std::span<const ShardId> shards) override {
    return store_->remove(stream, shards);
  }
  [[nodiscard]] Result<std::vector<StreamArn>> streams() override { return store_->streams(); }
  [[nodiscard]] Result<std::optional<WallTime>> read_until() override { return store_->read_until(); }
  [[nodiscard]] Status save_read_until(WallTime time) override { return store_->save_read_until(time); }

 private:
  std::unique_ptr<state::CheckpointStore> store_;
  BeforeSave before_save_;
};

}  // namespace

std::optional<std::string> ScriptedEnvironment::variable(std::string_view name) const {
  const auto found = variables.find(name);
  if (found == variables.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

Result<std::string> ScriptedEnvironment::read_file(const std::string& path) const {
  return failure(ErrorClass::kNotFound, "read file", path, "there are no files in this test");
}

jobs::ReplicateOptions ReplicationRun::brisk() {
  jobs::ReplicateOptions options;
  options.stop_when_caught_up = true;
  options.idle_poll = milliseconds(20);
  options.checkpoint_interval = milliseconds(10);
  options.list_shards_interval = milliseconds(300);
  options.pipeline.stall_timeout = milliseconds(30'000);
  return options;
}

std::string ReplicationRun::Ended::text() const {
  std::string text = killed ? "killed" : out_of_time ? "out of time" : "";
  if (ended) text = "ended by itself";
  for (const jobs::JobFailure& failure : failures) {
    text += fmt::format("\n  ({}) {}", static_cast<int>(failure.reason), to_line(failure.error));
  }
  const auto& counters = status.counters;
  text += fmt::format(
      "\n  read {} = applied {} + superseded {} + filtered {} + dead-lettered {} + held {}; {} retries, shards {} "
      "read, "
      "{} waiting; {} ms; last trouble: {}",
      counters.read, counters.applied, counters.superseded, counters.filtered, counters.dead_lettered, counters.held(),
      status.retries, status.shards_being_read, status.shards_waiting, took.count(), status.last_trouble);
  return text;
}

/// Everything that one run is made of. Destroying it in mid-run is the kill: nothing of it runs afterwards.
class ReplicationRun::Process final : public Live {
 public:
  explicit Process(const ReplicationRun& run) : run_(run), random_(run.options.seed) {
    auto made = http::BeastTransport::make(loop_->get_executor(), {});
    assert(made);
    transport_ = std::move(*made);
    source_ = open(run.options.source, run.source_environment);
    target_ = open(run.options.target, run.target_environment);
  }

  /// Runs one task to its end; the watcher, if any, looks on.
  void execute(async::Task<> task, const Watcher& watcher) {
    std::exception_ptr failure;
    boost::asio::co_spawn(*loop_, std::move(task), [&](std::exception_ptr thrown) {
      failure = thrown;
      loop_->stop();
    });
    boost::asio::co_spawn(*loop_, watch(watcher), [&](std::exception_ptr thrown) {
      if (thrown) failure = thrown;
      loop_->stop();
    });
    loop_->run();
    if (failure) std::rethrow_exception(failure);
    if (job_) ended_.status = job_->status();
    if (sink_) ended_.writes = sink_->statistics();
    if (shards_) ended_.leases = shards_->statistics();
    ended_.took = since(begun_);
    if (stop_requested_at_) ended_.stop_took = since(*stop_requested_at_);
  }

  async::Task<> prepare() {
    auto prepared = co_await jobs::preflight(*source_, *target_, run_.options.preflight);
    if (prepared) {
      prepared_.emplace(std::move(*prepared));
      ended_.ended = true;
    } else {
      ended_.ended = true;
      ended_.failures = std::move(prepared.error());
      ended_.reason = ended_.failures.front().reason;
    }
  }

  async::Task<> replicate() {
    co_await prepare();
    if (!prepared_) co_return;
    ended_.ended = false;
    if (auto opened = open_files(); !opened) {
      end({jobs::Reason::kState, std::move(opened.error())});
      co_return;
    }
    stream_.emplace(source::TableStream{source_->streams(), prepared_->stream, prepared_->source.key});
    make_sink(prepared_->target.name, prepared_->target.key);
    jobs::ReplicateParts parts{*stream_, *sink_, letters_.get(), store_.get(), stop_, clock_, random_};
    if (!run_.options.lease_table.empty()) {
      if (auto opened = co_await open_leases(); !opened) {
        end({jobs::reason_for(opened.error()), opened.error()});
        co_return;
      }
      parts.store = nullptr;
      parts.shards = &*shards_;
    }
    job_.emplace(parts, run_.options.job, loop_->get_executor());
    reading_since_ = system_clock().steady_now();
    auto result = co_await job_->run();
    if (result) {
      ended_.ended = true;
    } else {
      end(std::move(result.error()));
    }
  }

  async::Task<> replay(std::optional<Result<jobs::ReplayResult>>& result) {
    auto letters = sink::DeadLetters::open({.file = run_.dead_letter_file()});
    if (!letters) {
      result.emplace(std::unexpected(std::move(letters.error())));
      co_return;
    }
    const TableName table = target_->address().table;
    auto description = co_await target_->dynamodb().describe_table(table);
    if (!description) {
      result.emplace(std::unexpected(std::move(description.error())));
      co_return;
    }
    make_sink(description->name, description->key);
    const jobs::ReplayOptions options;
    auto replayed = co_await jobs::replay_dead_letters(**letters, *sink_, system_clock(), random_, options);
    result.emplace(std::move(replayed));
  }

  [[nodiscard]] Ended take_ended() { return std::move(ended_); }

  // Live
  [[nodiscard]] jobs::ReplicateStatus status() const override { return job_->status(); }
  [[nodiscard]] milliseconds elapsed() const override { return since(*reading_since_); }
  void request_stop() override {
    if (!stop_requested_at_) stop_requested_at_ = system_clock().steady_now();
    stop_.request();
  }
  void kill() override { ended_.killed = true; }

 private:
  std::unique_ptr<jobs::TableSide> open(const std::string& table, const aws::Environment& environment) {
    auto address = aws::parse_table_address(table);
    assert(address);
    auto side = jobs::TableSide::open(std::move(*address), {}, {*transport_, environment, system_clock(), random_});
    assert(side);
    return std::move(*side);
  }

  async::Task<Status> check_leases() {
    const auto version = co_await leases_->fleet_version();
    if (!version) co_return std::unexpected(version.error());
    if (*version == coordination::FleetVersion::kTakers) co_return Status{};
    co_return failure(ErrorClass::kConflict, "take leases of", leases_->describe(), "a leader assigns them");
  }

  async::Task<Status> open_leases() {
    lease_side_ = open(run_.options.lease_table, run_.source_environment);
    coordination::DynamoDbLeaseStore::Options options{.table = lease_side_->address().table,
                                                      .give_up_after = run_.options.failover / 2};
    leases_.emplace(lease_side_->dynamodb(), std::move(options), system_clock(), random_);
    const coordination::DynamoDbLeaseStore::PrepareOptions prepare{.create = true, .wait = {.pause = milliseconds(20)}};
    auto prepared = co_await leases_->prepare(prepare);
    if (!prepared) co_return std::unexpected(std::move(prepared.error()));
    jobs::LeasedShards::Options worker{
        .worker = {.worker_id = run_.options.worker_id, .failover = run_.options.failover},
        .check_table = [this] { return check_leases(); },
        .check_interval = run_.options.check_interval};
    shards_.emplace(*stream_, *leases_, system_clock(), random_, loop_->get_executor(), run_.options.job,
                    std::move(worker));
    co_return Status{};
  }

  Status open_files() {
    if (!run_.options.lease_table.empty()) return open_letters();
    const state::ReplicationIdentity identity{.source = run_.options.source, .target = run_.options.target};
    auto store = state::LocalStore::open(run_.state_file(), identity);
    if (!store) return std::unexpected(std::move(store.error()));
    store_ = std::make_unique<WatchedStore>(std::move(*store), run_.options.before_save);
    return open_letters();
  }

  Status open_letters() {
    if (run_.options.stop_on_poison) return {};
    auto letters =
        sink::DeadLetters::open({.file = run_.dead_letter_file(), .max_keys = run_.options.max_dead_letter_keys});
    if (!letters) return std::unexpected(std::move(letters.error()));
    letters_ = std::move(*letters);
    return {};
  }

  void make_sink(const TableName& table, const model::KeySchema& key) {
    sink_.emplace(sink::TableSink::Options{.table = table, .key = key, .max_write_units = run_.options.max_write_units},
                  target_->dynamodb(), system_clock());
  }

  void end(jobs::JobFailure failure) {
    ended_.ended = true;
    ended_.reason = failure.reason;
    ended_.failures.push_back(std::move(failure));
  }

  async::Task<> watch(const Watcher& watcher) {
    while (!ended_.killed && !ended_.out_of_time) {
      co_await async::sleep_for(kLook);
      ended_.out_of_time = since(begun_) > run_.options.time_limit;
      if (watcher && job_) watcher(*this);
    }
  }

  const ReplicationRun& run_;
  const ShiftedClock clock_{run_.options.wall_shift};
  SteadyTime begun_ = system_clock().steady_now();
  std::optional<SteadyTime> reading_since_;
  std::optional<SteadyTime> stop_requested_at_;
  Ended ended_;
  // From here on the order of destruction matters. Tasks that are still under way end with the loop, and use what
  // stands above it until then; the transport's idle connections must not outlive the loop.
  Random random_;
  jobs::StopRequest stop_;
  std::unique_ptr<WatchedStore> store_;
  std::unique_ptr<sink::DeadLetters> letters_;
  std::unique_ptr<jobs::TableSide> source_;
  std::unique_ptr<jobs::TableSide> target_;
  std::optional<jobs::Prepared> prepared_;
  std::optional<source::TableStream> stream_;
  std::optional<sink::TableSink> sink_;
  std::unique_ptr<jobs::TableSide> lease_side_;
  std::optional<coordination::DynamoDbLeaseStore> leases_;
  std::optional<jobs::LeasedShards> shards_;
  std::optional<jobs::Replication> job_;
  std::unique_ptr<boost::asio::io_context> loop_ = std::make_unique<boost::asio::io_context>(1);
  std::unique_ptr<http::BeastTransport> transport_;
};

ReplicationRun::ReplicationRun(Options options_in) : options(std::move(options_in)) {
  const Identity identity;
  for (ScriptedEnvironment* environment : {&source_environment, &target_environment}) {
    environment->variables = {{"AWS_ACCESS_KEY_ID", identity.access_key_id},
                              {"AWS_SECRET_ACCESS_KEY", identity.secret_access_key}};
  }
}
ReplicationRun::~ReplicationRun() = default;

ReplicationRun::Ended ReplicationRun::run(const Watcher& watcher) {
  Process process(*this);
  process.execute(process.replicate(), watcher);
  return process.take_ended();
}

ReplicationRun::Ended ReplicationRun::check() {
  Process process(*this);
  process.execute(process.prepare(), {});
  return process.take_ended();
}

Result<jobs::ReplayResult> ReplicationRun::replay() {
  Process process(*this);
  std::optional<Result<jobs::ReplayResult>> result;
  process.execute(process.replay(result), {});
  if (!result) return failure(ErrorClass::kTransient, "replay", dead_letter_file().string(), "out of time");
  return std::move(*result);
}

std::vector<std::string> ReplicationRun::dead_letters() const {
  std::vector<std::string> lines;
  std::ifstream file(dead_letter_file());
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::vector<model::ShardCheckpoint> ReplicationRun::rows() const {
  std::vector<model::ShardCheckpoint> all;
  auto store = state::LocalStore::open(state_file(), {.source = options.source, .target = options.target});
  assert(store);
  const auto streams = (*store)->streams();
  assert(streams);
  for (const StreamArn& stream : *streams) {
    auto rows = (*store)->load(stream);
    assert(rows);
    all.insert(all.end(), rows->begin(), rows->end());
  }
  return all;
}

}  // namespace dynamirror::support
