// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cassert>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "async/sleep.hpp"
#include "aws/endpoints/table_address.hpp"
#include "coordination/memory_lease_store.hpp"
#include "http/beast_transport.hpp"
#include "integration/replicate_fixture.hpp"
#include "jobs/copy/copy_table.hpp"
#include "jobs/segments/leased_segments.hpp"
#include "sink/table_sink.hpp"
#include "support/run_task.hpp"
#include "support/table_state.hpp"
#include "support/worker_name.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::integration {

/// One worker's way to leases that all share; it can be cut, and comes back.
class LeaseLine final : public coordination::LeaseStore {
 public:
  LeaseLine(coordination::MemoryLeaseStore& store) : store_(store) {}
  bool cut = false;

  [[nodiscard]] async::Task<Result<coordination::LeaseRows>> scan(coordination::LeaseShare share) override {
    if (cut) co_return std::unexpected(no_answer());
    co_return co_await store_.scan(share);
  }
  [[nodiscard]] async::Task<Result<std::optional<coordination::Lease>>> get(std::string key) override {
    if (cut) co_return std::unexpected(no_answer());
    co_return co_await store_.get(std::move(key));
  }
  [[nodiscard]] async::Task<Result<Outcome>> write(coordination::LeaseWrite write, SteadyTime not_after) override {
    if (cut) co_return std::unexpected(no_answer());
    co_return co_await store_.write(std::move(write), not_after);
  }
  [[nodiscard]] std::string describe() const override { return "line"; }
  [[nodiscard]] Statistics statistics() const override { return store_.statistics(); }

 private:
  static Error no_answer() {
    return {.error_class = ErrorClass::kTransient, .doing = "ask", .resource = "line", .code = {}, .message = "cut"};
  }
  coordination::MemoryLeaseStore& store_;
};

/// Passes writes on, and remembers those that were not the worker's to make: of a segment that the table of leases
/// gives to somebody else at that moment.
class WatchedSink final : public sink::ChangeSink {
 public:
  WatchedSink(sink::ChangeSink& sink, std::function<bool(std::string_view key)> owns)
      : sink_(sink), owns_(std::move(owns)) {}
  std::uint64_t intrusions = 0;
  bool stuck = false;  ///< nothing goes through any more

  [[nodiscard]] Limits limits() const override { return {.max_changes = 10}; }
  [[nodiscard]] async::Task<Result<std::vector<sink::Outcome>>> write(std::span<const model::Change* const> changes,
                                                                      SteadyTime not_after) override {
    if (stuck) {
      co_await async::sleep_for(std::chrono::milliseconds(20));
      const Error error{.error_class = ErrorClass::kTransient, .doing = {}, .resource = {}, .code = {}, .message = {}};
      co_return std::vector<sink::Outcome>(changes.size(), sink::TryAgain{error});
    }
    for (const model::Change* change : changes) intrusions += owns_(change->key()) ? 0 : 1;
    co_return co_await sink_.write(changes, not_after);
  }
  [[nodiscard]] std::string describe() const override { return sink_.describe(); }

 private:
  sink::ChangeSink& sink_;
  std::function<bool(std::string_view)> owns_;
};

/// Workers of one copy on one event loop, between two scripted servers, with leases in memory.
class LeasedCopyTest : public ReplicateTest {
 protected:
  static constexpr std::uint32_t kSegments = 12;
  static constexpr std::chrono::milliseconds kFailover{600};

  struct Worker {
    std::string id;
    LeaseLine line;
    std::unique_ptr<jobs::TableSide> source;
    std::unique_ptr<jobs::TableSide> target;
    std::optional<sink::TableSink> table;
    std::optional<WatchedSink> sink;
    jobs::StopRequest stop;
    std::optional<jobs::LeasedSegments> segments;
    std::optional<jobs::TableCopy> copy;
    std::optional<jobs::JobResult<void>> ended;

    [[nodiscard]] jobs::CopyStatus status() const { return copy->status(); }
    [[nodiscard]] jobs::LeasedSegments::Status shared() const { return segments->status(); }
    [[nodiscard]] std::string text() const {
      if (!ended) return "running";
      return *ended ? "done" : to_line(ended->error().error);
    }
  };

  void SetUp() override {
    add_tables();
    source.configure([](support::Service::Options& options) { options.scan_page_bytes = 4'000; });
    environment_.variables = {{"AWS_ACCESS_KEY_ID", support::Identity{}.access_key_id},
                              {"AWS_SECRET_ACCESS_KEY", support::Identity{}.secret_access_key}};
    auto made = http::BeastTransport::make(loop_->get_executor(), {});
    assert(made);
    transport_ = std::move(*made);
  }

  static jobs::SharedJob job() { return {.purpose = "copy", .identity = "a -> b"}; }
  static jobs::SegmentLeases names() { return jobs::SegmentLeases(job()); }

  void slow_down(std::chrono::milliseconds least, std::chrono::milliseconds most) {
    target.set_fault_policy({.min_latency = least, .max_latency = most});
  }

  /// Begins on the loop; runs while `run_until` does.
  Worker& start_worker() {
    const std::string id = support::worker_name(std::to_string(workers_.size()));
    Worker& worker = workers_.emplace_back(id, LeaseLine(rows));
    worker.source = open(source.address_of(kSource));
    worker.target = open(target.address_of(kTarget));
    worker.table.emplace(sink::TableSink::Options{.table = TableName(kTarget), .key = hash_only()},
                         worker.target->dynamodb(), system_clock());
    worker.sink.emplace(*worker.table, [this, id](std::string_view key) { return owns(id, key); });
    jobs::CopyOptions options;
    options.scan.table = TableName(kSource);
    options.scan.split = kSegments;
    options.scan.max_parallel = 4;
    options.pipeline.max_bytes = 100'000;
    options.pipeline.writing.max_concurrent_writes = 2;
    options.save_interval = std::chrono::milliseconds(20);
    options.wind_down_time = kFailover / 2;
    worker.segments.emplace(
        jobs::LeasedSegments::Parts{worker.line, system_clock(), random_, loop_->get_executor()},
        jobs::LeasedSegments::Options{
            .job = job(), .terms = {.segments = kSegments}, .worker = {.worker_id = id, .failover = kFailover}});
    const jobs::CopyParts parts{.source = worker.source->dynamodb(),
                                .key = hash_only(),
                                .sink = *worker.sink,
                                .dead_letters = nullptr,
                                .keeper = *worker.segments,
                                .stop = worker.stop,
                                .clock = system_clock(),
                                .random = random_};
    worker.copy.emplace(parts, std::move(options), loop_->get_executor());
    boost::asio::co_spawn(*loop_, run(worker), rethrow);
    return worker;
  }

  /// False when the condition has not come true in time.
  [[nodiscard]] bool run_until(const std::function<bool()>& condition) {
    bool met = false;
    boost::asio::co_spawn(*loop_, watch(*loop_, condition, met), rethrow);
    loop_->restart();
    loop_->run_for(std::chrono::seconds(60));
    return met;
  }
  [[nodiscard]] bool run_until_all_ended() {
    return run_until([this] {
      return std::ranges::all_of(workers_, [](const Worker& worker) { return worker.ended.has_value(); });
    });
  }

  [[nodiscard]] coordination::Lease row(std::uint32_t segment) {
    auto found = support::run_task(rows.get(names().key_of(kSegments, segment)));
    return found && *found ? **found : coordination::Lease{};
  }
  [[nodiscard]] std::uint32_t rows_done() {
    std::uint32_t done = 0;
    for (std::uint32_t segment = 0; segment < kSegments; ++segment) done += row(segment).done() ? 1 : 0;
    return done;
  }
  [[nodiscard]] std::uint32_t finished() const {
    std::uint32_t count = 0;
    for (const Worker& worker : workers_) count += worker.shared().finished_here;
    return count;
  }
  [[nodiscard]] std::uint64_t applied() const {
    std::uint64_t count = 0;
    for (const Worker& worker : workers_) count += worker.status().counters.applied;
    return count;
  }

  /// What must hold after every complete job.
  void expect_complete() {
    EXPECT_EQ(differences(), "");
    EXPECT_EQ(rows_done(), kSegments);
    EXPECT_EQ(finished(), kSegments) << "each segment is finished once";
    for (const Worker& worker : workers_) {
      EXPECT_EQ(worker.sink->intrusions, 0u) << worker.id;
      const auto& counters = worker.status().counters;
      EXPECT_EQ(counters.read, counters.settled()) << worker.id;
    }
    EXPECT_THAT(source.complaints(), ::testing::IsEmpty());
    EXPECT_THAT(target.complaints(), ::testing::IsEmpty());
  }

  coordination::MemoryLeaseStore rows{system_clock()};

 private:
  /// While a lease is handed over, its last owner goes on.
  [[nodiscard]] bool owns(const std::string& worker, std::string_view key) {
    const auto segment = support::TableState::segment_of(std::string(key), kSegments);
    const coordination::Lease lease = row(static_cast<std::uint32_t>(segment));
    return lease.owner == worker || lease.checkpoint_owner == worker;
  }

  static async::Task<> run(Worker& worker) {
    auto ended = co_await worker.copy->run();
    worker.ended.emplace(std::move(ended));
  }
  static async::Task<> watch(boost::asio::io_context& loop, const std::function<bool()>& condition, bool& met) {
    constexpr std::chrono::milliseconds kLook{2};
    while (!met) {
      co_await async::sleep_for(kLook);
      met = condition();
    }
    loop.stop();
  }
  static void rethrow(std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  }
  std::unique_ptr<jobs::TableSide> open(const std::string& table) {
    auto address = aws::parse_table_address(table);
    assert(address);
    auto side = jobs::TableSide::open(std::move(*address), {}, {*transport_, environment_, system_clock(), random_});
    assert(side);
    return std::move(*side);
  }

  Random random_{1};
  support::ScriptedEnvironment environment_;

 protected:
  std::list<Worker> workers_;

 private:
  // Goes first: what still waits on it refers to the workers.
  std::unique_ptr<boost::asio::io_context> loop_ = std::make_unique<boost::asio::io_context>(1);
  std::unique_ptr<http::BeastTransport> transport_;
};

}  // namespace dynamirror::integration
