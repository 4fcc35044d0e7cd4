// SPDX-License-Identifier: Apache-2.0
//
// Goal: workers that share a copy through leases bring every item to the target, whoever comes, leaves or is cut off;
// a finished segment is finished once; and nobody writes what is another's.
// Method: several workers on one event loop, over sockets between two scripted servers, with leases in memory. Each
// write is held against the rows of the leases at that moment.
#include "integration/leased_copy_fixture.hpp"

namespace dynamirror::integration {
namespace {

using ::testing::HasSubstr;

using LeasedCopy = LeasedCopyTest;

TEST_F(LeasedCopy, ThreeWorkersDoItTogether) {
  Workload(source, {.keys = 3'000}).put_all();
  for (int i = 0; i < 3; ++i) start_worker().sink->stuck = true;
  // Nothing is written before each has something to do, however long that takes.
  ASSERT_TRUE(run_until([&] {
    return std::ranges::all_of(workers_, [](const Worker& worker) { return worker.shared().leases.held > 0; });
  }));
  for (Worker& worker : workers_) worker.sink->stuck = false;
  ASSERT_TRUE(run_until_all_ended());
  expect_complete();
  for (const Worker& worker : workers_) {
    EXPECT_EQ(worker.text(), "done");
    EXPECT_TRUE(worker.shared().complete());
  }
}

TEST_F(LeasedCopy, OneIsCutOffAndOneComesLate) {
  Workload(source, {.keys = 3'000}).put_all();
  slow_down(std::chrono::milliseconds(5), std::chrono::milliseconds(10));
  Worker& cut = start_worker();
  start_worker();
  ASSERT_TRUE(run_until([&] { return applied() > 600 && cut.shared().leases.held > 0; }));
  cut.line.cut = true;  // it lives on, and writes as long as its leases last: longer than that, with what it has read
  slow_down(std::chrono::milliseconds(200), std::chrono::milliseconds(250));
  start_worker();
  ASSERT_TRUE(run_until([&] { return cut.shared().leases.lost > 0; }));
  ASSERT_TRUE(run_until([&] { return cut.status().counters.held() == 0; }));
  EXPECT_GT(cut.status().counters.released, 0u);
  slow_down(std::chrono::milliseconds(5), std::chrono::milliseconds(10));
  ASSERT_TRUE(run_until([&] { return rows_done() == kSegments; }));
  EXPECT_GT(cut.shared().leases.lost, 0u);
  EXPECT_EQ(differences(), "");
  cut.line.cut = false;
  ASSERT_TRUE(run_until_all_ended());
  expect_complete();
  for (const Worker& worker : workers_) EXPECT_EQ(worker.text(), "done");
}

TEST_F(LeasedCopy, WhatADeadWorkerHadReadAndNotWrittenIsWrittenByTheNext) {
  Workload(source, {.keys = 3'000}).put_all();
  slow_down(std::chrono::milliseconds(5), std::chrono::milliseconds(10));
  Worker& dead = start_worker();
  ASSERT_TRUE(run_until([&] { return applied() > 300; }));
  dead.sink->stuck = true;
  const std::uint64_t renewed = dead.shared().leases.renewed + 2 * kSegments;
  ASSERT_TRUE(run_until([&] { return dead.shared().leases.renewed > renewed; }));
  dead.line.cut = true;
  const Worker& next = start_worker();
  ASSERT_TRUE(run_until([&] { return next.ended.has_value(); }));
  EXPECT_EQ(next.text(), "done");
  EXPECT_EQ(differences(), "");
  EXPECT_EQ(finished(), kSegments);
}

TEST_F(LeasedCopy, ALeaseTakenInMidSegmentIsLeftAtOnceAndTakenUpAgain) {
  Workload(source, {.keys = 3'000}).put_all();
  slow_down(std::chrono::milliseconds(10), std::chrono::milliseconds(20));
  Worker& worker = start_worker();
  ASSERT_TRUE(run_until([&] { return applied() > 300; }));
  std::uint32_t segment = 0;
  while (row(segment).done()) ++segment;
  const coordination::Lease before = row(segment);
  ASSERT_EQ(before.owner, worker.id);
  coordination::LeaseWrite theft{.kind = coordination::LeaseWrite::Kind::kTake, .key = before.key};
  theft.counter = before.counter;
  theft.owner = "somebody else";
  theft.from = worker.id;
  // By the protocol a thief waits before it writes; ours writes nothing at all.
  auto taken = support::run_task(rows.write(theft, kNoDeadline));
  ASSERT_TRUE(taken && *taken == coordination::LeaseStore::Outcome::kDone);
  ASSERT_TRUE(run_until([&] { return worker.shared().leases.lost > 0; }));
  const std::uint64_t tolerated = worker.sink->intrusions;  // until it knew
  ASSERT_TRUE(run_until_all_ended());
  EXPECT_EQ(worker.sink->intrusions, tolerated);
  worker.sink->intrusions = 0;
  expect_complete();
  EXPECT_EQ(worker.text(), "done");
}

TEST_F(LeasedCopy, WhoIsAskedToStopGivesEverythingBack) {
  Workload(source, {.keys = 3'000}).put_all();
  slow_down(std::chrono::milliseconds(5), std::chrono::milliseconds(10));
  Worker& first = start_worker();
  ASSERT_TRUE(run_until([&] { return applied() > 500; }));
  first.stop.request();
  ASSERT_TRUE(run_until_all_ended());
  ASSERT_FALSE(*first.ended);
  EXPECT_EQ(first.ended->error().reason, Reason::kStopped);
  EXPECT_EQ(first.status().counters.held(), 0u);
  for (std::uint32_t segment = 0; segment < kSegments; ++segment) {
    EXPECT_TRUE(row(segment).owner.empty() || row(segment).done()) << segment;
  }
  start_worker();
  ASSERT_TRUE(run_until_all_ended());
  expect_complete();
  EXPECT_EQ(applied(), 3'000u) << "what was written before is not written again";
}

TEST_F(LeasedCopy, ASpareTakesOverFromTheOnlyOwner) {
  Workload(source, {.keys = 1'500}).put_all();
  slow_down(std::chrono::milliseconds(5), std::chrono::milliseconds(10));
  Worker& cut = start_worker();
  ASSERT_TRUE(run_until([&] { return applied() > 200; }));
  cut.line.cut = true;
  const Worker& spare = start_worker();
  ASSERT_TRUE(run_until([&] { return rows_done() == kSegments; }));
  EXPECT_GT(spare.shared().finished_here, 0u);
  cut.line.cut = false;
  ASSERT_TRUE(run_until_all_ended());
  expect_complete();
}

TEST_F(LeasedCopy, AWorkerThatComesWhenAllIsDoneHasNothingToDo) {
  Workload(source, {.keys = 100}).put_all();
  start_worker();
  ASSERT_TRUE(run_until_all_ended());
  const Worker& late = start_worker();
  ASSERT_TRUE(run_until_all_ended());
  EXPECT_EQ(late.text(), "done");
  EXPECT_EQ(late.status().counters.read, 0u);
  expect_complete();
}

TEST_F(LeasedCopy, LeasesOfAnotherJobEndIt) {
  coordination::LeaseWrite foreign{.kind = coordination::LeaseWrite::Kind::kCreate, .key = "shardId-1"};
  foreign.checkpoint = "TRIM_HORIZON";
  ASSERT_TRUE(support::run_task(rows.write(foreign, kNoDeadline)));
  const Worker& worker = start_worker();
  ASSERT_TRUE(run_until_all_ended());
  ASSERT_FALSE(*worker.ended);
  EXPECT_EQ(worker.ended->error().reason, Reason::kState);
  EXPECT_THAT(worker.text(), HasSubstr("shardId-1"));
}

TEST_F(LeasedCopy, ATargetThatRefusesEndsTheWorkerAndOthersGoOn) {
  Workload(source, {.keys = 500}).put_all();
  put("poison", "1");
  target.refuse_key(kTarget, key_of("poison"));
  const Worker& first = start_worker();
  ASSERT_TRUE(run_until_all_ended());
  ASSERT_FALSE(*first.ended);
  EXPECT_EQ(first.ended->error().reason, Reason::kPoison);
  EXPECT_LT(rows_done(), kSegments);
  target.refuse_key(kTarget, key_of("poison"), false);
  start_worker();
  ASSERT_TRUE(run_until_all_ended());
  EXPECT_EQ(differences(), "");
  EXPECT_EQ(rows_done(), kSegments);
}

}  // namespace
}  // namespace dynamirror::integration
