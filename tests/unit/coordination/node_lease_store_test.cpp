// SPDX-License-Identifier: Apache-2.0
//
// Goal: a table of the Kinesis client library for Node.js is shared without harm: its rows are understood, ours are
// rows that it reads as its own, and no lease of a worker of its that lives is taken. Method: rows as its vogels 0.12
// writes them, in the stand-in; what it reads and on what condition it writes is played here from its protocol.
#include "coordination/node_lease_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <map>

#include "async/sleep.hpp"
#include "async/task_group.hpp"
#include "coordination/node_cluster.hpp"
#include "support/worker_name.hpp"
#include "unit/coordination/lease_backends.hpp"

namespace dynamirror::coordination {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using Kind = LeaseWrite::Kind;
using Outcome = LeaseStore::Outcome;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kMe = support::worker_name("me");
const std::string kYou = support::worker_name("you");
const std::string kNode(kNodeWorker);

/// The wall clock as told, but a steady one that runs: requests have deadlines.
class ToldClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall_now() const override { return wall; }
  [[nodiscard]] SteadyTime steady_now() const override { return system_clock().steady_now(); }
  WallTime wall{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};
};

class NodeLeaseStoreTest : public ::testing::Test {
 protected:
  ~NodeLeaseStoreTest() override { EXPECT_THAT(backend_.standin().complaints(), IsEmpty()); }

  [[nodiscard]] std::string milliseconds(Duration from_now) const {
    return std::to_string(
        std::chrono::duration_cast<std::chrono::milliseconds>(clock_.wall.time_since_epoch() + from_now).count());
  }

  void put(const std::string& row) { backend_.standin().put(backend_.table().str(), row); }
  /// As the library leaves a lease; `more`: further members.
  void put_lease(const std::string& shard, int counter, Duration expires_in, const std::string& more = {}) {
    put(R"({"type":{"S":"lease"},"id":{"S":")" + shard + R"("},"leaseCounter":{"N":")" + std::to_string(counter) +
        R"("},"expiresAt":{"N":")" + milliseconds(expires_in) + R"("})" + more + "}");
  }
  void put_cluster(Duration expires_in) {
    put(R"({"type":{"S":"cluster"},"id":{"S":"host@7@1"},"activeConsumers":{"N":"3"},"expiresAt":{"N":")" +
        milliseconds(expires_in) + R"("}})");
  }

  Outcome write(const LeaseWrite& write) {
    const auto outcome = backend_.run(store_->write(write, kNoDeadline));
    EXPECT_TRUE(outcome) << to_line(outcome.error());
    return outcome.value_or(Outcome::kConflict);
  }
  LeaseRows scan() { return backend_.run(store_->scan({})).value(); }
  Lease lease(const std::string& shard) { return backend_.run(store_->get(shard)).value().value(); }
  std::uint64_t sent() { return store_->statistics().requests; }

  json::object row(const std::string& id) {
    for (const auto& [key, text] : backend_.standin().snapshot(backend_.table().str())) {
      json::object row = json::parse(text).as_object();
      if (row.at("id").at("S").as_string() == id) return row;
    }
    return {};
  }
  std::string text(const std::string& id, const std::string& name) {
    const json::object found = row(id);
    return found.contains(name) ? json::serialize(found.at(name)) : "";
  }

  /// The library's own write of a lease: it adds 1 to the counter and keeps what it does not know; when it read a
  /// counter, on condition of it.
  bool node_reserves(const std::string& shard, int counter_read) {
    json::object lease = row(shard);
    const auto counter = [&] { return lease.contains("leaseCounter") ? text(shard, "leaseCounter") : ""; };
    const std::string expected = R"({"N":")" + std::to_string(counter_read) + R"("})";
    if (counter_read != 0 && counter() != expected) return false;
    const int now = counter().empty() ? 0 : std::stoi(std::string(lease["leaseCounter"].at("N").as_string()));
    lease["type"] = {{"S", "lease"}};
    lease["id"] = {{"S", shard}};
    lease["leaseCounter"] = {{"N", std::to_string(now + 1)}};
    lease["expiresAt"] = {{"N", milliseconds(15s)}};
    put(json::serialize(lease));
    return true;
  }

  /// Opens the leases "a" of ours, counter 1.
  void create_mine() {
    EXPECT_EQ(write({.kind = Kind::kCreate, .key = "a", .checkpoint = "TRIM_HORIZON"}), Outcome::kDone);
    EXPECT_EQ(write({.kind = Kind::kTake, .key = "a", .counter = 0, .owner = kMe}), Outcome::kDone);
  }

  ToldClock clock_;
  NodeBackend backend_{std::nullopt, clock_};
  NodeLeaseStore* store_ = &backend_.open_node();
};

// ---- rows of the library

TEST_F(NodeLeaseStoreTest, ReadsRowsAsTheLibraryWritesThem) {
  put_lease("new", 1, 10s);
  put_lease("read", 17, 10s, R"(,"checkpointedSequence":{"S":"495"})");
  put_lease("number", 9, -60s, R"(,"checkpointedSequence":{"S":"496"},"isFinished":{"N":"1"})");
  put_lease("boolean", 9, -60s, R"(,"isFinished":{"BOOL":true})");
  put_lease("not", 9, 10s, R"(,"isFinished":{"N":"0"})");
  put_cluster(10s);
  std::map<std::string, Lease> leases;
  const LeaseRows rows = scan();
  for (const Lease& lease : rows.leases) leases[lease.key] = lease;
  EXPECT_EQ(rows.foreign, 0u) << "what the library keeps beside leases is none of another kind";
  EXPECT_EQ(leases["new"], (Lease{.key = "new", .owner = kNode, .counter = 0, .checkpoint = "TRIM_HORIZON"}));
  EXPECT_EQ(leases["read"], (Lease{.key = "read", .owner = kNode, .counter = 16, .checkpoint = "495"}));
  EXPECT_EQ(leases["number"], (Lease{.key = "number", .counter = 8, .checkpoint = "SHARD_END"}));
  EXPECT_EQ(leases["boolean"], (Lease{.key = "boolean", .counter = 8, .checkpoint = "SHARD_END"}));
  EXPECT_EQ(leases["not"].checkpoint, "TRIM_HORIZON");
}

TEST_F(NodeLeaseStoreTest, BeginsWhereToldWithoutACheckpoint) {
  NodeLeaseStore::Options options;
  options.start = "LATEST";
  store_ = &backend_.open_node(std::move(options));
  put_lease("a", 1, 10s);
  EXPECT_EQ(lease("a").checkpoint, "LATEST");
}

TEST_F(NodeLeaseStoreTest, LeavesRowsAloneThatItCannotRead) {
  put(R"({"type":{"S":"other"},"id":{"S":"x"}})");
  put(R"({"type":{"S":"lease"},"id":{"S":"zero"},"leaseCounter":{"N":"0"}})");
  put(R"({"type":{"S":"lease"},"id":{"S":"text"},"leaseCounter":{"S":"1"}})");
  put(R"({"type":{"S":"lease"},"id":{"S":"list"},"leaseCounter":{"N":"1"},"isFinished":{"L":[]}})");
  put(R"({"type":{"S":"lease"},"id":{"S":"far"},"leaseCounter":{"N":"1"},"expiresAt":{"N":"9223372036854775807"}})");
  const LeaseRows rows = scan();
  EXPECT_THAT(rows.leases, IsEmpty());
  EXPECT_EQ(rows.foreign, 5u);
}

TEST_F(NodeLeaseStoreTest, TakesARowWithoutACounter) {
  put(R"({"type":{"S":"lease"},"id":{"S":"a"}})");
  const Lease found = lease("a");
  EXPECT_EQ(write({.kind = Kind::kTake, .key = "a", .counter = found.counter, .owner = kMe, .from = found.owner}),
            Outcome::kDone);
  EXPECT_EQ(text("a", "leaseCounter"), R"({"N":"1"})");
  EXPECT_EQ(lease("a").counter, 0u);
  EXPECT_EQ(lease("a").owner, kMe);
}

// ---- taking from the library

TEST_F(NodeLeaseStoreTest, TakesALeaseOfTheLibraryWhenItHasExpiredByBothClocks) {
  put_lease("a", 5, 15s, R"(,"checkpointedSequence":{"S":"495"})");
  const LeaseWrite take{.kind = Kind::kTake, .key = "a", .counter = 4, .owner = kMe, .from = kNode};
  EXPECT_EQ(write(take), Outcome::kConflict);
  const auto before = sent();
  clock_.wall += 15s + kNodeClockMargin - 1ms;
  EXPECT_EQ(write(take), Outcome::kConflict);
  EXPECT_EQ(sent(), before) << "what was read tells";
  clock_.wall += 1ms;
  EXPECT_EQ(write(take), Outcome::kDone);
  EXPECT_EQ(lease("a"), (Lease{.key = "a", .owner = kMe, .counter = 5, .checkpoint = "495"}));
  EXPECT_EQ(text("a", "expiresAt"), R"({"N":")" + milliseconds(15s) + R"("})");
}

TEST_F(NodeLeaseStoreTest, DoesNotTakeALeaseThatTheLibraryHasRenewedSinceItWasRead) {
  put_lease("a", 5, -60s);
  (void)scan();
  EXPECT_TRUE(node_reserves("a", 5));
  EXPECT_EQ(write({.kind = Kind::kTake, .key = "a", .counter = 4, .owner = kMe, .from = kNode}), Outcome::kConflict);
  EXPECT_EQ(lease("a").owner, kNode);
}

TEST_F(NodeLeaseStoreTest, SeesThatTheLibraryHasTakenALeaseOfOurs) {
  create_mine();
  clock_.wall += 16s;
  ASSERT_TRUE(node_reserves("a", 2));
  EXPECT_EQ(text("a", "dynamirrorOwner"), R"({"S":")" + kMe + R"("})") << "the library keeps what it does not know";
  EXPECT_EQ(lease("a").owner, kNode);
  EXPECT_EQ(write({.kind = Kind::kRenew, .key = "a", .counter = 1, .checkpoint = "7"}), Outcome::kConflict);
  EXPECT_EQ(write({.kind = Kind::kRelease, .key = "a", .counter = 2, .from = kMe}), Outcome::kConflict);
}

TEST_F(NodeLeaseStoreTest, TakesALeaseOfAWorkerOfOursWithoutAskingTheClock) {
  create_mine();
  EXPECT_EQ(write({.kind = Kind::kTake, .key = "a", .counter = 1, .owner = kYou, .from = kMe}), Outcome::kDone);
  EXPECT_EQ(lease("a").owner, kYou);
}

// ---- what the library finds

TEST_F(NodeLeaseStoreTest, WritesRowsThatTheLibraryReads) {
  create_mine();
  EXPECT_EQ(write({.kind = Kind::kRenew, .key = "a", .counter = 1, .checkpoint = "496"}), Outcome::kDone);
  const json::value expected = json::parse(
      R"({"type":{"S":"lease"},"id":{"S":"a"},"leaseCounter":{"N":"3"},"dynamirrorCounter":{"N":"3"},)"
      R"("expiresAt":{"N":")" +
      milliseconds(15s) + R"("},"dynamirrorOwner":{"S":")" + kMe + R"("},"checkpointedSequence":{"S":"496"}})");
  EXPECT_EQ(json::value(row("a")), expected);
}

TEST_F(NodeLeaseStoreTest, LetsTheLibraryTakeOverWhatIsReleasedFromOurCheckpoint) {
  create_mine();
  EXPECT_EQ(write({.kind = Kind::kRelease, .key = "a", .counter = 1, .from = kMe, .checkpoint = "497"}),
            Outcome::kDone);
  EXPECT_EQ(text("a", "expiresAt"), R"({"N":"0"})") << "free at once, whatever its clock";
  EXPECT_EQ(text("a", "checkpointedSequence"), R"({"S":"497"})");
  EXPECT_EQ(text("a", "dynamirrorOwner"), "");
  EXPECT_EQ(lease("a").owner, "");
  EXPECT_TRUE(node_reserves("a", 3));
  EXPECT_EQ(lease("a"), (Lease{.key = "a", .owner = kNode, .counter = 3, .checkpoint = "497"}));
}

TEST_F(NodeLeaseStoreTest, FinishesShardsInTheLibrarysWord) {
  create_mine();
  EXPECT_EQ(write({.kind = Kind::kRelease,
                   .key = "a",
                   .counter = 1,
                   .owner = kMe,
                   .from = kMe,
                   .checkpoint = "SHARD_END",
                   .children = {"b"}}),
            Outcome::kDone);
  EXPECT_EQ(text("a", "isFinished"), R"({"N":"1"})") << "its vogels 0.12 reads a BOOL as false";
  EXPECT_EQ(lease("a"), (Lease{.key = "a", .counter = 2, .checkpoint = "SHARD_END", .children = {"b"}}));
}

TEST_F(NodeLeaseStoreTest, GivesANewLeaseACounterThatTheLibraryChecks) {
  EXPECT_EQ(write({.kind = Kind::kCreate, .key = "a", .checkpoint = "TRIM_HORIZON"}), Outcome::kDone);
  EXPECT_EQ(text("a", "leaseCounter"), R"({"N":"1"})");
  EXPECT_EQ(text("a", "checkpointedSequence"), "") << "a word is no sequence number";
  EXPECT_EQ(write({.kind = Kind::kTake, .key = "a", .counter = 0, .owner = kMe}), Outcome::kDone);
  EXPECT_FALSE(node_reserves("a", 1));
}

TEST_F(NodeLeaseStoreTest, KeepsANewLeaseFreeWhileTheLibraryMayComeUnasked) {
  put_cluster(10s);
  (void)scan();
  EXPECT_EQ(write({.kind = Kind::kCreate, .key = "a", .checkpoint = "TRIM_HORIZON"}), Outcome::kDone);
  const LeaseWrite take{.kind = Kind::kTake, .key = "a", .counter = 0, .owner = kMe};
  clock_.wall += kNodeReservation - 1ms;
  EXPECT_EQ(write(take), Outcome::kConflict);
  ASSERT_TRUE(node_reserves("a", 0)) << "it had seen no lease";
  clock_.wall += 1ms;
  EXPECT_EQ(write(take), Outcome::kConflict);
  EXPECT_EQ(lease("a").owner, kNode);
}

TEST_F(NodeLeaseStoreTest, TakesANewLeaseAtOnceWhereNoWorkerOfTheLibraryLives) {
  put_cluster(-6s);
  (void)scan();
  create_mine();
  EXPECT_EQ(lease("a").owner, kMe);
}

TEST_F(NodeLeaseStoreTest, RemembersWhereAChildBeginsWhateverTheStart) {
  NodeLeaseStore::Options options;
  options.start = "LATEST";
  store_ = &backend_.open_node(std::move(options));
  EXPECT_EQ(write({.kind = Kind::kCreate, .key = "a", .checkpoint = "TRIM_HORIZON"}), Outcome::kDone);
  EXPECT_EQ(lease("a").checkpoint, "TRIM_HORIZON");
}

// ---- lineage

class NodeLineageTest : public NodeLeaseStoreTest {
 protected:
  NodeLineageTest() {
    NodeLeaseStore::Options options;
    options.lineage = [this]() { return list(); };
    store_ = &backend_.open_node(std::move(options));
  }
  async::Task<Result<std::vector<model::Shard>>> list() {
    ++listings_;
    if (failing_) co_return failure(ErrorClass::kTransient, "list shards", "stream", "try again");
    std::vector<model::Shard> shards(3);
    shards[0].id = ShardId("p1");
    shards[1].id = ShardId("p2");
    shards[2].id = ShardId("child");
    shards[2].parents = {ShardId("p2"), ShardId("p1")};
    co_return shards;
  }
  int listings_ = 0;
  bool failing_ = false;
};

TEST_F(NodeLineageTest, TellsTheParentsOfLeasesThatTheLibraryMade) {
  put_lease("child", 1, 10s);
  put_lease("trimmed", 1, 10s);
  EXPECT_THAT(lease("child").parents, ElementsAre("p1", "p2"));
  EXPECT_THAT(lease("trimmed").parents, IsEmpty());
  put_lease("p1", 1, 10s, R"(,"isFinished":{"N":"1"})");
  EXPECT_THAT(lease("p1").children, ElementsAre("child"));
  (void)scan();
  (void)scan();
  EXPECT_EQ(listings_, 2) << "once for each that was unknown: a shard's parents never change";
}

TEST_F(NodeLineageTest, HandsOutNoLeaseWhoseParentsItDoesNotKnow) {
  put_lease("child", 1, 10s);
  failing_ = true;
  const auto rows = backend_.run(store_->scan({}));
  ASSERT_FALSE(rows);
  EXPECT_TRUE(rows.error().retryable());
  EXPECT_FALSE(backend_.run(store_->get("child")));
  failing_ = false;
  EXPECT_THAT(scan().leases.at(0).parents, ElementsAre("p1", "p2"));
}

// ---- beside the library's workers

TEST_F(NodeLeaseStoreTest, HandsNothingOver) {
  create_mine();
  const auto before = sent();
  EXPECT_EQ(write({.kind = Kind::kStartHandOver, .key = "a", .owner = kYou, .from = kMe}), Outcome::kConflict);
  EXPECT_EQ(sent(), before);
}

TEST_F(NodeLeaseStoreTest, TellsTheLibraryHowMuchIsReadHere) {
  const std::string id = new_node_cluster_id(clock_.wall);
  EXPECT_TRUE(id.ends_with("@" + std::to_string(::getpid()) + "@" + milliseconds(0s))) << id;
  EXPECT_TRUE(backend_.run(store_->report(id, kMe, 2)));
  EXPECT_EQ(text(id, "type"), R"({"S":"cluster"})");
  EXPECT_EQ(text(id, "activeConsumers"), R"({"N":"2"})");
  EXPECT_EQ(text(id, "expiresAt"), R"({"N":")" + milliseconds(15s) + R"("})");
  (void)scan();
  create_mine();
  EXPECT_EQ(lease("a").owner, kMe) << "that another of ours lives is no reason to wait";
  EXPECT_TRUE(backend_.run(store_->sign_off(id)));
  EXPECT_THAT(row(id), IsEmpty());
}

/// Until the first report has been answered.
async::Task<bool> report_for_a_while(NodeLeaseStore& store, std::string id) {
  NodeCluster cluster;
  cluster.id = std::move(id);
  cluster.worker = kMe;
  cluster.consumers = [] { return std::size_t{4}; };
  async::TaskGroup reporting(co_await boost::asio::this_coro::executor);
  reporting.spawn(keep_reporting(store, std::move(cluster)));
  const SteadyTime limit = system_clock().steady_now() + 10s;
  while (store.statistics().write_units == 0 && system_clock().steady_now() < limit) co_await async::sleep_for(1ms);
  reporting.cancel();
  co_await reporting.join();
  co_return store.statistics().write_units > 0;
}

TEST_F(NodeLeaseStoreTest, ReportsUntilCancelledAndNoRowOfItIsALease) {
  EXPECT_TRUE(backend_.run(report_for_a_while(*store_, "host@1@2")));
  EXPECT_EQ(text("host@1@2", "activeConsumers"), R"({"N":"4"})");
  EXPECT_THAT(scan().leases, IsEmpty());
}

TEST_F(NodeLeaseStoreTest, RefusesATableOfKcl) {
  auto& kcl = backend_.open_unprepared(TableName("kcl"));
  ASSERT_TRUE(backend_.run(kcl.prepare({.create = true, .wait = {.pause = 1ms}})));
  NodeLeaseStore::Options options;
  options.table.table = TableName("kcl");
  NodeLeaseStore store(backend_.client(), std::move(options), clock_, backend_.random());
  const auto refused = backend_.run(store.prepare({}));
  ASSERT_FALSE(refused);
  EXPECT_THAT(to_line(refused.error()),
              HasSubstr("is a lease table of KCL's (its key is leaseKey (S), not type (S), id (S))"));
}

TEST_F(NodeLeaseStoreTest, MakesTheTablePaidPerRequestUnlessACapacityIsAskedFor) {
  const auto mode_of = [&](const std::string& name, std::optional<aws::Throughput> throughput) {
    NodeLeaseStore::Options options;
    options.table.table = TableName(name);
    NodeLeaseStore store(backend_.client(), std::move(options), clock_, backend_.random());
    EXPECT_TRUE(backend_.run(store.prepare({.create = true, .throughput = throughput, .wait = {.pause = 1ms}})));
    return backend_.run(backend_.client().describe_table(TableName(name))).value().billing_mode;
  };
  EXPECT_EQ(mode_of("provisioned", aws::Throughput{.read_units = 7, .write_units = 9}), aws::BillingMode::kProvisioned);
  EXPECT_EQ(mode_of("on-demand", std::nullopt), aws::BillingMode::kPayPerRequest);
}

}  // namespace
}  // namespace dynamirror::coordination
