// SPDX-License-Identifier: Apache-2.0
//
// Goal: all stores keep one contract: each kind of write does what it says when its condition holds, and changes
// nothing when it does not, whoever else uses the same leases. Method: the same tests over every store, the one in
// DynamoDB against the strict stand-in. With DYNAMIRROR_TEST_DYNAMODB=http://127.0.0.1:PORT they run against that
// service, too (DynamoDB Local).
#include "coordination/lease_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "unit/coordination/lease_backends.hpp"

namespace dynamirror::coordination {
namespace {

using Kind = LeaseWrite::Kind;
using Outcome = LeaseStore::Outcome;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class LeaseStoreTest : public ::testing::TestWithParam<const char*> {
 protected:
  Outcome write(const LeaseWrite& write) { return write_by(*store_, write); }
  Outcome write_by(LeaseStore& store, const LeaseWrite& write) {
    const auto outcome = backend_->run(store.write(write, kNoDeadline));
    EXPECT_TRUE(outcome) << to_line(outcome.error());
    return outcome.value_or(Outcome::kConflict);
  }

  std::vector<Lease> scan(LeaseShare share = {}) {
    auto rows = backend_->run(store_->scan(share));
    EXPECT_TRUE(rows) << to_line(rows.error());
    if (!rows) return {};
    EXPECT_EQ(rows->foreign, 0u);
    std::sort(rows->leases.begin(), rows->leases.end(), [](const Lease& a, const Lease& b) { return a.key < b.key; });
    return std::move(rows->leases);
  }

  std::optional<Lease> look(const std::string& key = "a") {
    auto lease = backend_->run(store_->get(key));
    EXPECT_TRUE(lease) << to_line(lease.error());
    return lease.value_or(std::nullopt);
  }

  /// Expects the write to be made, and the row to be this afterwards.
  void expect_done(const LeaseWrite& request, const Lease& after) {
    EXPECT_EQ(write(request), Outcome::kDone);
    const auto row = look(request.key);
    ASSERT_TRUE(row);
    expect_equal(*row, as_kept(after));
  }

  /// Whether leases are kept in the table of the library for Node.js, which has no place for all that a lease is.
  [[nodiscard]] static bool of_node() { return std::string_view(GetParam()).starts_with("Node"); }
  [[nodiscard]] static Lease as_kept(Lease lease) {
    if (!of_node()) return lease;
    lease.owner_switches = 0;
    if (lease.done()) lease.owner.clear();
    return lease;
  }

  /// Expects a conflict that changes nothing.
  void expect_conflict(const LeaseWrite& request) {
    const auto before = scan();
    EXPECT_EQ(write(request), Outcome::kConflict);
    EXPECT_EQ(scan(), before);
  }

  static void expect_equal(const Lease& lease, const Lease& expected) {
    EXPECT_EQ(lease.key, expected.key);
    EXPECT_EQ(lease.owner, expected.owner);
    EXPECT_EQ(lease.counter, expected.counter);
    EXPECT_EQ(lease.owner_switches, expected.owner_switches);
    EXPECT_EQ(lease.checkpoint, expected.checkpoint);
    EXPECT_EQ(lease.parents, expected.parents);
    EXPECT_EQ(lease.children, expected.children);
    EXPECT_EQ(lease.checkpoint_owner, expected.checkpoint_owner);
  }

  void create(const std::string& key = "a", const std::string& checkpoint = "0") {
    EXPECT_EQ(write({.kind = Kind::kCreate, .key = key, .checkpoint = checkpoint}), Outcome::kDone);
  }
  /// A lease "a" of "me", counter 1.
  void create_mine(const std::string& checkpoint = "0") {
    create("a", checkpoint);
    EXPECT_EQ(write({.kind = Kind::kTake, .key = "a", .counter = 0, .owner = "me"}), Outcome::kDone);
  }
  /// The same, being handed over from "me" to "you".
  void create_handed_over() {
    create_mine();
    EXPECT_EQ(write({.kind = Kind::kStartHandOver, .key = "a", .owner = "you", .from = "me"}), Outcome::kDone);
  }

  std::unique_ptr<LeaseBackend> backend_ = make_backend(GetParam());
  LeaseStore* store_ = &backend_->open();
};

TEST_P(LeaseStoreTest, HasNothingAtFirst) {
  EXPECT_THAT(scan(), IsEmpty());
  EXPECT_FALSE(look());
}

TEST_P(LeaseStoreTest, CreatesALeaseOnce) {
  LeaseWrite create{.kind = Kind::kCreate, .key = "a", .checkpoint = "TRIM_HORIZON", .parents = {"q", "p", "q"}};
  expect_done(create, {.key = "a", .checkpoint = "TRIM_HORIZON", .parents = {"p", "q"}});
  create.checkpoint = "LATEST";
  expect_conflict(create);
}

TEST_P(LeaseStoreTest, RenewsWhatHasTheCounter) {
  create_mine();
  const LeaseWrite renew{.kind = Kind::kRenew, .key = "a", .counter = 1};
  expect_done(renew, {.key = "a", .owner = "me", .counter = 2, .checkpoint = "0"});
  expect_conflict(renew);
  expect_conflict({.kind = Kind::kRenew, .key = "a", .counter = 3});
  expect_conflict({.kind = Kind::kRenew, .key = "missing", .counter = 0, .checkpoint = "1"});
}

TEST_P(LeaseStoreTest, ChecksPointInTheRenewalAndCountsOwnersAnew) {
  create_mine();
  ASSERT_EQ(write({.kind = Kind::kTake, .key = "a", .counter = 1, .owner = "you", .from = "me"}), Outcome::kDone);
  expect_conflict({.kind = Kind::kRenew, .key = "a", .counter = 1, .checkpoint = "5"});
  expect_done({.kind = Kind::kRenew, .key = "a", .counter = 2, .checkpoint = "5"},
              {.key = "a", .owner = "you", .counter = 3, .checkpoint = "5"});
}

TEST_P(LeaseStoreTest, DoesNotRenewWhatSomebodyElseIsToGet) {
  if (of_node()) GTEST_SKIP() << "no lease is handed over there";
  create_handed_over();
  LeaseWrite renew{.kind = Kind::kRenew, .key = "a", .counter = 1, .checkpoint = "9"};
  expect_conflict(renew);
  renew.handing_over = true;
  expect_done(renew, {.key = "a", .owner = "you", .counter = 2, .checkpoint = "9", .checkpoint_owner = "me"});
}

TEST_P(LeaseStoreTest, TakesWhatHasTheCounter) {
  create();
  const LeaseWrite take{.kind = Kind::kTake, .key = "a", .counter = 0, .owner = "me"};
  expect_done(take, {.key = "a", .owner = "me", .counter = 1, .checkpoint = "0"});
  expect_conflict(take);
  expect_done({.kind = Kind::kTake, .key = "a", .counter = 1, .owner = "you", .from = "me"},
              {.key = "a", .owner = "you", .counter = 2, .owner_switches = 1, .checkpoint = "0"});
  expect_done({.kind = Kind::kTake, .key = "a", .counter = 2, .owner = "you", .from = "you"},
              {.key = "a", .owner = "you", .counter = 3, .owner_switches = 1, .checkpoint = "0"});
  expect_conflict({.kind = Kind::kTake, .key = "missing", .counter = 0, .owner = "me"});
}

TEST_P(LeaseStoreTest, EndsAHandOverByTaking) {
  if (of_node()) GTEST_SKIP() << "no lease is handed over there";
  create_handed_over();
  expect_done({.kind = Kind::kTake, .key = "a", .counter = 1, .owner = "third", .from = "you"},
              {.key = "a", .owner = "third", .counter = 2, .owner_switches = 1, .checkpoint = "0"});
}

TEST_P(LeaseStoreTest, ReleasesItsOwnToNobody) {
  create_mine();
  expect_conflict({.kind = Kind::kRelease, .key = "a", .counter = 0, .from = "me"});
  expect_conflict({.kind = Kind::kRelease, .key = "a", .counter = 1, .from = "you"});
  expect_conflict({.kind = Kind::kRelease, .key = "a", .counter = 1});
  expect_conflict({.kind = Kind::kRelease, .key = "missing"});
  expect_done({.kind = Kind::kRelease, .key = "a", .counter = 1, .from = "me"},
              {.key = "a", .counter = 2, .checkpoint = "0"});
  expect_done({.kind = Kind::kRelease, .key = "a", .counter = 2, .owner = "you"},
              {.key = "a", .owner = "you", .counter = 3, .checkpoint = "0"});
}

TEST_P(LeaseStoreTest, ReleasesToAnotherWithCheckpointAndChildrenInOneWrite) {
  create_mine();
  const LeaseWrite release{.kind = Kind::kRelease,
                           .key = "a",
                           .counter = 1,
                           .owner = "you",
                           .from = "me",
                           .checkpoint = "SHARD_END",
                           .children = {"d", "c"}};
  expect_done(release, {.key = "a",
                        .owner = "you",
                        .counter = 2,
                        .owner_switches = 1,
                        .checkpoint = "SHARD_END",
                        .children = {"c", "d"}});
  if (of_node()) return;  // a finished lease is nobody's
  expect_done({.kind = Kind::kRelease, .key = "a", .counter = 2, .owner = "me", .from = "you"},
              {.key = "a",
               .owner = "me",
               .counter = 3,
               .owner_switches = 2,
               .checkpoint = "SHARD_END",
               .children = {"c", "d"}});
}

TEST_P(LeaseStoreTest, HandsOverInTwoSteps) {
  if (of_node()) GTEST_SKIP() << "no lease is handed over there";
  create_mine();
  const LeaseWrite start{.kind = Kind::kStartHandOver, .key = "a", .owner = "you", .from = "me"};
  expect_done(start, {.key = "a", .owner = "you", .counter = 1, .checkpoint = "0", .checkpoint_owner = "me"});
  expect_conflict(start);
  expect_conflict({.kind = Kind::kStartHandOver, .key = "a", .owner = "third", .from = "you"});
  expect_done({.kind = Kind::kRelease, .key = "a", .counter = 1, .owner = "you", .from = "you", .checkpoint = "4"},
              {.key = "a", .owner = "you", .counter = 2, .checkpoint = "4"});
  expect_conflict({.kind = Kind::kStartHandOver, .key = "missing", .owner = "you", .from = "me"});
}

TEST_P(LeaseStoreTest, SetsChildrenOfALeaseThatIsThere) {
  create_mine();
  expect_done({.kind = Kind::kSetChildren, .key = "a", .children = {"c", "b", "c"}},
              {.key = "a", .owner = "me", .counter = 1, .checkpoint = "0", .children = {"b", "c"}});
  expect_done({.kind = Kind::kSetChildren, .key = "a"}, {.key = "a", .owner = "me", .counter = 1, .checkpoint = "0"});
  expect_conflict({.kind = Kind::kSetChildren, .key = "missing", .children = {"b"}});
}

TEST_P(LeaseStoreTest, DeletesOnlyWhatIsDone) {
  create("open", "1");
  create_mine("SHARD_END");
  expect_conflict({.kind = Kind::kDelete, .key = "open", .counter = 0});
  expect_conflict({.kind = Kind::kDelete, .key = "a", .counter = 0});
  expect_conflict({.kind = Kind::kDelete, .key = "missing", .counter = 0});
  EXPECT_EQ(write({.kind = Kind::kDelete, .key = "a", .counter = 1}), Outcome::kDone);
  EXPECT_FALSE(look());
  EXPECT_THAT(scan(), SizeIs(1));
}

TEST_P(LeaseStoreTest, RemovesWhatIsAsItWasRead) {
  create("open", "1");
  create_mine("5");
  expect_conflict({.kind = Kind::kRemove, .key = "a", .counter = 0, .from = "me"});
  expect_conflict({.kind = Kind::kRemove, .key = "a", .counter = 1, .from = "you"});
  expect_conflict({.kind = Kind::kRemove, .key = "a", .counter = 1});
  expect_conflict({.kind = Kind::kRemove, .key = "open", .counter = 0, .from = "me"});
  expect_conflict({.kind = Kind::kRemove, .key = "missing", .counter = 0});
  EXPECT_EQ(write({.kind = Kind::kRemove, .key = "a", .counter = 1, .from = "me"}), Outcome::kDone);
  EXPECT_EQ(write({.kind = Kind::kRemove, .key = "open", .counter = 0}), Outcome::kDone);
  EXPECT_THAT(scan(), IsEmpty());
}

TEST_P(LeaseStoreTest, WritesNothingAfterItsTime) {
  create_mine();
  const LeaseWrite renew{.kind = Kind::kRenew, .key = "a", .counter = 1};
  const auto late = backend_->run(store_->write(renew, system_clock().steady_now()));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().error_class, ErrorClass::kTransient);
  EXPECT_EQ(late.error().code, "Timeout");
  EXPECT_EQ(look()->counter, 1u);
}

TEST_P(LeaseStoreTest, KeepsAnyTextAsItIs) {
  const std::string key = "k\"\\\n\xc3\xa4 :#'";
  LeaseWrite create{.kind = Kind::kCreate, .key = key, .checkpoint = "c'\"\n", .parents = {"p\n1", "p,2"}};
  expect_done(create, {.key = key, .checkpoint = "c'\"\n", .parents = {"p\n1", "p,2"}});
  EXPECT_THAT(scan(), SizeIs(1));
}

TEST_P(LeaseStoreTest, GivesEachLeaseInOneShare) {
  constexpr std::uint32_t kShares = 3;
  for (int i = 0; i < 20; ++i) create("lease-" + std::to_string(i));
  std::vector<Lease> together;
  for (std::uint32_t share = 0; share < kShares; ++share) {
    const auto part = scan({share, kShares});
    EXPECT_LT(part.size(), 20u);
    together.insert(together.end(), part.begin(), part.end());
  }
  EXPECT_THAT(together, ::testing::UnorderedElementsAreArray(scan()));
}

TEST_P(LeaseStoreTest, LetsOneOfTwoTakersWin) {
  create();
  LeaseStore& other = backend_->open();
  auto [mine, theirs] =
      backend_->run_both(store_->write({.kind = Kind::kTake, .key = "a", .counter = 0, .owner = "me"}, kNoDeadline),
                         other.write({.kind = Kind::kTake, .key = "a", .counter = 0, .owner = "you"}, kNoDeadline));
  ASSERT_TRUE(mine && theirs);
  EXPECT_THAT((std::vector{*mine, *theirs}), UnorderedElementsAre(Outcome::kDone, Outcome::kConflict));
  EXPECT_EQ(look()->owner, *mine == Outcome::kDone ? "me" : "you");
  EXPECT_EQ(look()->counter, 1u);
}

TEST_P(LeaseStoreTest, CountsWhatItAsks) {
  create();
  scan();
  look();
  EXPECT_EQ(store_->statistics().requests, 3u);
}

/// A write that is often possible and often not.
LeaseWrite random_write(Random& random) {
  constexpr const char* kNames[] = {"", "me", "you"};
  constexpr const char* kCheckpoints[] = {"1", "2", "SHARD_END"};
  LeaseWrite write{.kind = static_cast<Kind>(random.below(8)),
                   .key = std::string(1, static_cast<char>('a' + random.below(2))),
                   .counter = random.below(4),
                   .owner = kNames[random.below(3)],
                   .from = kNames[random.below(3)]};
  if (random.chance(0.5) || write.kind == Kind::kCreate) write.checkpoint = kCheckpoints[random.below(3)];
  if (random.chance(0.3)) write.children = {"c1", "c2"};
  if (random.chance(0.3)) write.parents = {"p"};
  write.handing_over = random.chance(0.5);
  if (write.kind == Kind::kTake && write.owner.empty()) write.owner = "third";
  if (write.kind == Kind::kStartHandOver) {
    if (write.owner.empty()) write.owner = "third";
    if (write.from.empty()) write.from = "me";
  }
  return write;
}

TEST_P(LeaseStoreTest, AgreesWithTheRulesOnAnySequence) {
  if (of_node()) GTEST_SKIP() << "owners of finished leases and switches of owners are not kept there";
  Random random(7);
  std::map<std::string, Lease> model;
  int done = 0;
  for (int i = 0; i < 400; ++i) {
    LeaseWrite next = random_write(random);
    const auto at = model.find(next.key);
    // Counters only grow; to stay in reach of them is what makes conflicts and successes mix.
    if (at != model.end() && random.chance(0.7)) next.counter = at->second.counter;
    const auto expected = apply_write(next, at == model.end() ? std::nullopt : std::optional(at->second));
    ASSERT_EQ(write(next), expected ? Outcome::kDone : Outcome::kConflict) << "write " << i;
    if (!expected) continue;
    ++done;
    if (expected->lease) {
      model.insert_or_assign(next.key, *expected->lease);
    } else {
      model.erase(next.key);
    }
    const auto row = look(next.key);
    ASSERT_EQ(row, expected->lease) << "write " << i << " of kind " << static_cast<int>(next.kind);
  }
  EXPECT_GT(done, 100);
  EXPECT_LT(done, 350);
}

INSTANTIATE_TEST_SUITE_P(Stores, LeaseStoreTest, ::testing::ValuesIn(backend_names()),
                         [](const auto& name) { return std::string(name.param); });

}  // namespace
}  // namespace dynamirror::coordination
