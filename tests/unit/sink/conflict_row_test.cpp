// SPDX-License-Identifier: Apache-2.0
//
// Goal: what was noted beside a table is read as it was written, and what is none of ours is left alone.
#include "sink/conflict_row.hpp"

#include <gtest/gtest.h>

namespace dynamirror::sink {
namespace {

const std::string kWinner = "1700000000000000.0212.east";
const std::string kLoser = "1700000000000000.0211.west";

std::string row(const std::string& what, const std::string& more) {
  return R"({"key":{"S":"{\"id\":{\"S\":\"a\"}}"},"what":{"S":")" + what + R"("},"expires":{"N":"1"})" + more + "}";
}

std::string conflict(const std::string& more) {
  return row("conflict#" + kLoser + "#" + kWinner,
             R"(,"winner":{"S":")" + kWinner + R"("},"loser":{"S":")" + kLoser + R"("})" + more);
}

TEST(ConflictRow, IsReadWithItsImages) {
  const auto read = read_conflict(
      conflict(R"(,"kind":{"S":"update/update"},"rule":{"S":"last-writer"},"at":{"S":"2026-01-31T12:00:00Z"})"
               R"(,"loser_image":{"S":"{\"id\":{\"S\":\"a\"}}"})"));
  ASSERT_TRUE(read && *read);
  const ConflictRow& found = **read;
  EXPECT_EQ(found.key, R"({"id":{"S":"a"}})");
  EXPECT_EQ(found.winner.text(), kWinner);
  EXPECT_EQ(found.loser.text(), kLoser);
  EXPECT_EQ(found.rule, "last-writer");
  EXPECT_EQ(found.noted, "2026-01-31T12:00:00Z");
  EXPECT_EQ(found.loser_image, R"({"id":{"S":"a"}})");
  EXPECT_FALSE(found.winner_image);
  EXPECT_FALSE(found.winner_deletes() || found.loser_deletes());
}

TEST(ConflictRow, TellsADeletionFromAnImageThatWasNotAtHand) {
  const auto lost = read_conflict(conflict(R"(,"kind":{"S":"update/delete"})"));
  ASSERT_TRUE(lost && *lost);
  EXPECT_TRUE((*lost)->loser_deletes());
  EXPECT_FALSE((*lost)->winner_deletes());
  const auto won = read_conflict(conflict(R"(,"kind":{"S":"delete/update"})"));
  ASSERT_TRUE(won && *won);
  EXPECT_TRUE((*won)->winner_deletes());
  EXPECT_FALSE((*won)->loser_deletes());
}

TEST(ConflictRow, IsNoTombstoneAndNothingOfOthers) {
  for (const std::string& other : {row("tombstone", R"(,"version":{"S":")" + kWinner + "\"}"), row("note", ""),
                                   row("conflict#a#b", R"(,"winner":{"S":"a"},"loser":{"S":"b"})")}) {
    const auto read = read_conflict(other);
    ASSERT_TRUE(read) << other;
    EXPECT_FALSE(*read) << other;
  }
  EXPECT_FALSE(read_conflict("[]"));
}

}  // namespace
}  // namespace dynamirror::sink
