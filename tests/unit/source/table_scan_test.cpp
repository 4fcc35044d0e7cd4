// SPDX-License-Identifier: Apache-2.0
//
// Goal: a scan delivers every item of its share exactly once when nothing fails, at least once when it is resumed, and
// keeps its budget whatever the size of items.
// Method: scans over sockets from a strict scripted server, whole, in shares, with faults, cut off and resumed.
#include "source/table_scan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "unit/source/scan_kit.hpp"

namespace dynamirror::source {
namespace {

using support::DynamoDbStandin;
using support::FaultKind;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class TableScanTest : public ::testing::Test {
 protected:
  static DynamoDbStandin::Options server_options() {
    DynamoDbStandin::Options options;
    options.service.region = "local";
    options.service.describes_until_active = 0;
    options.service.scan_page_bytes = 2'000;
    return options;
  }

  void fill(int count, std::size_t size_bytes = 100) {
    server.add_table(
        {.name = "Items", .key = {.hash = {"id", "S"}, .range = std::nullopt}, .stream_view = std::nullopt});
    const std::string text(size_bytes, 'x');
    for (int i = 0; i < count; ++i) {
      server.put("Items", R"({"id":{"S":")" + std::to_string(i) + R"("},"text":{"S":")" + text + "\"}}");
    }
  }
  [[nodiscard]] ScanRun make_run(TableScan::Options options = {}) { return {server.address_of("Items"), options}; }
  [[nodiscard]] std::vector<std::string> all_items() const {
    std::vector<std::string> items;
    for (const auto& [key, item] : server.snapshot("Items")) items.push_back(item);
    return items;
  }
  void expect_all(std::vector<std::string> items) const {
    std::vector<std::string> wanted = all_items();
    std::sort(wanted.begin(), wanted.end());
    std::sort(items.begin(), items.end());
    EXPECT_EQ(items, wanted);
    EXPECT_THAT(server.complaints(), IsEmpty());
  }

  DynamoDbStandin server{server_options()};
};

TEST_F(TableScanTest, AnEmptyTableHasNoItemsAndAnEnd) {
  fill(0);
  auto run = make_run();
  Collector collector;
  EXPECT_TRUE(run.run(collector));
  EXPECT_THAT(collector.items, IsEmpty());
  EXPECT_EQ(run.scan().statistics().segments_done, 16u);
}

TEST_F(TableScanTest, DeliversEveryItemOnce) {
  fill(2'000);
  auto run = make_run();
  Collector collector;
  EXPECT_TRUE(run.run(collector));
  expect_all(collector.items);
  const auto& statistics = run.scan().statistics();
  EXPECT_EQ(statistics.items, 2'000u);
  EXPECT_GT(statistics.pages, 100u);
  EXPECT_GT(statistics.consumed_units, 10);
}

TEST_F(TableScanTest, SharesTogetherAreTheTable) {
  fill(500);
  std::vector<std::string> items;
  for (std::uint32_t share = 0; share < 3; ++share) {
    auto run = make_run({.share = share, .shares = 3, .split = 4});
    Collector collector;
    EXPECT_TRUE(run.run(collector));
    items.insert(items.end(), collector.items.begin(), collector.items.end());
  }
  expect_all(items);
}

TEST_F(TableScanTest, AResumedScanReadsWhatIsLeftAndNothingElse) {
  fill(1'000);
  auto first = make_run({.split = 4, .max_parallel = 1});
  Collector before;
  before.fail_at = 20;
  EXPECT_FALSE(first.run(before));
  ASSERT_THAT(before.positions, SizeIs(20));

  auto second = make_run({.split = 4});
  Collector after;
  EXPECT_TRUE(second.run(before.newest(second.scan().fresh()), after));
  std::vector<std::string> items = before.items;
  items.insert(items.end(), after.items.begin(), after.items.end());
  expect_all(items);
}

TEST_F(TableScanTest, ThrottlingAndTroubleDelayButLoseNothing) {
  fill(300);
  server.set_fault_policy({.rate = 0.3,
                           .kinds = {FaultKind::kProvisionedThroughput, FaultKind::kInternalError,
                                     FaultKind::kCloseBefore, FaultKind::kHalfAnswer},
                           .operations = {"Scan"}});
  auto run = make_run({.split = 4});
  Collector collector;
  EXPECT_TRUE(run.run(collector));
  expect_all(collector.items);
  EXPECT_GT(run.scan().statistics().throttled, 0u);
}

TEST_F(TableScanTest, GivesUpWhenNothingMoves) {
  fill(10);
  server.set_fault_policy({.rate = 1, .kinds = {FaultKind::kProvisionedThroughput}, .operations = {"Scan"}});
  auto run = make_run({.give_up_after = std::chrono::milliseconds(50)});
  Collector collector;
  const Status ended = run.run(collector);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().error_class, ErrorClass::kThrottled);
  EXPECT_THAT(ended.error().message, ::testing::HasSubstr("no page of the table could be read"));
}

TEST_F(TableScanTest, EndsAtOnceForWhatNoRetryMends) {
  fill(10);
  server.fail_next({.kind = FaultKind::kAccessDenied, .operation = "Scan"});
  auto run = make_run();
  Collector collector;
  const Status ended = run.run(collector);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().error_class, ErrorClass::kDenied);
}

TEST_F(TableScanTest, NeverConsumesMoreThanItsBudget) {
  fill(1'200, 1'000);  // 150 units at least
  server.configure([](support::Service::Options& options) { options.scan_page_bytes = 1u << 20; });
  constexpr double kUnitsPerSecond = 100;
  auto run = make_run({.split = 4, .max_read_units = kUnitsPerSecond});
  Collector collector;
  const SteadyTime begun = system_clock().steady_now();
  EXPECT_TRUE(run.run(collector));
  const double seconds = std::chrono::duration<double>(system_clock().steady_now() - begun).count();
  expect_all(collector.items);
  EXPECT_GT(run.scan().statistics().consumed_units, 140);
  EXPECT_LT(run.scan().statistics().consumed_units, kUnitsPerSecond * (seconds + 0.5));
  EXPECT_LT(seconds, 30) << "an idle machine needs 1.5 s";
}

/// Reads segment 0, then 1 and 2, of which 2 is removed after its first page and added again when 1 is at its end, then
/// 3; ends the scan with an error after that.
class Juggler final : public Collector {
 public:
  explicit Juggler(TableScan& scan) : scan_(scan) {}
  std::size_t pages_of_2 = 0;
  bool held_when_removed = false;

  [[nodiscard]] async::Task<Status> take(aws::ScanPage page, SegmentPosition position) override {
    const SegmentPosition after = position;
    auto taken = co_await Collector::take(std::move(page), std::move(position));
    if (after.segment == 2 && pages_of_2++ == 0) {
      scan_.remove(2);
      held_when_removed = scan_.holds(2);
      second_ = after;
    }
    if (after.segment == 0 && after.done) {
      scan_.add({.segment = 1});
      scan_.add({.segment = 2});
    }
    if (after.segment == 1 && after.done) {
      EXPECT_FALSE(scan_.holds(2));
      EXPECT_EQ(pages_of_2, 1u) << "nothing is read of what was removed";
      scan_.add(second_);
    }
    if (after.segment == 2 && after.done) scan_.add({.segment = 3});
    if (after.segment == 3 && after.done) co_return failure(ErrorClass::kFatal, "take page", {}, "the end of the test");
    co_return taken;
  }

 private:
  TableScan& scan_;
  SegmentPosition second_;
};

TEST_F(TableScanTest, ServesSegmentsThatComeAndGo) {
  fill(600);
  auto run = make_run({.split = 4});
  Juggler juggler(run.scan());
  run.scan().add({.segment = 0});
  const Status ended = run.serve(juggler);
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message, ::testing::HasSubstr("the end of the test"));
  EXPECT_TRUE(juggler.held_when_removed) << "its page was still under way";
  EXPECT_GT(juggler.pages_of_2, 2u);
  expect_all(juggler.items);
}

TEST_F(TableScanTest, WhatIsRemovedBeforeItsTurnIsNotRead) {
  fill(600);
  server.fail_next({.kind = FaultKind::kAccessDenied, .operation = "Scan"});
  auto run = make_run({.split = 4});
  run.scan().add({.segment = 0});
  run.scan().add({.segment = 1});
  run.scan().remove(1);
  EXPECT_FALSE(run.scan().holds(1));
  Collector collector;
  EXPECT_FALSE(run.serve(collector));
  EXPECT_THAT(collector.positions, IsEmpty());
  EXPECT_TRUE(run.scan().holds(0));
}

}  // namespace
}  // namespace dynamirror::source
