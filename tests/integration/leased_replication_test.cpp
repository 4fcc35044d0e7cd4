// SPDX-License-Identifier: Apache-2.0
//
// Goal: several workers share one stream through a lease table, ours and KCL's alike: every change reaches the target
// in the order of its key, whoever reads it, and a worker whose lease was taken writes no more. Method: whole runs on
// threads of their own, over sockets, on scripted servers; KCL's workers are played by rows as they write them.
#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <memory>
#include <thread>

#include "integration/replicate_fixture.hpp"

namespace dynamirror::integration {
namespace {

constexpr const char* kLeases = "leases";
constexpr std::chrono::seconds kPatience{60};
using support::worker_name;

/// A run on a thread of its own.
class Worker {
 public:
  explicit Worker(ReplicationRun run) : run_(std::move(run.options)) {
    thread_ = std::jthread([this] {
      ended_ = run_.run([this](ReplicationRun::Live& live) {
        if (kill_) live.kill();
        if (stop_) live.request_stop();
      });
      over_ = true;
    });
  }
  ~Worker() { kill_ = true; }

  const ReplicationRun::Ended& stop() {
    stop_ = true;
    return end();
  }
  const ReplicationRun::Ended& kill() {
    kill_ = true;
    return end();
  }
  const ReplicationRun::Ended& end() {
    if (thread_.joinable()) thread_.join();
    return ended_;
  }
  [[nodiscard]] bool over() const { return over_; }

 private:
  ReplicationRun run_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> kill_ = false;
  std::atomic<bool> over_ = false;
  ReplicationRun::Ended ended_;
  std::jthread thread_;
};

class LeasedReplication : public ReplicateTest {
 protected:
  using Row = boost::json::object;

  /// A worker that runs until it is told to stop.
  std::unique_ptr<Worker> start(const std::string& id, const std::function<void(ReplicationRun::Options&)>& more = {}) {
    auto run = make_run();
    run.options.lease_table = source.address_of(kLeases);
    run.options.worker_id = worker_name(id);
    run.options.job.stop_when_caught_up = false;
    run.options.stop_on_poison = true;
    run.options.seed = std::hash<std::string>{}(id);
    if (more) more(run.options);
    return std::make_unique<Worker>(std::move(run));
  }

  void SetUp() override {
    source.add_table({.name = kLeases, .key = {.hash = {"leaseKey", "S"}, .range = {}}, .stream_view = std::nullopt});
  }

  [[nodiscard]] std::vector<Row> rows() const {
    std::vector<Row> all;
    for (const auto& [key, item] : source.snapshot(kLeases)) all.push_back(boost::json::parse(item).as_object());
    return all;
  }
  static std::string text(const Row& row, std::string_view name) {
    const auto* found = row.if_contains(name);
    return found == nullptr ? "" : std::string(found->as_object().begin()->value().as_string());
  }
  [[nodiscard]] Row row(const std::string& key) const {
    for (Row& one : rows()) {
      if (text(one, "leaseKey") == key) return one;
    }
    return {};
  }

  /// Looks until it holds.
  template <class Condition>
  static bool eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));  // looks at other threads; nothing waits for it
    }
    return true;
  }
  [[nodiscard]] bool in_step() const { return source.snapshot(kSource) == target.snapshot(kTarget); }
  [[nodiscard]] std::set<std::string> owners() const {
    std::set<std::string> names;
    for (const Row& one : rows()) {
      if (text(one, "checkpoint") != "SHARD_END") names.insert(text(one, "leaseOwner"));
    }
    return names;
  }
};

TEST_F(LeasedReplication, ThreeWorkersFollowSplitsWithOneKilledAndOneLate) {
  add_tables(4);
  Workload workload(source, {.keys = 60});
  workload.change(200);
  auto first = start("a");
  auto second = start("b");
  ASSERT_TRUE(eventually([&] { return owners().size() == 2 && !owners().contains(""); }));
  source.split_all_shards(kSource);
  workload.change(200);
  ASSERT_TRUE(eventually([&] { return in_step(); })) << differences();
  (void)first->kill();
  workload.change(100);
  source.split_all_shards(kSource);
  auto third = start("c");
  workload.change(200);
  ASSERT_TRUE(eventually([&] { return in_step() && owners().size() == 2 && !owners().contains(""); })) << differences();
  for (Worker* worker : {second.get(), third.get()}) {
    const auto& ended = worker->stop();
    EXPECT_TRUE(ended.ok()) << ended.text();
    EXPECT_EQ(ended.status.counters.held(), 0u);
  }
  EXPECT_TRUE(in_step()) << differences();
  // A lease that was being taken, or asked for, when its worker stopped may bear that one's name until its time is
  // over.
  auto next = start("d");
  EXPECT_TRUE(eventually([&] { return owners() == std::set<std::string>{worker_name("d")}; })) << "none is stuck";
  EXPECT_TRUE(next->stop().ok());
  EXPECT_THAT(check_order(source, kSource, target, kTarget, 1).violations, ::testing::IsEmpty());
  EXPECT_THAT(source.complaints(), ::testing::IsEmpty());
  EXPECT_THAT(target.complaints(), ::testing::IsEmpty());
}

TEST_F(LeasedReplication, HandingLeasesOverRewritesNothing) {
  add_tables(6);
  Workload workload(source, {.keys = 60});
  auto first = start("a");
  workload.change(200);
  ASSERT_TRUE(eventually([&] { return in_step(); })) << differences();
  auto second = start("b");
  for (int i = 0; i < 20; ++i) workload.change(20);
  ASSERT_TRUE(eventually([&] { return in_step() && owners().size() == 2 && !owners().contains(""); })) << differences();
  const auto& a = first->stop();
  workload.change(100);
  ASSERT_TRUE(eventually([&] { return in_step(); })) << differences();
  const auto& b = second->stop();
  EXPECT_GE(a.leases.given_away, 3u);
  EXPECT_EQ(a.leases.lost + b.leases.lost, 0u);
  EXPECT_EQ(a.status.counters.read + b.status.counters.read, records()) << "every change is read once";
  EXPECT_THAT(check_order(source, kSource, target, kTarget).violations, ::testing::IsEmpty());
}

TEST_F(LeasedReplication, APeerThatTakesALeaseInMidBatchEndsOurWorkAndItsRowStaysUntouched) {
  add_tables(2);
  const std::string key = source.shard_of(kSource, key_of("lost"));
  std::string kept = "kept";  // in the other shard
  while (source.shard_of(kSource, key_of(kept)) == key) kept += "+";
  auto worker = start("a", [](auto& options) { options.failover = std::chrono::seconds(20); });
  put("lost", "1");
  put(kept, "1");
  ASSERT_TRUE(eventually([&] { return in_step(); })) << differences();

  Row taken = row(key);
  taken["leaseOwner"] = Row{{"S", "workerDynamoDBCrossRegionReplication-5d5a"}};
  taken["leaseCounter"] = Row{{"N", std::to_string(std::stoull(text(taken, "leaseCounter")) + 1)}};
  source.put(kLeases, boost::json::serialize(taken));
  // From its next renewal on, and the look that follows at once, it knows. Until then it may write: as every KCL may.
  ASSERT_TRUE(eventually([&] { return source.statistics().errors["ConditionalCheckFailedException"] > 0; }));
  const auto passes = [&](const std::string& value) {
    put(kept, value);
    return eventually([&] { return target_values().find(kept + "=" + value) != std::string::npos; });
  };
  ASSERT_TRUE(passes("2") && passes("3")) << target_values();
  put("lost", "2");
  // What is written later passes in the other shard, and more than once.
  ASSERT_TRUE(passes("4") && passes("5")) << target_values();
  EXPECT_NE(target_values().find("lost=1"), std::string::npos) << target_values();
  EXPECT_EQ(row(key), taken);
  const auto& ended = worker->stop();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(ended.leases.lost, 1u);
  EXPECT_EQ(row(key), taken) << "not ours to give up";
}

TEST_F(LeasedReplication, ACheckpointThatWasTrimmedFollowsThePolicy) {
  add_tables(1);
  Workload workload(source, {.keys = 10});
  workload.change(50);
  auto first = start("a");
  ASSERT_TRUE(eventually([&] { return in_step(); })) << differences();
  (void)first->stop();
  workload.change(50);
  const std::string shard = source.open_shards(kSource).front();
  source.trim_shard(kSource, shard, 10);

  auto stopped = start("b");
  const auto& refused = stopped->end();
  EXPECT_EQ(refused.reason, Reason::kTrimmed) << refused.text();
  EXPECT_NE(refused.text().find("--on-trim continue"), std::string::npos);

  auto goes_on = start("c", [](auto& options) {
    options.job.on_trim = jobs::ReplicateOptions::OnTrim::kContinue;
    options.job.stop_when_caught_up = true;
  });
  const auto& ended = goes_on->end();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(ended.status.counters.read, 10u) << "all that is left";
}

TEST_F(LeasedReplication, AFleetThatTurnsToLeaderAssignmentEndsOurPart) {
  add_tables(2);
  source.add_table(
      {.name = "leases-CoordinatorState", .key = {.hash = {"key", "S"}, .range = {}}, .stream_view = std::nullopt});
  const auto say = [&](const std::string& version) {
    source.put("leases-CoordinatorState", R"({"key":{"S":"Migration3.0"},"cv":{"S":")" + version +
                                              R"("},"mb":{"S":"w1"},"mts":{"N":"1767225600000"},"h":{"L":[]}})");
  };
  say("CLIENT_VERSION_2X");
  auto worker = start("a", [](auto& options) { options.check_interval = std::chrono::milliseconds(100); });
  ASSERT_TRUE(eventually([&] { return owners() == std::set<std::string>{worker_name("a")}; }));
  say("CLIENT_VERSION_3X");
  const auto& ended = worker->end();
  EXPECT_EQ(ended.reason, Reason::kState) << ended.text();
  EXPECT_EQ(owners(), std::set<std::string>{""}) << "its leases are free for the leader";
}

TEST_F(LeasedReplication, AFleetThatSaysSoOnlyAfterOurStartIsNoticedWithTheNextLease) {
  add_tables(1);
  auto worker = start("a", [](auto& options) { options.check_interval = std::chrono::hours(1); });
  ASSERT_TRUE(eventually([&] { return owners() == std::set<std::string>{worker_name("a")}; }));
  source.add_table(
      {.name = "leases-CoordinatorState", .key = {.hash = {"key", "S"}, .range = {}}, .stream_view = std::nullopt});
  source.put("leases-CoordinatorState", R"({"key":{"S":"Migration3.0"},"cv":{"S":"CLIENT_VERSION_3X"},)"
                                        R"("mb":{"S":"w1"},"mts":{"N":"1767225600000"},"h":{"L":[]}})");
  source.split_all_shards(kSource);
  ASSERT_TRUE(eventually([&] { return worker->over(); }));
  EXPECT_EQ(worker->end().reason, Reason::kState) << worker->end().text();
}

TEST_F(LeasedReplication, CheckpointsThatAnotherToolLeftAreGoneOnFrom) {
  add_tables(1);
  Workload workload(source, {.keys = 10});
  workload.change(30);
  const std::string shard = source.open_shards(kSource).front();
  auto probe = start("probe");
  ASSERT_TRUE(eventually([&] { return in_step(); })) << differences();
  (void)probe->stop();
  const std::string reached = text(row(shard), "checkpoint");
  // As KCL 1.7.5 leaves a row: no pending checkpoint, no children, no hash keys; its owner stays.
  const Row left{{"leaseKey", Row{{"S", shard}}},
                 {"leaseCounter", Row{{"N", "4711"}}},
                 {"leaseOwner", Row{{"S", "workerDynamoDBCrossRegionReplicationOrders6f0c"}}},
                 {"ownerSwitchesSinceCheckpoint", Row{{"N", "0"}}},
                 {"checkpoint", Row{{"S", reached}}},
                 {"checkpointSubSequenceNumber", Row{{"N", "0"}}}};
  source.put(kLeases, boost::json::serialize(left));
  workload.change(20);
  auto worker = start("a", [](auto& options) { options.job.stop_when_caught_up = true; });
  const auto& ended = worker->end();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(ended.status.counters.read, 20u) << "nothing again, nothing left out";
  EXPECT_TRUE(ended.status.caught_up);
  EXPECT_TRUE(in_step()) << differences();
  EXPECT_GT(std::stoull(text(row(shard), "leaseCounter")), 4711u);
}

TEST_F(LeasedReplication, AWorkerHasNotCaughtUpBeforeTheOthersHave) {
  add_tables(1);
  put("x", "1");
  auto owner = start("a");
  ASSERT_TRUE(eventually([&] { return in_step(); })) << differences();
  target.throttle_key(kTarget, key_of("x"), 6);  // the owner tries again for some seconds
  put("x", "2");
  auto waits = start("b", [](auto& options) { options.job.stop_when_caught_up = true; });
  ASSERT_TRUE(eventually([&] { return waits->over(); }));
  EXPECT_TRUE(in_step()) << differences();
  const auto& ended = waits->end();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_TRUE(ended.status.caught_up);
  EXPECT_FALSE(owner->over());
  (void)owner->stop();
}

TEST_F(LeasedReplication, WhatCameAfterALatestStartIsReadThoughItsFirstOwnerDied) {
  add_tables(2);
  put("old", "1");
  const auto at_latest = [](auto& options) { options.job.start = ordering::ShardGraph::InitialPosition::kLatest; };
  auto first = start("a", at_latest);
  ASSERT_TRUE(eventually([&] { return owners() == std::set<std::string>{worker_name("a")}; }));
  ASSERT_TRUE(eventually([&] { return source.statistics().requests["GetRecords"] > 4; }));
  (void)first->kill();
  put("new", "2");
  auto second = start("b", at_latest);
  EXPECT_TRUE(eventually([&] { return target_values().find("new=2") != std::string::npos; })) << target_values();
  (void)second->stop();
}

TEST_F(LeasedReplication, AStreamThatIsTurnedOffIsReadToItsEndAndSaysSo) {
  add_tables(2);
  Workload workload(source, {.keys = 10});
  auto worker = start("a", [](auto& options) { options.job.list_shards_interval = std::chrono::milliseconds(100); });
  workload.change(30);
  ASSERT_TRUE(eventually([&] { return in_step(); })) << differences();
  source.disable_stream(kSource);
  ASSERT_TRUE(eventually([&] { return worker->over(); })) << "alive, and nothing can ever come";
  const auto& ended = worker->end();
  EXPECT_EQ(ended.reason, Reason::kNotReady) << ended.text();
}

TEST_F(LeasedReplication, AQuietLeaseTableIsNoStall) {
  add_tables(1);
  auto worker = start("a", [](auto& options) {
    options.failover = std::chrono::seconds(20);
    options.job.pipeline.stall_timeout = std::chrono::milliseconds(500);
  });
  ASSERT_TRUE(eventually([&] { return owners() == std::set<std::string>{worker_name("a")}; }));
  std::this_thread::sleep_for(std::chrono::seconds(2));  // nothing is due in this time
  EXPECT_FALSE(worker->over()) << worker->end().text();
  EXPECT_TRUE(worker->stop().ok());
}

TEST_F(LeasedReplication, ALeaseWhoseWritesWereGivenUpIsNotFreeAtOnce) {
  add_tables(1);
  auto worker = start("a", [](auto& options) { options.job.drain_timeout = std::chrono::milliseconds(100); });
  ASSERT_TRUE(eventually([&] { return owners() == std::set<std::string>{worker_name("a")}; }));
  target.throttle_key(kTarget, key_of("x"), 1'000);
  put("x", "1");
  ASSERT_TRUE(eventually([&] { return target.statistics().errors["ProvisionedThroughputExceededException"] > 0; }));
  EXPECT_EQ(worker->stop().reason, Reason::kStopped);
  EXPECT_EQ(owners(), std::set<std::string>{worker_name("a")}) << "what was on its way may still land";
}

TEST_F(LeasedReplication, FaultsOfTheLeaseTableCostNoChange) {
  add_tables(3);
  source.set_fault_policy({.seed = 3,
                           .rate = 0.15,
                           .kinds = support::survivable_fault_kinds(),
                           .operations = {"UpdateItem", "Scan", "PutItem"}});
  Workload workload(source, {.keys = 40});
  auto first = start("a");
  auto second = start("b");
  for (int i = 0; i < 40; ++i) {
    workload.change(10);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // so that renewals and faults fall in between
  }
  ASSERT_TRUE(eventually([&] { return in_step(); })) << differences();
  source.clear_faults();
  for (Worker* worker : {first.get(), second.get()}) {
    const auto& ended = worker->stop();
    EXPECT_TRUE(ended.ok()) << ended.text();
  }
  EXPECT_TRUE(in_step()) << differences();
}

}  // namespace
}  // namespace dynamirror::integration
