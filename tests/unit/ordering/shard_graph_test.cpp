// SPDX-License-Identifier: Apache-2.0
//
// Goal: no shard is read before its parent is done, none is skipped, and no listing, however poor, makes us believe
// what it does not say. Method: each rule on a small lineage; lines of text stand for what the graph answers:
// "P:TRIM_HORIZON".
#include "ordering/shard_graph.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "unit/ordering/values.hpp"

namespace dynamirror::ordering {
namespace {

using model::AfterSequence;
using model::Latest;
using model::ShardEnd;
using model::TrimHorizon;
using test::closed_shard;
using test::open_shard;
using test::row;
using test::seq;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr auto kTrimHorizon = ShardGraph::InitialPosition::kTrimHorizon;
constexpr auto kLatest = ShardGraph::InitialPosition::kLatest;

using Lines = std::vector<std::string>;
using Listing = std::vector<model::Shard>;

Lines new_rows(ShardGraph& graph) {
  Lines lines;
  for (const auto& row : graph.take_new_rows()) lines.push_back(row.shard.str() + ":" + to_string(row.checkpoint));
  std::sort(lines.begin(), lines.end());
  return lines;
}

Lines readable(ShardGraph& graph) {
  Lines lines;
  for (const auto& one : graph.take_readable()) lines.push_back(one.shard.str() + ":" + to_string(one.from));
  return lines;
}

Lines ids(const std::vector<ShardId>& shards) {
  Lines lines;
  for (const auto& shard : shards) lines.push_back(shard.str());
  return lines;
}

/// What the job does after a complete listing; the caller of this one does not look at the rows.
Lines listed(ShardGraph& graph, const Listing& listing) {
  graph.observe(listing, true);
  (void)graph.take_new_rows();
  return readable(graph);
}

void finish(ShardGraph& graph, const std::string& shard) { graph.finished(ShardId(shard)); }

// ---- the first listing

TEST(ShardGraphFirstListing, AtTrimHorizonTakesAllAndChildrenWaitForTheirParent) {
  ShardGraph graph(kTrimHorizon, {});
  graph.observe(Listing{open_shard("C2", "P"), closed_shard("P"), open_shard("C1", "P")}, true);
  EXPECT_THAT(new_rows(graph), ElementsAre("C1:TRIM_HORIZON", "C2:TRIM_HORIZON", "P:TRIM_HORIZON"));
  EXPECT_THAT(readable(graph), ElementsAre("P:TRIM_HORIZON"));
  EXPECT_THAT(readable(graph), IsEmpty()) << "given out once";
  finish(graph, "P");
  EXPECT_THAT(readable(graph), ElementsAre("C1:TRIM_HORIZON", "C2:TRIM_HORIZON"));
  EXPECT_EQ(graph.known(), 3u);
  EXPECT_EQ(graph.unfinished(), 2u);
}

TEST(ShardGraphFirstListing, AtLatestTakesOnlyTheOpenShardsWithoutTheirAncestors) {
  ShardGraph graph(kLatest, {});
  const Listing listing{closed_shard("G"), closed_shard("P", "G"), open_shard("C1", "P"), open_shard("C2", "P")};
  graph.observe(listing, true);
  EXPECT_THAT(new_rows(graph), ElementsAre("C1:LATEST", "C2:LATEST"));
  EXPECT_THAT(readable(graph), ElementsAre("C1:LATEST", "C2:LATEST"));
  EXPECT_THAT(listed(graph, listing), IsEmpty()) << "the ancestors stay skipped";
  EXPECT_EQ(graph.known(), 2u);
}

TEST(ShardGraphFirstListing, AtLatestNothingIsDecidedBeforeTheListingIsComplete) {
  ShardGraph graph(kLatest, {});
  graph.observe(Listing{open_shard("P")}, false);
  EXPECT_THAT(new_rows(graph), IsEmpty());
  EXPECT_TRUE(graph.wants_listing());
  graph.observe(Listing{open_shard("C", "P")}, true);
  EXPECT_THAT(new_rows(graph), ElementsAre("C:LATEST"));
}

TEST(ShardGraphFirstListing, AtLatestASecondListingDecidesWhenTheFirstNamesAParentThatItDoesNotShow) {
  ShardGraph graph(kLatest, {});
  const Listing middle_left_out{open_shard("A"), open_shard("C", "B")};
  EXPECT_THAT(listed(graph, middle_left_out), IsEmpty()) << "A and C may be two ends of one line";
  EXPECT_TRUE(graph.wants_listing());
  EXPECT_THAT(listed(graph, {closed_shard("A"), closed_shard("B", "A"), open_shard("C", "B")}),
              ElementsAre("C:LATEST"));

  ShardGraph trimmed(kLatest, {});
  EXPECT_THAT(listed(trimmed, middle_left_out), IsEmpty());
  EXPECT_THAT(listed(trimmed, middle_left_out), ElementsAre("A:LATEST", "C:LATEST")) << "B is trimmed";
}

TEST(ShardGraphFirstListing, AnOpenParentWithAListedChildCountsAsClosed) {
  ShardGraph latest(kLatest, {});
  EXPECT_THAT(listed(latest, {open_shard("P"), open_shard("C", "P")}), ElementsAre("C:LATEST"));
  ShardGraph horizon(kTrimHorizon, {});
  EXPECT_THAT(listed(horizon, {open_shard("P"), open_shard("C", "P")}), ElementsAre("P:TRIM_HORIZON"));
}

TEST(ShardGraphFirstListing, ARowIsGivenOnceAndAShardOnlyAfterItsRow) {
  ShardGraph graph(kTrimHorizon, {});
  graph.observe(Listing{open_shard("A")}, true);
  EXPECT_THAT(readable(graph), IsEmpty()) << "its row cannot be durable yet";
  EXPECT_THAT(new_rows(graph), ElementsAre("A:TRIM_HORIZON"));
  graph.observe(Listing{open_shard("A")}, true);
  EXPECT_THAT(new_rows(graph), IsEmpty());
  EXPECT_THAT(readable(graph), ElementsAre("A:TRIM_HORIZON"));
}

TEST(ShardGraphFirstListing, RowsNameTheParents) {
  ShardGraph graph(kTrimHorizon, {});
  graph.observe(Listing{closed_shard("P"), open_shard("C", "P")}, true);
  EXPECT_THAT(graph.take_new_rows(), UnorderedElementsAre(row("P", TrimHorizon{}), row("C", TrimHorizon{}, "P")));
}

TEST(ShardGraphFirstListing, ShardsComeInTheOrderOfTheirAge) {
  ShardGraph graph(kTrimHorizon, {});
  const Listing listing{open_shard("shardId-00000002000000000000-b"), open_shard("shardId-00000001000000000000-c"),
                        open_shard("shardId-00000001500000000000-a")};
  EXPECT_THAT(listed(graph, listing),
              ElementsAre("shardId-00000001000000000000-c:TRIM_HORIZON", "shardId-00000001500000000000-a:TRIM_HORIZON",
                          "shardId-00000002000000000000-b:TRIM_HORIZON"));
}

// ---- later listings

TEST(ShardGraphLineage, ChildrenOfAKnownShardStartAtTrimHorizonWhateverTheInitialPosition) {
  ShardGraph graph(kLatest, {});
  (void)listed(graph, {open_shard("P")});
  graph.observe(Listing{open_shard("C", "P")}, false);
  EXPECT_THAT(new_rows(graph), ElementsAre("C:TRIM_HORIZON")) << "even from a partial listing";
  graph.observe(Listing{open_shard("E", "D"), closed_shard("D", "C")}, false);
  EXPECT_THAT(new_rows(graph), ElementsAre("D:TRIM_HORIZON", "E:TRIM_HORIZON")) << "and theirs";
  EXPECT_THAT(readable(graph), IsEmpty());
  finish(graph, "P");
  EXPECT_THAT(readable(graph), ElementsAre("C:TRIM_HORIZON"));
}

TEST(ShardGraphLineage, GenerationsThatCameAndWentUnseenAreTakenInTheirOrder) {
  ShardGraph graph(kLatest, {});
  (void)listed(graph, {open_shard("A")});
  EXPECT_THAT(listed(graph, {open_shard("D", "C"), closed_shard("C", "B"), closed_shard("B", "A"), closed_shard("A")}),
              IsEmpty());
  for (const char* next : {"A", "B", "C"}) {
    finish(graph, next);
    ASSERT_THAT(readable(graph), ElementsAre(std::string(1, static_cast<char>(next[0] + 1)) + ":TRIM_HORIZON"));
  }
}

TEST(ShardGraphLineage, AfterTheStartNewShardsWithoutKnownAncestorsStartAtTrimHorizon) {
  ShardGraph graph(kLatest, {});
  (void)listed(graph, {open_shard("A")});
  graph.observe(Listing{open_shard("A"), open_shard("Z")}, false);
  EXPECT_THAT(new_rows(graph), IsEmpty()) << "a part of a listing may show an ancestor without what lies between";
  graph.observe(Listing{}, true);
  EXPECT_THAT(new_rows(graph), ElementsAre("Z:TRIM_HORIZON"));
}

TEST(ShardGraphLineage, AStreamThatHadNoShardsAtLatestIsReadFromItsBeginning) {
  ShardGraph graph(kLatest, {});
  EXPECT_THAT(listed(graph, {}), IsEmpty());
  EXPECT_THAT(listed(graph, {open_shard("A")}), ElementsAre("A:TRIM_HORIZON"));
}

TEST(ShardGraphLineage, AParentOnALaterPageHoldsItsChildBack) {
  ShardGraph graph(kTrimHorizon, {});
  graph.observe(Listing{open_shard("C", "P")}, false);
  EXPECT_THAT(new_rows(graph), ElementsAre("C:TRIM_HORIZON"));
  EXPECT_THAT(readable(graph), IsEmpty());
  EXPECT_THAT(listed(graph, {closed_shard("P")}), ElementsAre("P:TRIM_HORIZON"));
}

TEST(ShardGraphLineage, AParentAbsentFromTwoCompleteListingsInARowIsTrimmed) {
  ShardGraph graph(kTrimHorizon, {});
  const Listing listing{open_shard("C", "P")};
  EXPECT_THAT(listed(graph, listing), IsEmpty());
  EXPECT_TRUE(graph.wants_listing()) << "one absence proves nothing";
  graph.observe(listing, false);
  graph.observe(listing, false);
  EXPECT_THAT(readable(graph), IsEmpty()) << "partial listings prove nothing";
  EXPECT_THAT(listed(graph, listing), ElementsAre("C:TRIM_HORIZON"));
  EXPECT_FALSE(graph.wants_listing());
}

TEST(ShardGraphLineage, AStaleListingFromBeforeTheFamilyWasBornSaysNothingOfTheParent) {
  ShardGraph graph(kTrimHorizon, {});
  EXPECT_THAT(listed(graph, {open_shard("C", "P")}), IsEmpty());
  EXPECT_THAT(listed(graph, {}), IsEmpty()) << "stale: shows neither";
  EXPECT_THAT(listed(graph, {closed_shard("P"), open_shard("C", "P")}), ElementsAre("P:TRIM_HORIZON"));
}

TEST(ShardGraphLineage, AShardThatIsGoneItselfDoesNotWaitForItsParentForEver) {
  ShardGraph graph(kTrimHorizon, {row("C", TrimHorizon{}, "P")});
  for (int i = 0; i < 3; ++i) EXPECT_THAT(listed(graph, {}), IsEmpty());
  EXPECT_THAT(listed(graph, {}), ElementsAre("C:TRIM_HORIZON")) << "its reader will say what is left of it";
}

TEST(ShardGraphLineage, AParentThatOneListingLeftOutIsStillReadFirst) {
  ShardGraph graph(kTrimHorizon, {});
  EXPECT_THAT(listed(graph, {open_shard("C", "P")}), IsEmpty());
  EXPECT_THAT(listed(graph, {closed_shard("P"), open_shard("C", "P")}), ElementsAre("P:TRIM_HORIZON"));
  EXPECT_THAT(listed(graph, {open_shard("C", "P")}), IsEmpty());
  EXPECT_THAT(listed(graph, {open_shard("C", "P")}), IsEmpty()) << "a parent that we are reading is not trimmed";
  finish(graph, "P");
  EXPECT_THAT(readable(graph), ElementsAre("C:TRIM_HORIZON"));
}

TEST(ShardGraphLineage, AnAncestorThatTurnsUpAfterItsDescendantStartedIsLeftAlone) {
  ShardGraph graph(kTrimHorizon, {});
  const Listing without{open_shard("C", "P")};
  (void)listed(graph, without);
  EXPECT_THAT(listed(graph, without), ElementsAre("C:TRIM_HORIZON"));
  EXPECT_THAT(listed(graph, {closed_shard("G"), closed_shard("P", "G"), open_shard("C", "P")}), IsEmpty());
  EXPECT_THAT(new_rows(graph), IsEmpty());
  EXPECT_EQ(graph.known(), 1u);
}

TEST(ShardGraphLineage, AMergedShardWaitsForBothParents) {
  model::ShardCheckpoint merged = row("C", TrimHorizon{}, "A");
  merged.parents.push_back(ShardId("B"));
  ShardGraph graph(kTrimHorizon, {row("A", TrimHorizon{}), row("B", TrimHorizon{}), merged});
  EXPECT_THAT(readable(graph), ElementsAre("A:TRIM_HORIZON", "B:TRIM_HORIZON"));
  finish(graph, "A");
  EXPECT_THAT(readable(graph), IsEmpty());
  finish(graph, "B");
  EXPECT_THAT(readable(graph), ElementsAre("C:TRIM_HORIZON"));
}

// ---- readers

TEST(ShardGraphReaders, AReleasedShardIsTakenAgainFromItsLastCheckpoint) {
  ShardGraph graph(kTrimHorizon, {});
  (void)listed(graph, {open_shard("A")});
  graph.checkpointed(ShardId("A"), seq(17));
  EXPECT_THAT(readable(graph), IsEmpty());
  graph.released(ShardId("A"));
  EXPECT_THAT(readable(graph), ElementsAre("A:17"));
}

TEST(ShardGraphReaders, LatestIsGivenOutOnceForNothingSaysWhatCameMeanwhile) {
  ShardGraph graph(kLatest, {});
  EXPECT_THAT(listed(graph, {open_shard("A")}), ElementsAre("A:LATEST"));
  graph.released(ShardId("A"));
  EXPECT_THAT(readable(graph), ElementsAre("A:TRIM_HORIZON"));

  ShardGraph restarted(kLatest, {row("A", Latest{})});
  EXPECT_THAT(readable(restarted), ElementsAre("A:TRIM_HORIZON"));
}

TEST(ShardGraphReaders, ATrimmedPositionIsReadOnFromTrimHorizonOrEndsTheShard) {
  ShardGraph graph(kTrimHorizon, {row("A", AfterSequence{seq(5)}), row("B", TrimHorizon{}, "A")});
  EXPECT_THAT(readable(graph), ElementsAre("A:5"));
  graph.skip_trimmed(ShardId("A"), false);
  EXPECT_THAT(readable(graph), ElementsAre("A:TRIM_HORIZON"));
  graph.skip_trimmed(ShardId("A"), true);
  EXPECT_THAT(readable(graph), ElementsAre("B:TRIM_HORIZON"));
}

// ---- restart

TEST(ShardGraphRestart, GoesOnAtOnceFromItsRowsWithoutAnyListing) {
  ShardGraph graph(kLatest, {row("P", ShardEnd{}), row("C1", AfterSequence{seq(9)}, "P"), row("C2", TrimHorizon{}, "P"),
                             row("D", TrimHorizon{}, "C1")});
  EXPECT_THAT(readable(graph), ElementsAre("C1:9", "C2:TRIM_HORIZON"));
  EXPECT_THAT(new_rows(graph), IsEmpty());
  EXPECT_TRUE(graph.wants_listing());
}

TEST(ShardGraphRestart, AChildListedAfterACrashAtShardEndStartsAtTrimHorizon) {
  ShardGraph graph(kLatest, {row("P", ShardEnd{})});
  EXPECT_THAT(readable(graph), IsEmpty());
  EXPECT_THAT(listed(graph, {closed_shard("P"), open_shard("C", "P")}), ElementsAre("C:TRIM_HORIZON"));
}

TEST(ShardGraphRestart, AStartedShardDoesNotWaitForAParentWithoutRow) {
  ShardGraph graph(kTrimHorizon, {row("C", AfterSequence{seq(3)}, "P"), row("D", TrimHorizon{}, "Q")});
  EXPECT_THAT(readable(graph), ElementsAre("C:3")) << "D was never started: its parent may still turn up";
  const Listing listing{open_shard("C", "P"), open_shard("D", "Q")};
  EXPECT_THAT(listed(graph, listing), IsEmpty());
  EXPECT_THAT(listed(graph, listing), ElementsAre("D:TRIM_HORIZON"));
}

TEST(ShardGraphRestart, TheAncestorsThatAStartAtLatestSkippedStaySkipped) {
  ShardGraph graph(kLatest, {row("C", AfterSequence{seq(3)}, "P")});
  EXPECT_THAT(listed(graph, {closed_shard("G"), closed_shard("P", "G"), open_shard("C", "P"), open_shard("Z")}),
              ElementsAre("C:3", "Z:TRIM_HORIZON"));
}

TEST(ShardGraphRestart, AnAncestorWhoseLinkToUsOneListingLeftOutIsNotTakenForANewShard) {
  ShardGraph graph(kLatest, {row("C", AfterSequence{seq(3)}, "B")});
  EXPECT_THAT(listed(graph, {closed_shard("A"), open_shard("C", "B")}), ElementsAre("C:3"));
  EXPECT_TRUE(graph.wants_listing());
  EXPECT_THAT(listed(graph, {closed_shard("A"), closed_shard("B", "A"), open_shard("C", "B")}), IsEmpty());
  EXPECT_EQ(graph.known(), 1u);
}

TEST(ShardGraphRestart, RowsWithoutParentsLearnThemFromTheListing) {
  ShardGraph graph(kTrimHorizon, {row("P", TrimHorizon{}), row("C", TrimHorizon{})});
  graph.observe(Listing{open_shard("C", "P"), closed_shard("P")}, true);
  EXPECT_THAT(readable(graph), ElementsAre("P:TRIM_HORIZON"));
}

TEST(ShardGraphRestart, ShardsThatNoListingShowsAnyMoreAreNamed) {
  ShardGraph graph(kTrimHorizon, {row("A", AfterSequence{seq(5)}), row("B", TrimHorizon{}), row("E", ShardEnd{})});
  EXPECT_THAT(ids(graph.missing()), IsEmpty());
  graph.observe(Listing{open_shard("Z")}, true);
  EXPECT_THAT(ids(graph.missing()), IsEmpty()) << "one listing may be wrong";
  graph.observe(Listing{open_shard("Z")}, true);
  EXPECT_THAT(ids(graph.missing()), ElementsAre("A", "B"));
  graph.observe(Listing{open_shard("Z"), open_shard("B"), open_shard("A2", "A")}, true);
  EXPECT_THAT(ids(graph.missing()), IsEmpty()) << "B is back, and A goes on in its child";
}

// ---- when a listing is wanted, what may be forgotten

TEST(ShardGraphListings, AreWantedUntilOneIsCompleteAndWhenAShardEndsWithoutChildren) {
  ShardGraph graph(kTrimHorizon, {});
  EXPECT_TRUE(graph.wants_listing());
  graph.observe(Listing{open_shard("A")}, false);
  EXPECT_TRUE(graph.wants_listing());
  (void)listed(graph, {open_shard("A")});
  EXPECT_FALSE(graph.wants_listing());
  finish(graph, "A");
  EXPECT_TRUE(graph.wants_listing());
  (void)listed(graph, {closed_shard("A"), open_shard("B", "A")});
  EXPECT_FALSE(graph.wants_listing());
}

TEST(ShardGraphListings, AreWantedWhenAShardHasVanishedUntilItIsBackOrGone) {
  ShardGraph graph(kTrimHorizon, {});
  (void)listed(graph, {open_shard("A"), open_shard("B")});
  (void)listed(graph, {open_shard("A")});
  EXPECT_TRUE(graph.wants_listing());
  (void)listed(graph, {open_shard("A"), open_shard("B")});
  EXPECT_FALSE(graph.wants_listing());
  (void)listed(graph, {open_shard("A")});
  (void)listed(graph, {open_shard("A")});
  EXPECT_FALSE(graph.wants_listing());
}

TEST(ShardGraphForgetting, AFinishedShardIsForgottenOnceItIsGoneAndItsChildrenHaveMovedOn) {
  ShardGraph graph(kTrimHorizon, {});
  const Listing all{closed_shard("P"), open_shard("C1", "P"), open_shard("C2", "P")};
  const Listing rest{open_shard("C1", "P"), open_shard("C2", "P")};
  (void)listed(graph, all);
  finish(graph, "P");
  EXPECT_THAT(readable(graph), ElementsAre("C1:TRIM_HORIZON", "C2:TRIM_HORIZON"));
  graph.checkpointed(ShardId("C1"), seq(10));
  EXPECT_THAT(graph.take_forgettable(), IsEmpty()) << "still listed";
  (void)listed(graph, rest);
  (void)listed(graph, rest);
  EXPECT_THAT(graph.take_forgettable(), IsEmpty()) << "C2 would read P again, if P came back after a crash";
  graph.checkpointed(ShardId("C2"), seq(10));
  EXPECT_THAT(ids(graph.take_forgettable()), ElementsAre("P"));
  EXPECT_THAT(graph.take_forgettable(), IsEmpty());
  EXPECT_EQ(graph.known(), 2u);
  EXPECT_THAT(listed(graph, all), IsEmpty()) << "a stale listing does not bring it back";
}

TEST(ShardGraphForgetting, WaitsForTheRowOfTheLastChild) {
  ShardGraph graph(kTrimHorizon, {row("P", ShardEnd{}), row("C1", AfterSequence{seq(1)}, "P")});
  (void)listed(graph, {open_shard("C1", "P")});
  graph.observe(Listing{open_shard("C1", "P"), open_shard("C2", "P")}, true);
  EXPECT_THAT(graph.take_forgettable(), IsEmpty()) << "the row of C2 is not durable yet";
}

TEST(ShardGraphForgetting, KeepsAFinishedShardWithoutChildrenForItTellsOfTheStart) {
  ShardGraph graph(kTrimHorizon, {row("A", ShardEnd{})});
  for (int i = 0; i < 5; ++i) (void)listed(graph, {});
  EXPECT_THAT(graph.take_forgettable(), IsEmpty());
}

TEST(ShardGraphForgetting, TheOldestGoesFirst) {
  ShardGraph graph(kTrimHorizon, {row("A", ShardEnd{}), row("B", ShardEnd{}, "A"), row("C", ShardEnd{}, "B"),
                                  row("D", AfterSequence{seq(1)}, "C")});
  for (int i = 0; i < 2; ++i) (void)listed(graph, {open_shard("D", "C")});
  EXPECT_THAT(ids(graph.take_forgettable()), ElementsAre("A", "B", "C"));
}

TEST(ShardGraphForgetting, MemoryDoesNotGrowWithTheGenerationsThatCameAndWent) {
  ShardGraph graph(kTrimHorizon, {});
  const auto name = [](int generation) { return "shard-" + std::to_string(100'000 + generation); };
  for (int generation = 1; generation <= 1'000; ++generation) {
    Listing listing{open_shard(name(generation), name(generation - 1))};
    if (generation > 1) listing.push_back(closed_shard(name(generation - 1), name(generation - 2)));
    for (int pass = 0; pass < 2; ++pass) (void)listed(graph, listing);
    graph.checkpointed(ShardId(name(generation)), seq(1));
    (void)graph.take_forgettable();
    ASSERT_LE(graph.remembered(), 8u) << "generation " << generation;
    graph.finished(ShardId(name(generation)));
  }
}

// ---- hostile listings

TEST(ShardGraphHostile, CirclesAndSelfParentsNeitherHangNorBlock) {
  ShardGraph graph(kTrimHorizon, {});
  const Listing listing{open_shard("S", "S"), open_shard("A", "C"), open_shard("B", "A"), open_shard("C", "B")};
  EXPECT_THAT(listed(graph, listing), ElementsAre("C:TRIM_HORIZON", "S:TRIM_HORIZON")) << "the last link is ignored";
  finish(graph, "C");
  EXPECT_THAT(readable(graph), ElementsAre("A:TRIM_HORIZON"));
  finish(graph, "A");
  EXPECT_THAT(readable(graph), ElementsAre("B:TRIM_HORIZON"));
}

TEST(ShardGraphHostile, AVeryLongLineageIsWalkedWithoutRecursion) {
  constexpr int kGenerations = 20'000;
  Listing chain{closed_shard("shard-100000")};
  for (int i = 1; i < kGenerations; ++i) {
    chain.push_back(closed_shard("shard-" + std::to_string(100'000 + i), "shard-" + std::to_string(99'999 + i)));
  }
  ShardGraph forwards(kTrimHorizon, {});
  EXPECT_THAT(listed(forwards, chain), ElementsAre("shard-100000:TRIM_HORIZON"));
  std::reverse(chain.begin(), chain.end());
  ShardGraph backwards(kTrimHorizon, {});
  EXPECT_THAT(listed(backwards, chain), ElementsAre("shard-100000:TRIM_HORIZON"));
  EXPECT_EQ(backwards.known(), static_cast<std::size_t>(kGenerations));
}

TEST(ShardGraphHostile, AShardThatNamesAnotherParentEachTimeDoesNotMakeUsGrow) {
  ShardGraph graph(kTrimHorizon, {});
  for (int i = 0; i < 1'000; ++i) (void)listed(graph, {open_shard("A", "P" + std::to_string(i))});
  graph.released(ShardId("A"));
  EXPECT_THAT(readable(graph), ElementsAre("A:TRIM_HORIZON")) << "its two parents are gone";
  EXPECT_THAT(listed(graph, {open_shard("")}), IsEmpty());
  EXPECT_EQ(graph.known(), 1u);
}

TEST(ShardGraphDeathTest, CrashesWhenTheCallerForgetsTheRules) {
  ShardGraph graph(kTrimHorizon, {row("A", AfterSequence{seq(5)})});
  EXPECT_DEATH(graph.finished(ShardId("X")), "known");
  EXPECT_DEATH(graph.released(ShardId("A")), "reading");
  EXPECT_DEATH(graph.checkpointed(ShardId("A"), seq(4)), "last");
  graph.finished(ShardId("A"));
  EXPECT_DEATH(graph.finished(ShardId("A")), "finished");
  EXPECT_DEATH(graph.checkpointed(ShardId("A"), seq(6)), "finished");
}

}  // namespace
}  // namespace dynamirror::ordering
