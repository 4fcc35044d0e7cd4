// SPDX-License-Identifier: Apache-2.0
//
// Goal: leases of a stream that was made anew under its name are told from those of the present one.
// Method: rows and listings by hand.
#include "jobs/replication/earlier_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

model::SequenceNumber sequence(std::string_view digits) { return model::SequenceNumber::parse(digits).value(); }

model::Shard shard(const std::string& id, std::string_view first, std::vector<ShardId> parents = {}) {
  return {.id = ShardId(id),
          .parents = std::move(parents),
          .first_sequence = sequence(first),
          .last_sequence = {},
          .hash_keys = model::HashKeyRange{"0", "9"}};
}

coordination::Lease lease(const std::string& key, const std::string& checkpoint) {
  coordination::Lease lease(key);
  lease.checkpoint = checkpoint;
  return lease;
}

TEST(EarlierStream, ShowsInACheckpointFromBeforeItsShard) {
  const std::vector shards{shard("a", "100"), shard("b", "1000")};
  const auto found = [&](const std::string& key, const std::string& checkpoint) {
    const std::vector rows{lease("other", "1"), lease(key, checkpoint)};
    return checkpoint_before_its_shard(rows, shards).value_or("none");
  };
  EXPECT_EQ(found("a", "99"), "a");
  EXPECT_EQ(found("b", "999"), "b") << "numbers, not text";
  EXPECT_EQ(found("a", "100"), "none");
  EXPECT_EQ(found("a", "1000"), "none");
  for (const char* word : {"TRIM_HORIZON", "LATEST", "AT_TIMESTAMP", "SHARD_END", "no checkpoint"}) {
    EXPECT_EQ(found("a", word), "none") << word;
  }
  const std::vector rows{lease("a", "99")};
  std::vector of_a_table{shard("a", "100")};
  of_a_table.front().hash_keys.reset();
  EXPECT_FALSE(checkpoint_before_its_shard(rows, of_a_table)) << "their names are never used again";
}

TEST(EarlierStream, MayShowInAFinishedLeaseOfAShardThatIsOpen) {
  const std::vector rows{lease("a", "SHARD_END"), lease("b", "5"), lease("gone", "SHARD_END")};
  EXPECT_THAT(finished_but_open(rows, std::vector{shard("a", "1"), shard("b", "1")}), ElementsAre(ShardId("a")));
  EXPECT_THAT(finished_but_open(rows, std::vector{shard("a", "1"), shard("c", "1", {ShardId("a")})}), IsEmpty())
      << "a listing may be late for a parent";
  std::vector closed{shard("a", "1")};
  closed.front().last_sequence = sequence("9");
  EXPECT_THAT(finished_but_open(rows, closed), IsEmpty());
}

}  // namespace
}  // namespace dynamirror::jobs
