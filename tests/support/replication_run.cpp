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
#include "http/beast_transport.hpp"
#include "service/host.hpp"
#include "service/replication.hpp"
#include "sink/dead_letters.hpp"
#include "state/local_store.hpp"
#include "support/request_check.hpp"
#include "support/shifted_clock.hpp"
#include "support/watched_store.hpp"

namespace dynamirror::support {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr milliseconds kLook{2};
const aws::SideOptions kTargetSide{.side = "target"};

milliseconds since(SteadyTime time) { return duration_cast<milliseconds>(system_clock().steady_now() - time); }

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

/// A process of its own for one run. Destroying it in mid-run is the kill: nothing of it runs afterwards.
class ReplicationRun::Process final : public Live, public service::Host {
 public:
  explicit Process(const ReplicationRun& run) : run_(run), random_(run.options.seed) {
    auto made = http::BeastTransport::make(loop_->get_executor(), {});
    assert(made);
    transport_ = std::move(*made);
    replication_.emplace(options(), *this,
                         service::ReplicationObserver{.replicating = [this](const jobs::Replication&) {
                           reading_since_ = system_clock().steady_now();
                           return nothing();
                         }});
  }

  /// Runs one task to its end; the watcher, if any, looks on.
  void execute(async::Task<> task, const Watcher& watcher) {
    std::exception_ptr failure;
    boost::asio::co_spawn(*loop_, std::move(task), [&](std::exception_ptr thrown) {
      failure = thrown;
      ended_.ended = true;
      loop_->stop();
    });
    boost::asio::co_spawn(*loop_, watch(watcher), [&](std::exception_ptr thrown) {
      if (thrown) failure = thrown;
      loop_->stop();
    });
    loop_->run();
    if (failure) std::rethrow_exception(failure);
    auto result = replication_->result();
    ended_.status = std::move(result.status);
    ended_.writes = result.writes;
    if (result.leases) ended_.leases = *result.leases;
    ended_.failures = std::move(result.failures);
    if (!ended_.failures.empty()) ended_.reason = ended_.failures.front().reason;
    ended_.took = since(begun_);
    if (stop_requested_at_) ended_.stop_took = since(*stop_requested_at_);
  }

  [[nodiscard]] async::Task<> check() { return replication_->check(); }
  [[nodiscard]] async::Task<> replicate() { return replication_->run(); }

  async::Task<> replay(std::optional<Result<jobs::ReplayResult>>& result) {
    auto letters = sink::DeadLetters::open({.file = run_.dead_letter_file()});
    if (!letters) {
      result.emplace(std::unexpected(std::move(letters.error())));
      co_return;
    }
    const auto target = open_side(run_.options.target, kTargetSide);
    assert(target);
    auto description = co_await (*target)->dynamodb().describe_table((*target)->address().table);
    if (!description) {
      result.emplace(std::unexpected(std::move(description.error())));
      co_return;
    }
    sink::TableSink sink(
        sink::TableSink::Options{
            .table = description->name, .key = description->key, .max_write_units = run_.options.max_write_units},
        (*target)->dynamodb(), system_clock());
    const jobs::ReplayOptions options;
    auto replayed = co_await jobs::replay_dead_letters(**letters, sink, system_clock(), random_, options);
    result.emplace(std::move(replayed));
  }

  [[nodiscard]] Ended take_ended() { return std::move(ended_); }

  // Live
  [[nodiscard]] jobs::ReplicateStatus status() const override { return replication_->job()->status(); }
  [[nodiscard]] milliseconds elapsed() const override { return since(*reading_since_); }
  void request_stop() override {
    if (!stop_requested_at_) stop_requested_at_ = system_clock().steady_now();
    stop_.request();
  }
  void kill() override { ended_.killed = true; }

  // Host
  [[nodiscard]] boost::asio::any_io_executor executor() override { return loop_->get_executor(); }
  [[nodiscard]] jobs::StopRequest& stop() override { return stop_; }
  [[nodiscard]] Random& random() override { return random_; }
  [[nodiscard]] const Clock& clock() const override { return clock_; }
  [[nodiscard]] Result<aws::Surroundings> surroundings(const aws::SideOptions& side) override {
    const bool target = side.side == kTargetSide.side;
    return aws::Surroundings{*transport_, target ? run_.target_environment : run_.source_environment, system_clock(),
                             random_};
  }
  [[nodiscard]] state::CheckpointStore& checkpoints(state::CheckpointStore& opened) override {
    return watched_.emplace(opened, run_.options.before_save);
  }

 private:
  [[nodiscard]] service::ReplicationOptions options() const {
    const Options& wanted = run_.options;
    service::ReplicationOptions options;
    options.source.address = wanted.source;
    options.target = service::TableOptions{.address = wanted.target, .side = kTargetSide};
    options.max_write_units = wanted.max_write_units;
    options.preflight = wanted.preflight;
    options.job = wanted.job;
    options.overwrite = true;  // a target that holds items is no accident here
    options.files = {.state = run_.state_file().string(),
                     .dead_letters = run_.dead_letter_file().string(),
                     .without_dead_letters = wanted.stop_on_poison,
                     .max_dead_letter_keys = wanted.max_dead_letter_keys};
    options.cloudwatch = false;
    if (wanted.lease_table.empty()) return options;
    const std::size_t slash = wanted.lease_table.rfind('/');
    options.leases = {.wanted = true,
                      .table = wanted.lease_table.substr(slash + 1),
                      .endpoint = wanted.lease_table.substr(0, slash),
                      .failover = wanted.failover,
                      .worker_id = wanted.worker_id,
                      .check_interval = wanted.check_interval,
                      .creation_poll = milliseconds(20)};
    return options;
  }

  static async::Task<> nothing() { co_return; }

  async::Task<> watch(const Watcher& watcher) {
    while (!ended_.killed && !ended_.out_of_time) {
      co_await async::sleep_for(kLook);
      ended_.out_of_time = since(begun_) > run_.options.time_limit;
      if (watcher && reading_since_) watcher(*this);
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
  std::optional<WatchedStore> watched_;
  std::optional<service::Replication> replication_;
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
  process.execute(process.check(), {});
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
