// SPDX-License-Identifier: Apache-2.0
//
// Goal: what each table does about a write, a deletion, an expiry, an adopted item, and what it reports of it.
// Method: tables written by hand; works done whole, or up to a step with something else in between. The orders that
// nobody thinks of are tests/sim/multimaster_simulation.hpp's.
#include "multimaster/key_work.hpp"

#include <gtest/gtest.h>

#include "unit/multimaster/fleet.hpp"

namespace dynamirror::multimaster {
namespace {

using test::content;
using test::Fleet;
using test::stamped;
using test::state;
using test::updated;
using test::version;
using Step = KeyWork::Step;

TEST(KeyWork, AWriteIsGivenItsVersionAndSent) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  const KeyWork work = tables.finished(0, tables.local(0, 1, 0));
  EXPECT_EQ(work.step(), Step::kDone);
  EXPECT_EQ(work.rule(), "");
  EXPECT_TRUE(work.holds_own_version());
  EXPECT_EQ(tables.version_of(0), version(7, 1, "a"));
  ASSERT_TRUE(work.sent_on());
  EXPECT_EQ(work.sent_on()->version, version(7, 1, "a"));
  EXPECT_EQ(work.sent_on()->content, content(1));
  const KeyWork there = tables.finished(1, tables.remote(*work.sent_on()));
  EXPECT_EQ(there.rule(), "");
  EXPECT_TRUE(there.holds_own_version());
  EXPECT_TRUE(tables.all_hold(1));
  EXPECT_FALSE(there.conflict());
}

TEST(KeyWork, OfTwoWritesTheLaterByTimeWinsWhicheverTableItWasMadeIn) {
  for (const std::size_t later : {std::size_t{0}, std::size_t{1}}) {
    Fleet tables(2);
    tables.put(1 - later, 1, 7);
    tables.put(later, 2, 8);
    ASSERT_TRUE(tables.settle());
    EXPECT_TRUE(tables.all_hold(2));
    EXPECT_EQ(tables.version_of(0), version(8, 1, tables.table(later).origin()));
  }
}

TEST(KeyWork, AWriteOnTopOfALaterVersionIsRaisedAboveIt) {
  Fleet tables(2);
  tables.put(0, 1, 20);  // by a clock that is ahead
  ASSERT_TRUE(tables.settle());
  tables.update(1, 2, 7);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(2));
  EXPECT_EQ(tables.version_of(0)->time(), 20'000'001);
  EXPECT_TRUE(tables.conflicts().empty());
}

TEST(KeyWork, AWriteAfterADeletionOfALaterVersionIsRaisedAboveItToo) {
  Fleet tables(2);
  tables.put(0, 1, 20);
  ASSERT_TRUE(tables.settle());
  tables.remove(1, 7);
  tables.put(1, 2, 7);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(2));
  tables.remove(1, 8);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(0));
}

TEST(KeyWork, ALocalDeletionAndAnInsertOfTheSameSecondStandInTheOrderOfTheStream) {
  Fleet tables(3);
  tables.put(0, 1, 7);
  ASSERT_TRUE(tables.settle());
  tables.remove(0, 8);
  tables.put(0, 2, 8);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(2));
  tables.remove(0, 8);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(0));
}

TEST(KeyWork, AnInsertThatIsThereWhenItsTablesDeletionIsWorkedOnStays) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  ASSERT_TRUE(tables.settle());
  const std::size_t deletion = tables.table(0).stream().size();
  tables.remove(0, 8);
  tables.put(0, 2, 8);
  KeyWork work = tables.finished(0, tables.local(0, 1, deletion));
  EXPECT_EQ(work.step(), Step::kDone);
  EXPECT_EQ(tables.id(0), 2);
  ASSERT_TRUE(work.sent_on());
  EXPECT_EQ(work.sent_on()->content, std::nullopt);
}

TEST(KeyWork, ADeletionThatIsWorkedOnAgainLaterKeepsItsVersion) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  ASSERT_TRUE(tables.settle());
  const std::size_t deletion = tables.table(0).stream().size();
  tables.remove(0, 8);
  tables.put(0, 3, 9);
  ASSERT_TRUE(tables.settle());
  tables.remove(0, 9);
  tables.put(1, 5, 30);
  ASSERT_TRUE(tables.settle());
  tables.update(0, 6, 10);  // has no version yet, and keeps that of the write before it
  const KeyWork again = tables.finished(0, tables.local(0, 1, deletion));
  EXPECT_EQ(again.step(), Step::kDone);
  EXPECT_LT(tables.tombstone(0)->version, version(10, 0, "a"));
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(6));
}

TEST(KeyWork, AnotherTablesWriteWaitsForALocalOneThatHasNoVersion) {
  Fleet tables(2);
  tables.put(1, 2, 7);
  KeyWork put = tables.finished(1, tables.remote({.version = version(9, 1, "a"), .content = content(1)}));
  EXPECT_EQ(put.step(), Step::kWait);
  KeyWork deletion = tables.finished(1, tables.remote({.version = version(9, 1, "a")}));
  EXPECT_EQ(deletion.step(), Step::kWait);
  EXPECT_EQ(tables.table(1).item("k0"), content(2));
}

TEST(KeyWork, AnItemThatKeepsChangingIsLeftForLater) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  KeyWork work = tables.local(0, 1, 0);
  for (int i = 0; i < 100 && work.step() != Step::kTryAgain; ++i) {
    tables.advance(0, work, Step::kWriteItem);
    work.written(false);
  }
  EXPECT_EQ(work.step(), Step::kTryAgain);
}

TEST(KeyWork, ADeletionBetweenTheReadAndThePutIsSeen) {
  Fleet tables(2);
  KeyWork put = tables.remote({.version = version(7, 1, "a"), .content = content(1)});
  tables.advance(1, put, Step::kWriteItem);
  const KeyWork deletion = tables.finished(1, tables.remote({.version = version(8, 2, "a")}));
  EXPECT_EQ(deletion.step(), Step::kDone);
  tables.finish(1, put);
  ASSERT_TRUE(tables.settle());
  EXPECT_EQ(tables.id(1), 0);
}

TEST(KeyWork, APutThatLandsAfterItsDeletionIsErasedByItsRecord) {
  Fleet tables(2);
  KeyWork put = tables.remote({.version = version(7, 1, "a"), .content = content(1)});
  tables.advance(1, put, Step::kWriteItem);
  (void)tables.finished(1, tables.remote({.version = version(8, 2, "a")}));
  tables.take_step(1, put);  // and its process is gone
  EXPECT_EQ(tables.id(1), 1);
  ASSERT_TRUE(tables.settle());
  EXPECT_EQ(tables.id(1), 0);
}

TEST(KeyWork, ALocalWriteThatAnOlderOneHasReplacedIsPutBack) {
  Fleet tables(2);
  tables.put(1, 2, 8);
  tables.write(1, stamped(1, version(7, 1, "a")), 8);  // a put that did not see it
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(2));
}

TEST(KeyWork, AnAttributeThatAnErasureDidNotSeeIsPutBack) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  ASSERT_TRUE(tables.settle());
  KeyWork deletion = tables.remote({.version = version(8, 9, "a"), .base = version(7, 1, "a")});
  tables.advance(1, deletion, Step::kWriteItem);
  tables.take_step(1, deletion);  // the mark
  tables.advance(1, deletion, Step::kWriteItem);
  tables.table(1).update("k0", 2, 9'000'000, true);
  tables.finish(1, deletion);
  EXPECT_EQ(tables.id(1), 0);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(2));
}

TEST(KeyWork, AnErasureThatGaveWayToALocalWriteLeavesItsFloor) {
  Fleet tables(2);
  tables.put(1, 1, 7);
  (void)tables.finished(1, tables.local(1, 0, 0));
  KeyWork erase = tables.remote({.version = version(90, 9, "a")});
  tables.finish(1, erase);
  ASSERT_EQ(tables.id(1), 0);
  model::Change put = tables.table(1).stream()[0];
  model::Change erasure = tables.table(1).stream().back();
  ASSERT_FALSE(combine(erasure, put));
  KeyWork work(LocalWork{.record = *read_record(put), .origin = "b", .topology = Topology::kMesh, .next = "a"});
  tables.finish(1, work);
  ASSERT_TRUE(tables.tombstone(1)->floor);
  EXPECT_EQ(tables.tombstone(1)->floor->version, version(90, 9, "a"));
  EXPECT_EQ(tables.tombstone(1)->floor->at, erasure.sequence());
  tables.put(1, 2, 8);
  const std::size_t place = tables.table(1).stream().size() - 1;
  (void)tables.finished(1, tables.local(1, 0, place));
  EXPECT_EQ(tables.id(1), 2);
  EXPECT_EQ(tables.version_of(1)->time(), 90'000'001);
}

// ---- time to live

TEST(KeyWork, AnExpiryIsNotSentAndWhatExpiredDoesNotComeBack) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  ASSERT_TRUE(tables.settle());
  const std::size_t expiry = tables.table(0).stream().size();
  tables.expire(0, 9);
  const KeyWork work = tables.finished(0, tables.local(0, 1, expiry));
  EXPECT_EQ(work.step(), Step::kDone);
  EXPECT_EQ(work.rule(), "time to live");
  EXPECT_FALSE(work.sent_on());
  EXPECT_EQ(tables.id(1), 1) << "the other table has a time to live of its own";
  EXPECT_EQ(tables.tombstone(0)->version, version(7, 1, "a"));
  const KeyWork again = tables.finished(0, tables.remote({.version = version(7, 1, "a"), .content = content(1)}));
  EXPECT_EQ(again.rule(), "newer deletion");
  EXPECT_FALSE(again.conflict());
  EXPECT_EQ(tables.id(0), 0);
}

TEST(KeyWork, AWriteThatIsNewerThanWhatExpiredIsPut) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  ASSERT_TRUE(tables.settle());
  tables.expire(0, 9);
  tables.update(1, 2, 8);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(2));
}

TEST(KeyWork, AnExpiryOfAnItemWithoutAVersionDeletesItElsewhereByItsPut) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  tables.expire(0, 9);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(0));
}

// ---- adopted items

TEST(KeyWork, AnAdoptedItemLosesAgainstEveryWrite) {
  Fleet tables(2);
  tables.table(0).fill("k0", 1);
  KeyWork work(AdoptWork{.rank = 2, .content = state(content(1)).content});
  tables.finish(0, work);
  ASSERT_TRUE(work.sent_on());
  EXPECT_TRUE(tables.version_of(0)->is_adopted());
  tables.put(1, 2, 1);
  EXPECT_EQ(tables.finished(1, tables.remote(*work.sent_on())).step(), Step::kWait);
  ASSERT_TRUE(tables.settle());
  EXPECT_EQ(tables.finished(1, tables.remote(*work.sent_on())).rule(), "newer version");
  EXPECT_TRUE(tables.all_hold(2));
}

TEST(KeyWork, AnItemThatWasWrittenSinceItWasReadIsNotAdopted) {
  Fleet tables(2);
  tables.put(0, 2, 7);
  KeyWork work(AdoptWork{.rank = 2, .content = state(content(1)).content});
  tables.finish(0, work);
  EXPECT_EQ(work.rule(), "newer write");
  EXPECT_FALSE(work.sent_on());
  EXPECT_EQ(tables.version_of(0), std::nullopt);
}

TEST(KeyWork, AnItemWhoseRecordWasLostGetsAVersionAboveTheOneThatItHad) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  ASSERT_TRUE(tables.settle());
  tables.update(0, 2, 9);  // and nobody reads the record
  const auto before = *tables.version_of(0);
  KeyWork work(AdoptWork{.rank = 1, .content = state(content(2)).content});
  tables.finish(0, work);
  ASSERT_TRUE(work.sent_on());
  EXPECT_GT(work.sent_on()->version, before);
  EXPECT_EQ(work.sent_on()->base, before);
  EXPECT_LT(work.sent_on()->version, version(8, 0, "b")) << "a write elsewhere since then wins";
}

TEST(KeyWork, OfTwoAdoptedItemsTheOneOfTheHigherRankWins) {
  Fleet tables(2);
  tables.table(0).fill("k0", 1);
  tables.table(1).fill("k0", 2);
  KeyWork first(AdoptWork{.rank = 2, .content = state(content(1)).content});
  KeyWork second(AdoptWork{.rank = 1, .content = state(content(2)).content});
  tables.finish(0, first);
  tables.finish(1, second);
  (void)tables.finished(1, tables.remote(*first.sent_on()));
  const KeyWork lost = tables.finished(0, tables.remote(*second.sent_on()));
  EXPECT_TRUE(tables.all_hold(1));
  ASSERT_TRUE(lost.conflict());
  EXPECT_EQ(kind_of(*lost.conflict()), "insert/insert");
}

// ---- rings

TEST(KeyWork, ARingBringsWritesAndDeletionsToAllTables) {
  Fleet tables(3, Topology::kRing);
  tables.put(0, 1, 7);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(1));
  tables.update(2, 2, 8);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(2));
  tables.remove(1, 9);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(0));
}

TEST(KeyWork, ARingBringsADeletionPastATableThatNeverHadTheItem) {
  Fleet tables(3, Topology::kRing);
  tables.put(2, 1, 7);
  while (tables.run_flow(2, 0)) continue;  // it has come to the first one alone
  tables.remove(0, 8);
  ASSERT_TRUE(tables.settle());
  EXPECT_TRUE(tables.all_hold(0));
}

// ---- conflicts

TEST(KeyWork, AConflictNamesBothWritesTheWinnerFirst) {
  Fleet tables(2);
  tables.put(0, 1, 7);
  tables.put(1, 2, 8);
  ASSERT_TRUE(tables.settle());
  ASSERT_FALSE(tables.conflicts().empty());
  const Conflict& inserts = tables.conflicts().front();
  EXPECT_EQ(kind_of(inserts), "insert/insert");
  EXPECT_EQ(inserts.winner, version(8, 1, "b"));
  EXPECT_EQ(inserts.loser, version(7, 1, "a"));
  EXPECT_EQ(without_marks(inserts.winner_image), content(2));
  EXPECT_EQ(without_marks(inserts.loser_image), content(1));
}

TEST(KeyWork, ConflictsHaveTheseKinds) {
  const auto kind = [](bool loser_deletes, bool winner_deletes) -> std::string {
    Fleet tables(2);
    tables.put(0, 1, 7);
    if (!tables.settle()) return "no rest";
    loser_deletes ? tables.remove(0, 8) : tables.update(0, 2, 8);
    winner_deletes ? tables.remove(1, 9) : tables.update(1, 3, 9);
    if (!tables.settle() || !tables.all_hold(winner_deletes ? 0 : 3)) return "not equal";
    return tables.conflicts().empty() ? "none" : std::string(kind_of(tables.conflicts().front()));
  };
  EXPECT_EQ(kind(false, false), "update/update");
  EXPECT_EQ(kind(true, false), "update/delete");
  EXPECT_EQ(kind(false, true), "delete/update");
  EXPECT_EQ(kind(true, true), "none") << "two deletions agree";
}

}  // namespace
}  // namespace dynamirror::multimaster
