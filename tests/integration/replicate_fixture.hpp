// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "integration/workload.hpp"
#include "support/dynamodb_standin.hpp"
#include "support/order_check.hpp"
#include "support/replication_run.hpp"
#include "support/temp_folder.hpp"

namespace dynamirror::integration {

using jobs::Reason;
using support::DynamoDbStandin;
using support::FaultKind;
using support::ReplicationRun;

/// Two scripted servers, the table "Orders" on the first, "Copy" on the second, and a folder for what a run keeps.
class ReplicateTest : public ::testing::Test {
 protected:
  static constexpr const char* kSource = "Orders";
  static constexpr const char* kTarget = "Copy";

  static DynamoDbStandin::Options standin_options() {
    DynamoDbStandin::Options options;
    options.service.region = "local";
    options.service.describes_until_active = 0;
    return options;
  }

  static model::KeySchema hash_only() { return {.hash = {"id", "S"}, .range = std::nullopt}; }
  static model::KeySchema composite() { return {.hash = {"id", "S"}, .range = model::KeyAttribute{"time", "N"}}; }

  void add_tables(int shards = 1, const model::KeySchema& key = hash_only()) {
    source.add_table({.name = kSource, .key = key, .shards = shards});
    target.add_table({.name = kTarget, .key = key, .stream_view = std::nullopt});
  }

  [[nodiscard]] ReplicationRun make_run() {
    ReplicationRun::Options options;
    options.source = source.address_of(kSource);
    options.target = target.address_of(kTarget);
    options.folder = folder.path();
    return ReplicationRun(std::move(options));
  }

  static std::string key_of(const std::string& id) { return R"({"id":{"S":")" + id + "\"}}"; }
  static std::string item_of(const std::string& id, const std::string& value) {
    return R"({"id":{"S":")" + id + R"("},"v":{"S":")" + value + "\"}}";
  }
  void put(const std::string& id, const std::string& value) { source.put(kSource, item_of(id, value)); }
  /// Ids and values of the target's items, as "a=1 b=2".
  [[nodiscard]] std::string target_values() const {
    std::string text;
    for (const auto& [key, item] : target.snapshot(kTarget)) {
      const auto id = key.substr(12, key.size() - 15);  // {"id":{"S":"…"}}
      const auto value = item.find(R"("v":{"S":")") + 10;
      text += (text.empty() ? "" : " ") + id + "=" + item.substr(value, item.find('"', value) - value);
    }
    return text;
  }

  /// The first keys whose items differ between the tables, with both items, and how many there are; empty when none.
  [[nodiscard]] std::string differences() const {
    constexpr int kShown = 3;
    const auto wanted = source.snapshot(kSource);
    const auto found = target.snapshot(kTarget);
    std::set<std::string> keys;
    for (const auto* table : {&wanted, &found}) {
      for (const auto& [key, item] : *table) keys.insert(key);
    }
    const auto item_at = [](const auto& table, const std::string& key) {
      const auto at = table.find(key);
      return at == table.end() ? std::string("nothing") : at->second;
    };
    int count = 0;
    std::string text;
    for (const std::string& key : keys) {
      const std::string source_item = item_at(wanted, key);
      const std::string target_item = item_at(found, key);
      if (source_item == target_item) continue;
      if (++count <= kShown) text += key + "\n  source: " + source_item + "\n  target: " + target_item + "\n";
    }
    return count == 0 ? "" : text + std::to_string(count) + " of " + std::to_string(keys.size()) + " keys differ";
  }

  /// Records that the source's latest stream holds.
  [[nodiscard]] std::uint64_t records() const {
    std::uint64_t count = 0;
    for (const auto& shard : source.shards(kSource)) count += shard.records;
    return count;
  }

  /// Invariants 2, 3 and 4, and that no request was one that a correct client does not send.
  /// `restarts`: how often a run was cut off, so that changes may have been applied again.
  void expect_in_step(const ReplicationRun::Ended& last, int restarts = 0) {
    EXPECT_EQ(differences(), "") << last.text();
    const auto order = support::check_order(source, kSource, target, kTarget, restarts);
    EXPECT_THAT(order.violations, ::testing::IsEmpty()) << last.text();
    EXPECT_EQ(last.status.counters.read, last.status.counters.settled()) << last.text();
    EXPECT_THAT(source.complaints(), ::testing::IsEmpty());
    EXPECT_THAT(target.complaints(), ::testing::IsEmpty());
    if (restarts == 0) {
      EXPECT_EQ(target.statistics().overlapping_writes, 0u);
    }
  }

  DynamoDbStandin source{standin_options()};
  DynamoDbStandin target{standin_options()};
  test::TempFolder folder;
};

inline constexpr auto kSecond = std::chrono::milliseconds(1'000);

}  // namespace dynamirror::integration
