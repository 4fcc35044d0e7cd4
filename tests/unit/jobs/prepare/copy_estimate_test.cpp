// SPDX-License-Identifier: Apache-2.0
//
// Goal: what a copy is said to cost, and how long a load is said to take, is what DynamoDB's units come to.
#include <gtest/gtest.h>

#include "jobs/prepare/copy_preflight.hpp"
#include "jobs/replication/initial_load.hpp"

namespace dynamirror::jobs {
namespace {

using std::chrono::seconds;

aws::TableDescription table_of(std::int64_t items, std::int64_t bytes) {
  aws::TableDescription table;
  table.item_count = items;
  table.size_bytes = bytes;
  return table;
}

TEST(CopyEstimate, ReadsCostHalfWhenTheyNeedNotBeConsistent) {
  const auto table = table_of(1'000, 4'096'000);
  EXPECT_DOUBLE_EQ(estimate_copy(table, {.consistent = true}).read_units, 1'000);
  EXPECT_DOUBLE_EQ(estimate_copy(table, {.consistent = false}).read_units, 500);
}

TEST(CopyEstimate, AWriteCostsAUnitForEachKibibyteBegun) {
  EXPECT_DOUBLE_EQ(estimate_copy(table_of(100, 100 * 10), {}).write_units, 100);
  EXPECT_DOUBLE_EQ(estimate_copy(table_of(100, 100 * 1'024), {}).write_units, 100);
  EXPECT_DOUBLE_EQ(estimate_copy(table_of(100, 100 * 1'025), {}).write_units, 200);
}

TEST(CopyEstimate, AShareCostsItsPartOfTheTable) {
  const auto whole = estimate_copy(table_of(1'000, 8'192'000), {});
  const auto share = estimate_copy(table_of(1'000, 8'192'000), {.shares = 4});
  EXPECT_DOUBLE_EQ(share.items, whole.items / 4);
  EXPECT_DOUBLE_EQ(share.bytes, whole.bytes / 4);
  EXPECT_DOUBLE_EQ(share.read_units, whole.read_units / 4);
  EXPECT_DOUBLE_EQ(share.write_units, whole.write_units / 4);
}

TEST(CopyEstimate, ATableThatHasNotCountedItselfYetCostsNothing) {
  const auto estimate = estimate_copy(table_of(0, 0), {});
  EXPECT_EQ(estimate.read_units, 0);
  EXPECT_EQ(estimate.write_units, 0);
  EXPECT_EQ(to_text(estimate), "about 0 items, 0 bytes: 0 read units, 0 write units (without indexes)");
}

TEST(CopyEstimate, PeopleReadWholeNumbersRoundedUp) {
  EXPECT_EQ(to_text(estimate_copy(table_of(1'200, 345'678), {.consistent = true})),
            "about 1,200 items, 345,678 bytes: 85 read units, 1,200 write units (without indexes)");
}

TEST(ExpectedLoadTime, TheSlowerBudgetDecides) {
  const CopyEstimate estimate{.items = 1'000, .bytes = 1'000'000, .read_units = 600, .write_units = 1'000};
  EXPECT_EQ(expected_load_time(estimate, {.read_units_per_second = 10}), seconds(60));
  EXPECT_EQ(expected_load_time(estimate, {.write_units_per_second = 10}), seconds(100));
  EXPECT_EQ(expected_load_time(estimate, {.read_units_per_second = 10, .write_units_per_second = 10}), seconds(100));
  EXPECT_EQ(expected_load_time(estimate, {.read_units_per_second = 2, .write_units_per_second = 10}), seconds(300));
}

TEST(ExpectedLoadTime, NobodyKnowsWithoutABudget) {
  EXPECT_EQ(expected_load_time({.items = 1, .bytes = 1, .read_units = 1, .write_units = 1}, {}), std::nullopt);
}

}  // namespace
}  // namespace dynamirror::jobs
