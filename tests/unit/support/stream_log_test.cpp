// SPDX-License-Identifier: Apache-2.0
//
// Goal: the scripted stream has the properties on which readers of DynamoDB Streams rely.
// Method: append, split, roll, trim and age, and compare with the documented behaviour.
#include "support/stream_log.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <set>

namespace dynamirror::support {
namespace {

constexpr WallTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

StreamLog make_log(int shards) { return StreamLog({.arn = "arn", .label = "label", .shards = shards}, kNow); }

void append(StreamLog& log, const std::string& key, WallTime at = kNow) {
  StreamRecord record;
  record.key = key;
  record.created = at;
  log.append(std::move(record));
}

std::vector<std::string> keys_of(const StreamShard& shard) {
  std::vector<std::string> keys;
  for (const StreamRecord& record : shard.records) keys.push_back(record.key);
  return keys;
}

TEST(StreamLog, NamesShardsAndNumbersLikeTheService) {
  StreamLog log = make_log(3);
  std::set<std::string> ids;
  for (const StreamShard& shard : log.shards()) {
    EXPECT_TRUE(std::regex_match(shard.id, std::regex("shardId-[0-9]{20}-[0-9a-f]{8}"))) << shard.id;
    EXPECT_GE(shard.first_sequence.size(), 21u);
    ids.insert(shard.id);
  }
  EXPECT_EQ(ids.size(), 3u);
}

TEST(StreamLog, GrowsSequenceNumbersPastADigitSoThatTextOrderFails) {
  StreamLog log = make_log(1);
  for (int i = 0; i < 40'000; ++i) append(log, "key");
  const auto& records = log.shards()[0].records;
  for (std::size_t i = 1; i < records.size(); ++i) {
    ASSERT_TRUE(sequence_less(records[i - 1].sequence, records[i].sequence)) << i;
  }
  EXPECT_LT(records.back().sequence, records.front().sequence) << "as text the last must be smaller";
}

TEST(StreamLog, KeepsAKeyInOneOpenShardAndSpreadsKeys) {
  StreamLog log = make_log(4);
  for (int i = 0; i < 400; ++i) append(log, "key" + std::to_string(i % 200));
  std::set<std::string> seen;
  for (const StreamShard& shard : log.shards()) {
    EXPECT_GT(shard.records.size(), 20u);
    const auto keys = keys_of(shard);
    for (const std::string& key : std::set<std::string>(keys.begin(), keys.end())) {
      EXPECT_TRUE(seen.insert(key).second) << key << " is in two shards";
    }
  }
}

TEST(StreamLog, SplitsAShardIntoTwoChildrenThatTakeOverItsKeys) {
  StreamLog log = make_log(1);
  for (int i = 0; i < 50; ++i) append(log, "key" + std::to_string(i));
  const std::string parent = log.shards()[0].id;
  const auto children = log.split(parent, kNow);
  for (int i = 0; i < 50; ++i) append(log, "key" + std::to_string(i));
  ASSERT_EQ(children.size(), 2u);
  EXPECT_FALSE(log.find(parent)->open());
  EXPECT_EQ(log.find(parent)->records.size(), 50u);
  for (const std::string& child : children) {
    EXPECT_EQ(log.find(child)->parent, parent);
    EXPECT_GT(log.find(child)->records.size(), 10u);
    EXPECT_TRUE(sequence_less(*log.find(parent)->last_sequence, log.find(child)->first_sequence));
  }
  EXPECT_EQ(log.find(children[0])->records.size() + log.find(children[1])->records.size(), 50u);
}

TEST(StreamLog, MakesThreeGenerationsAndTwoHundredShards) {
  StreamLog log = make_log(29);
  for (int generation = 0; generation < 2; ++generation) {
    std::vector<std::string> open;
    for (const StreamShard& shard : log.shards()) {
      if (shard.open()) open.push_back(shard.id);
    }
    for (const std::string& id : open) (void)log.split(id, kNow);
  }
  EXPECT_EQ(log.shards().size(), 29u + 58 + 116);
  for (int i = 0; i < 1000; ++i) append(log, "key" + std::to_string(i));  // every key still has a shard
}

TEST(StreamLog, StartsReadingWhereTheIteratorTypeSays) {
  StreamLog log = make_log(1);
  for (int i = 0; i < 5; ++i) append(log, "key");
  const StreamShard& shard = log.shards()[0];
  const std::string third = shard.records[2].sequence;
  EXPECT_EQ(StreamLog::locate(shard, {"TRIM_HORIZON", ""}), 0u);
  EXPECT_EQ(StreamLog::locate(shard, {"LATEST", ""}), 5u);
  EXPECT_EQ(StreamLog::locate(shard, {"AT_SEQUENCE_NUMBER", third}), 2u);
  EXPECT_EQ(StreamLog::locate(shard, {"AFTER_SEQUENCE_NUMBER", third}), 3u);
  EXPECT_EQ(StreamLog::locate(shard, {"AFTER_SEQUENCE_NUMBER", "12"}).error().type, "ValidationException");
}

TEST(StreamLog, RefusesToReadFromATrimmedPosition) {
  StreamLog log = make_log(1);
  for (int i = 0; i < 5; ++i) append(log, "key");
  const StreamShard& shard = log.shards()[0];
  const std::string second = shard.records[1].sequence;
  const std::string third = shard.records[2].sequence;
  log.trim(shard.id, 3);
  EXPECT_EQ(StreamLog::locate(shard, {"AFTER_SEQUENCE_NUMBER", second}).error().type, "TrimmedDataAccessException");
  EXPECT_EQ(StreamLog::locate(shard, {"AFTER_SEQUENCE_NUMBER", third}), 3u);
  EXPECT_EQ(StreamLog::locate(shard, {"TRIM_HORIZON", ""}), 2u);
}

TEST(StreamLog, ForgetsRecordsAndClosedShardsAfterADay) {
  StreamLog log = make_log(1);
  append(log, "old");
  const std::string parent = log.shards()[0].id;
  const std::string child = log.roll(parent, kNow);
  append(log, "old");
  log.age(std::chrono::hours(25), kNow);
  append(log, "new");
  EXPECT_EQ(log.find(parent), nullptr);
  ASSERT_NE(log.find(child), nullptr);
  EXPECT_EQ(log.find(child)->parent, parent) << "a child still names its trimmed parent";
  EXPECT_EQ(keys_of(*log.find(child)), std::vector<std::string>{"new"});
}

TEST(StreamLog, ClosesEveryShardWhenDisabled) {
  StreamLog log = make_log(3);
  log.disable(kNow);
  for (const StreamShard& shard : log.shards()) EXPECT_FALSE(shard.open());
  EXPECT_TRUE(log.disabled());
}

}  // namespace
}  // namespace dynamirror::support
