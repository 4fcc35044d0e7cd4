// SPDX-License-Identifier: Apache-2.0
//
// Goal: the manifests of a dump's segments become one that says the same, and none that is missing is passed over.
// Method: a bucket in memory; the joined dump is read by the plan of a restore.
#include "jobs/dump/join_dump.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jobs/dump/dump_manifest.hpp"
#include "jobs/dump/dump_names.hpp"
#include "jobs/restore/restore_plan.hpp"
#include "support/memory_objects.hpp"
#include "support/run_task.hpp"

namespace dynamirror::jobs {
namespace {

using support::run_task;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class JoinDumpTest : public ::testing::Test {
 protected:
  void write_segment(std::uint32_t segment, std::uint32_t segments, const std::string& table = "Orders") {
    const DumpNames names{"job", segment, segments};
    store.write(names.data(), std::string(segment + 1, 'x'));
    DumpManifest manifest;
    manifest.table = table;
    manifest.segment = segment;
    manifest.segments = segments;
    manifest.object = {.key = names.data(),
                       .lines = segment,
                       .bytes = 10,
                       .stored_bytes = segment + 1,
                       .sha256 = std::string(63, '0') + std::to_string(segment)};
    store.write(names.manifest(), to_json(manifest));
  }
  [[nodiscard]] JobResult<BackupResult> join(std::uint32_t segments) {
    return run_task(join_dump(store, "job", segments));
  }
  [[nodiscard]] Result<RestorePlan> plan() {
    const StopRequest stop;
    return run_task(plan_restore(store, "job", stop));
  }

  support::MemoryObjects store;
};

TEST_F(JoinDumpTest, OneManifestTakesThePlaceOfThoseOfTheSegments) {
  for (std::uint32_t segment = 0; segment < 3; ++segment) write_segment(segment, 3);
  const auto joined = join(3);
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->object.lines, 3u);
  EXPECT_EQ(joined->object.bytes, 30u);
  EXPECT_EQ(joined->object.stored_bytes, 6u);
  EXPECT_FALSE(store.newest("job.manifest-1-of-3.json"));
  const auto found = plan();
  ASSERT_TRUE(found) << to_line(found.error());
  EXPECT_EQ(found->kind, BackupKind::kDump);
  EXPECT_EQ(found->items, 3u);
  ASSERT_THAT(found->parts, SizeIs(3));
  EXPECT_EQ(found->parts[2].key, "job/2");
  EXPECT_EQ(found->parts[2].size_bytes, 3u);
  EXPECT_EQ(found->parts[2].items, 2u);
  EXPECT_EQ(found->parts[2].sha256, std::string(63, '0') + "2");
}

TEST_F(JoinDumpTest, DoneAgainItChangesNothing) {
  for (std::uint32_t segment = 0; segment < 2; ++segment) write_segment(segment, 2);
  ASSERT_TRUE(join(2));
  const auto manifest = store.newest("job.manifest.json");
  const auto again = join(2);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->object.bytes, 20u);
  EXPECT_EQ(store.newest("job.manifest.json"), manifest);
  EXPECT_FALSE(join(3));
}

TEST_F(JoinDumpTest, ASegmentThatIsMissingOrOfAnotherTableIsNamed) {
  write_segment(0, 3);
  write_segment(2, 3);
  const auto missing = join(3);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().error.message, HasSubstr("segment 1 of 3 has no manifest"));
  write_segment(1, 3, "Users");
  const auto other = join(3);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().error.message, HasSubstr("different tables: Orders and Users"));
  EXPECT_FALSE(store.newest("job.manifest.json"));
  EXPECT_TRUE(store.newest("job.manifest-0-of-3.json"));
}

TEST_F(JoinDumpTest, TheJoinedManifestCountsWhereThoseOfTheSegmentsCouldNotBeRemoved) {
  for (std::uint32_t segment = 0; segment < 2; ++segment) write_segment(segment, 2);
  const auto left = store.newest("job.manifest-1-of-2.json");
  ASSERT_TRUE(join(2));
  store.write("job.manifest-1-of-2.json", left);
  const auto found = plan();
  ASSERT_TRUE(found) << to_line(found.error());
  EXPECT_THAT(found->parts, SizeIs(2));
  EXPECT_EQ(found->items, 1u);
}

TEST_F(JoinDumpTest, AJoinedManifestThatDoesNotNameAllSegmentsIsNone) {
  for (std::uint32_t segment = 0; segment < 2; ++segment) write_segment(segment, 2);
  ASSERT_TRUE(join(2));
  std::string manifest = store.newest("job.manifest.json").value_or("");
  const std::string count = "\"segments\":2";
  ASSERT_THAT(manifest, HasSubstr(count));
  store.write("job.manifest.json", manifest.replace(manifest.find(count), count.size(), "\"segments\":3"));
  EXPECT_FALSE(plan());
}

}  // namespace
}  // namespace dynamirror::jobs
