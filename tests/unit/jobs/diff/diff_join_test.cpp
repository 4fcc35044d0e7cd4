// SPDX-License-Identifier: Apache-2.0
//
// Goal: the join names exactly the keys whose items differ or are on one side only, in memory or on disk.
// Method: two made-up tables with known differences, added in an order of chance, under limits from ample to absurd.
#include "jobs/diff/diff_join.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/random.hpp"
#include "support/temp_folder.hpp"

namespace dynamirror::jobs {
namespace {

constexpr int kKeys = 9'000;

struct Expected {
  std::optional<model::ItemDigest> primary;
  std::optional<model::ItemDigest> replica;
};

class DiffJoinTest : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  static std::string key_of(int number) { return R"({"id":{"S":"key )" + std::to_string(number) + "\"}}"; }

  static DiffRecord record(DiffSide side, const std::string& key, std::uint64_t version) {
    static model::ItemDigester digester;
    return {.side = side,
            .key = *digester.digest(key),
            .item = *digester.digest(R"({"v":{"N":")" + std::to_string(version) + "\"}}"),
            .key_json = key};
  }

  test::TempFolder folder;
};

TEST_P(DiffJoinTest, NamesExactlyTheKeysThatDiffer) {
  Random random(GetParam());
  std::map<std::string, Expected> expected;
  std::vector<std::string> keys;
  std::vector<DiffRecord> records;
  for (int i = 0; i < kKeys; ++i) keys.push_back(key_of(i));
  for (int i = 0; i < kKeys; ++i) {
    const bool missing = i % 60 == 1;
    const bool extraneous = i % 60 == 2;
    const std::uint64_t other = i % 60 == 3 ? 1 : 0;
    std::optional<DiffRecord> primary;
    std::optional<DiffRecord> replica;
    if (!extraneous) records.push_back(*(primary = record(DiffSide::kPrimary, keys[i], i)));
    if (!missing) records.push_back(*(replica = record(DiffSide::kReplica, keys[i], i + other)));
    if (!missing && !extraneous && other == 0) continue;
    expected[keys[i]] = {primary ? std::optional(primary->item) : std::nullopt,
                         replica ? std::optional(replica->item) : std::nullopt};
  }
  for (std::size_t i = records.size(); i > 1; --i) std::swap(records[i - 1], records[random.below(i)]);

  DiffJoin join({.memory_bytes = GetParam(), .temp_folder = folder.path()});
  for (const DiffRecord& each : records) ASSERT_TRUE(join.add(each));
  std::map<std::string, Expected> found;
  while (true) {
    const auto suspects = join.next(100);
    ASSERT_TRUE(suspects);
    if (suspects->empty()) break;
    EXPECT_LE(suspects->size(), 100u);
    for (const auto& suspect : *suspects) {
      EXPECT_TRUE(found.emplace(suspect.key_json, Expected{suspect.primary, suspect.replica}).second) << "named twice";
    }
  }
  EXPECT_EQ(found.size(), expected.size());
  for (const auto& [key, wanted] : expected) {
    ASSERT_TRUE(found.contains(key)) << key;
    EXPECT_EQ(found.at(key).primary, wanted.primary) << key;
    EXPECT_EQ(found.at(key).replica, wanted.replica) << key;
  }
  EXPECT_EQ(join.spilled_bytes() > 0, GetParam() < 10'000'000);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "files have no names";
}

// Ample; some partitions on disk; all, and partitioned again; again and again.
INSTANTIATE_TEST_SUITE_P(Limits, DiffJoinTest, ::testing::Values(64u << 20, 1u << 20, 32u << 10, 4u << 10));

TEST_F(DiffJoinTest, KeepsTablesInStepOutOfTheFiles) {
  DiffJoin join({.memory_bytes = 64u << 10, .temp_folder = folder.path()});
  for (int i = 0; i < kKeys; ++i) {
    const std::string key = key_of(i);
    ASSERT_TRUE(join.add(record(DiffSide::kPrimary, key, 1)));
    ASSERT_TRUE(join.add(record(DiffSide::kReplica, key, 1)));
  }
  EXPECT_EQ(join.spilled_bytes(), 0u) << "equal items cancel each other";
  const auto suspects = join.next(1);
  ASSERT_TRUE(suspects);
  EXPECT_TRUE(suspects->empty());
}

TEST_F(DiffJoinTest, LeavesNoMemoryInPartitionsThatAreDone) {
  DiffPartition partition;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kKeys; ++i) partition.add(record(DiffSide::kPrimary, key_of(i), 1));
    if (round == 0) {
      ASSERT_TRUE(partition.spill(folder.path()));
      EXPECT_LT(partition.memory_bytes(), 100u);
    }
  }
  std::size_t count = 0;
  ASSERT_TRUE(partition.drain([&](const DiffRecord&) {
    ++count;
    return Status{};
  }));
  EXPECT_EQ(count, 2u * kKeys);
  EXPECT_LT(partition.memory_bytes(), 100u);
  EXPECT_EQ(partition.total_bytes(), 0u);
}

TEST_F(DiffJoinTest, SaysWhichFolderCannotBeUsed) {
  DiffJoin join({.memory_bytes = 1u << 10, .temp_folder = folder / "absent"});
  Status status;
  for (int i = 0; i < 100 && status; ++i) status = join.add(record(DiffSide::kPrimary, key_of(i), 1));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().resource, (folder / "absent").string());
  EXPECT_NE(status.error().message.find("--temp-dir"), std::string::npos);
}

}  // namespace
}  // namespace dynamirror::jobs
