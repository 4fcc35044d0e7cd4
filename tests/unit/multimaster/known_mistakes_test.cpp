// SPDX-License-Identifier: Apache-2.0
//
// Goal: what systems that keep tables in step have done wrong in the field is not done here: deletions that lost their
// tombstone, ties that nobody wins, repairs that turn the order of writes round, conflicts that are none, applications
// that write our attributes. Method: each case by hand, until the tables rest.
#include <gtest/gtest.h>

#include "unit/multimaster/fleet.hpp"

namespace dynamirror::multimaster {
namespace {

using test::content;
using test::Fleet;
using test::stamped;
using test::updated;
using test::version;
using Step = KeyWork::Step;

TEST(KnownMistake, AStaleWriteThatArrivesAfterItsDeletionRevivesNothing) {
  Fleet tables(3);
  tables.put(0, 1, 7);
  const KeyWork sent = tables.finished(0, tables.local(0, 2, 0));
  ASSERT_TRUE(tables.settle());
  tables.remove(1, 8);
  ASSERT_TRUE(tables.settle());
  const std::size_t before = tables.records();
  EXPECT_EQ(tables.finished(2, tables.remote(*sent.sent_on())).rule(), "newer deletion");
  tables.replay();
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(0));
  EXPECT_EQ(tables.records(), before);
  for (std::size_t t = 0; t < 3; ++t) {
    ASSERT_TRUE(tables.tombstone(t)) << "each table keeps one of its own, also the one that got the deletion";
    EXPECT_EQ(tables.tombstone(t)->version, tables.tombstone(1)->version);
  }
}

TEST(KnownMistake, AnItemDeletedOnTwoSidesHasTheLaterDeletionsVersionEverywhere) {
  Fleet tables(3);
  tables.put(0, 1, 7);
  ASSERT_TRUE(tables.settle());
  tables.remove(0, 8);
  tables.remove(1, 10);
  ASSERT_TRUE(tables.settle());
  for (std::size_t t = 0; t < 3; ++t) {
    ASSERT_TRUE(tables.tombstone(t));
    EXPECT_EQ(tables.tombstone(t)->version.time(), 10'000'000) << t;
  }
  // A write between the two deletions is dead in every table, also where the earlier one was made.
  tables.put(2, 2, 9);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(tables.id(0)));
}

TEST(KnownMistake, AWriteBetweenTwoDeletionsIsDeadInEveryTable) {
  for (std::size_t t = 0; t < 3; ++t) {
    Fleet tables(3);
    tables.put(0, 1, 7);
    ASSERT_TRUE(tables.settle());
    tables.remove(0, 8);
    tables.remove(1, 10);
    ASSERT_TRUE(tables.settle());
    const KeyWork late = tables.finished(t, tables.remote({.version = version(9, 1, "z"), .content = content(5)}));
    EXPECT_EQ(late.rule(), "newer deletion") << t;
    EXPECT_EQ(tables.id(t), 0) << t;
  }
}

TEST(KnownMistake, ADeletionThatComesAgainWritesNothingAndLeavesALaterItem) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  ASSERT_TRUE(tables.settle());
  const std::size_t deletion = tables.table(0).stream().size();
  tables.remove(0, 8);
  ASSERT_TRUE(tables.settle());
  const Message message = *tables.finished(0, tables.local(0, 1, deletion)).sent_on();
  const std::size_t before = tables.records();
  EXPECT_EQ(tables.finished(1, tables.remote(message)).rule(), "already there");
  EXPECT_EQ(tables.records(), before);
  tables.put(1, 2, 9);
  EXPECT_EQ(tables.finished(1, tables.remote(message)).step(), Step::kWait) << "the item has no version yet";
  ASSERT_TRUE(tables.settle());
  const KeyWork again = tables.finished(1, tables.remote(message));
  EXPECT_EQ(again.rule(), "newer version");
  EXPECT_TRUE(tables.all_hold(2));
}

TEST(KnownMistake, ATieIsWonByOneSideAndItIsTheSameOneEverywhere) {
  Fleet tables(3);
  tables.put(0, 1, 7);  // both the first record of their streams, in one second
  tables.put(1, 2, 7);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(2)) << "the origin decides";
}

TEST(KnownMistake, AReplayLosesAgainstItsEqualAndWritesNothing) {
  for (const Topology topology : {Topology::kMesh, Topology::kRing}) {
    Fleet tables(3, topology);
    tables.put(0, 1, 7);
    tables.update(0, 2, 7);
    ASSERT_TRUE(tables.settle());
    tables.put(1, 3, 9);
    tables.remove(2, 9);
    ASSERT_TRUE(tables.settle());
    tables.put(2, 4, 10);
    ASSERT_TRUE(tables.settle());
    const std::size_t before = tables.records();
    const Version latest = *tables.version_of(0);
    const KeyWork equal = tables.finished(1, tables.remote({.version = latest, .content = content(4)}));
    EXPECT_EQ(equal.rule(), "already there");
    EXPECT_TRUE(equal.holds_own_version());
    tables.replay();
    ASSERT_TRUE(tables.settle());
    EXPECT_EQ(tables.records(), before);
    EXPECT_TRUE(tables.all_hold(4));
    EXPECT_EQ(tables.version_of(1), latest);
  }
}

TEST(KnownMistake, AnItemThatIsRestoredWithAnOldVersionIsANewWrite) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  ASSERT_TRUE(tables.settle());
  const std::string backup = *tables.table(0).item("k0");
  tables.update(1, 2, 9);
  ASSERT_TRUE(tables.settle());
  tables.write(0, backup, 11);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(1));
  EXPECT_GT(*tables.version_of(1), version(11, 0, "a")) << "its place is when it was restored, not when it was saved";
  tables.update(1, 3, 10);  // by a clock that is behind
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(3));
}

TEST(KnownMistake, AnInitialLoadDoesNotWinOverAWrite) {
  Fleet tables(2);
  tables.table(0).fill("k0", 1);
  KeyWork load(AdoptWork{.rank = 2, .content = test::state(content(1)).content});
  tables.finish(0, load);
  tables.put(1, 2, 1);
  ASSERT_TRUE(tables.settle());
  EXPECT_EQ(tables.finished(1, tables.remote(*load.sent_on())).rule(), "newer version");
  EXPECT_TRUE(tables.all_hold(2));
}

TEST(KnownMistake, WritesOfOneTableAreNoConflicts) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  tables.update(0, 2, 7);
  ASSERT_TRUE(tables.settle());
  tables.put(0, 3, 8);
  tables.put(0, 4, 8);
  ASSERT_TRUE(tables.settle());
  tables.remove(0, 8);
  tables.put(0, 5, 8);
  tables.update(0, 6, 9);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(6));
  tables.replay();
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.conflicts().empty()) << kind_of(tables.conflicts().front());
}

TEST(KnownMistake, OriginsAreComparedWhole) {
  const Version first = version(7, 1, "orders-eu-west-1");
  const Version second = version(7, 1, "orders-eu-west-2");
  Fleet tables(2);
  (void)tables.finished(0, tables.remote({.version = first, .content = content(1)}));
  (void)tables.finished(0, tables.remote({.version = second, .content = content(2)}));
  (void)tables.finished(1, tables.remote({.version = second, .content = content(2)}));
  (void)tables.finished(1, tables.remote({.version = first, .content = content(1)}));
  EXPECT_TRUE(tables.all_hold(2));
}

TEST(KnownMistake, AnApplicationThatBreaksOurAttributesHasWritten) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  ASSERT_TRUE(tables.settle());
  const std::string clean = *tables.table(1).item("k0");
  std::string no_version = clean;
  no_version.replace(no_version.find("_repl_version"), 13, "_repl_verbion");
  tables.write(1, no_version, 9);
  ASSERT_TRUE(tables.settle());
  EXPECT_EQ(tables.version_of(0), tables.version_of(1));
  EXPECT_GT(*tables.version_of(0), version(9, 0, "b"));
  std::string broken_hash = *tables.table(1).item("k0");
  broken_hash.replace(broken_hash.find(R"("_repl_hash":{"S":"1)") + 19, 1, "x");
  tables.write(1, broken_hash, 10);
  ASSERT_TRUE(tables.settle());
  ASSERT_TRUE(tables.item(1));
  EXPECT_TRUE(tables.item(1)->clean());
  EXPECT_EQ(tables.version_of(0), tables.version_of(1));
}

TEST(KnownMistake, AnApplicationThatInventsAVersionOrAMarkIsOutdoneByTheNextWrite) {
  Fleet tables(2);
  tables.write(0, with_marks(content(1), {.version = version(5'000, 1, "x"), .deleted = true}), 7);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(1)) << "a mark without its hash is no mark of ours";
  tables.update(1, 2, 8);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(2));
}

TEST(KnownMistake, AnItemDeletedBetweenMarkAndErasureIsDeletedOnce) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  ASSERT_TRUE(tables.settle());
  tables.remove(0, 8);
  const std::size_t deletion = tables.table(0).stream().size() - 1;
  const Message message = *tables.finished(0, tables.local(0, 1, deletion)).sent_on();
  KeyWork work = tables.remote(message);
  tables.advance(1, work, Step::kWriteItem);
  tables.take_step(1, work);
  ASSERT_TRUE(tables.item(1)->deleted);
  tables.remove(1, 9);
  tables.finish(1, work);
  EXPECT_EQ(work.step(), Step::kDone);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(0));
}

TEST(KnownMistake, AnItemUpdatedOrPutBetweenMarkAndErasureStays) {
  for (const bool update : {true, false}) {
    Fleet tables(2);
    tables.put(0, 1, 7);
    ASSERT_TRUE(tables.settle());
    const std::size_t deletion = tables.table(0).stream().size();
    tables.remove(0, 8);
    KeyWork work = tables.remote(*tables.finished(0, tables.local(0, 1, deletion)).sent_on());
    tables.advance(1, work, Step::kWriteItem);
    tables.take_step(1, work);
    ASSERT_TRUE(tables.item(1)->deleted);
    update ? tables.update(1, 2, 9) : tables.put(1, 2, 9);
    tables.finish(1, work);
    EXPECT_EQ(work.step(), Step::kWait) << "for the version of that write";
    ASSERT_TRUE(tables.settle());
    EXPECT_TRUE(tables.all_hold(2));
  }
}

}  // namespace
}  // namespace dynamirror::multimaster
