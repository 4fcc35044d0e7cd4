// SPDX-License-Identifier: Apache-2.0
//
// Goal: workers of one job agree on its segments, whoever came first, and a table that is another job's is refused.
// Method: rows as a table could hold them; and workers that begin at the same moment, on leases in memory.
#include "jobs/segments/segment_leases.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "coordination/memory_lease_store.hpp"
#include "support/run_task.hpp"

namespace dynamirror::jobs {
namespace {

using coordination::Lease;
using coordination::LeaseRows;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const SharedJob kJob{.purpose = "copy", .identity = "eu/Orders -> us/Orders"};

Lease lease(std::string key, std::string checkpoint) { return {.key = std::move(key), .checkpoint = checkpoint}; }

Lease announced(const SharedTerms& terms) {
  const auto write = SegmentLeases(kJob).announcement(terms);
  return {.key = write.key, .checkpoint = *write.checkpoint, .parents = write.parents};
}

TEST(SegmentLeasesTest, KeysSortAsSegmentsDoAndAreReadBack) {
  const SegmentLeases leases(kJob);
  const std::string key = leases.key_of(1'000, 7);
  // printf 'eu/Orders -> us/Orders' | sha256sum
  EXPECT_EQ(key, "copy/ff54a3287b7e7b04/1000/007");
  EXPECT_EQ(leases.key_of(10, 9), "copy/ff54a3287b7e7b04/10/9");
  EXPECT_EQ(leases.segment_of(key, 1'000), 7u);
  EXPECT_EQ(leases.segment_of(key, 100), std::nullopt);
  EXPECT_EQ(leases.segment_of(leases.job_key(), 1'000), std::nullopt);
  EXPECT_EQ(SegmentLeases({.purpose = "backup", .identity = kJob.identity}).segment_of(key, 1'000), std::nullopt);
  EXPECT_LT(leases.key_of(100, 99), leases.job_key());
}

TEST(SegmentLeasesTest, ACheckpointIsAPositionAndBack) {
  for (const source::SegmentPosition& position :
       {source::SegmentPosition{.segment = 3}, source::SegmentPosition{.segment = 3, .after_key_json = R"({"id":{}})"},
        source::SegmentPosition{.segment = 3, .done = true}}) {
    const auto back = to_position(3, to_checkpoint(position));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->after_key_json, position.after_key_json);
    EXPECT_EQ(back->done, position.done);
  }
  EXPECT_FALSE(to_position(3, "LATEST"));
}

TEST(SegmentLeasesTest, AnEmptyTableIsAJobThatHasNotBegun) {
  const auto found = SegmentLeases(kJob).read({}, "leases");
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->terms);
  EXPECT_FALSE(found->complete());
}

TEST(SegmentLeasesTest, RowsSayHowFarTheJobIsAndWhatIsMissing) {
  const SegmentLeases leases(kJob);
  const SharedTerms terms{.segments = 3, .name = "nightly"};
  LeaseRows rows{.leases = {announced(terms), lease(leases.key_of(3, 0), "SHARD_END"),
                            lease(leases.key_of(3, 2), "TRIM_HORIZON")}};
  auto found = leases.read(rows, "leases");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->terms, terms);
  EXPECT_EQ(found->done, 1u);
  EXPECT_FALSE(found->complete());
  const auto missing = leases.missing(terms, found->there);
  ASSERT_THAT(missing, SizeIs(1));
  EXPECT_EQ(missing[0].key, leases.key_of(3, 1));
  EXPECT_EQ(missing[0].checkpoint, "TRIM_HORIZON");

  rows.leases = {announced(terms), lease(leases.key_of(3, 0), "SHARD_END"), lease(leases.key_of(3, 1), "SHARD_END"),
                 lease(leases.key_of(3, 2), "SHARD_END")};
  found = leases.read(rows, "leases");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->complete());
}

TEST(SegmentLeasesTest, TheNumberOfSegmentsIsAlsoReadFromTheirRows) {
  const SegmentLeases leases(kJob);
  const auto found = leases.read({.leases = {lease(leases.key_of(8, 5), "TRIM_HORIZON")}}, "leases");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->terms->segments, 8u);
  EXPECT_FALSE(found->announced);
}

TEST(SegmentLeasesTest, WhatIsNotOnlyThisJobsIsRefused) {
  const SegmentLeases leases(kJob);
  const SegmentLeases other({.purpose = "copy", .identity = "something else"});
  const std::vector<LeaseRows> tables{
      {.leases = {lease("shardId-000001", "TRIM_HORIZON")}},
      {.leases = {announced({.segments = 4}), lease(other.key_of(4, 0), "TRIM_HORIZON")}},
      {.leases = {announced({.segments = 4}), lease(leases.key_of(5, 0), "TRIM_HORIZON")}},
      {.leases = {lease(leases.key_of(4, 0), "SHARD_END"), lease(leases.key_of(5, 0), "TRIM_HORIZON")}},
      {.leases = {lease(leases.key_of(4, 0) + "x", "TRIM_HORIZON")}},
      {.leases = {lease(leases.job_key(), "SHARD_END")}},
      {.leases = {}, .foreign = 1},
  };
  for (const LeaseRows& rows : tables) {
    const auto found = leases.read(rows, "eu/leases");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().error_class, ErrorClass::kConflict);
    EXPECT_THAT(to_line(found.error()), HasSubstr("eu/leases"));
    EXPECT_THAT(to_line(found.error()), HasSubstr("a table of its own"));
  }
}

TEST(SegmentLeasesTest, TheFirstWorkersTermsCount) {
  coordination::MemoryLeaseStore store(system_clock());
  Random random(1);
  const SegmentLeases leases(kJob);
  const auto join = [&](SharedTerms wanted) {
    return support::run_task(join_shared_job(store, leases, std::move(wanted), system_clock(), random));
  };
  const SharedTerms first{.segments = 4, .name = "a b"};
  const auto joined = join(first);
  ASSERT_TRUE(joined);
  EXPECT_EQ(*joined, first);
  const auto later = join({.segments = 9, .name = "other"});
  ASSERT_TRUE(later);
  EXPECT_EQ(*later, first);
  const auto found = support::run_task(find_shared_job(store, leases));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->terms, first);
  EXPECT_TRUE(found->announced);
}

}  // namespace
}  // namespace dynamirror::jobs
