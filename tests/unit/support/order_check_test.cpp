// SPDX-License-Identifier: Apache-2.0
//
// Goal: the order check lets through what a correct replicator may do and finds what it must not do.
// Method: short histories of one key, values as letters, '-' for a delete.
#include "support/order_check.hpp"

#include <gtest/gtest.h>

namespace dynamirror::support {
namespace {

std::vector<AppliedWrite> history(const std::string& letters, const std::string& key = "key") {
  std::vector<AppliedWrite> writes;
  for (const char letter : letters) {
    AppliedWrite write;
    write.number = writes.size();
    write.key = key;
    if (letter != '-') write.item = std::make_shared<const StoredItem>(StoredItem{std::string(1, letter), 1});
    writes.push_back(write);
  }
  return writes;
}

OrderReport check(const std::string& source, const std::string& target, int restarts = 0) {
  return check_order(history(source), history(target), restarts);
}

TEST(OrderCheck, AcceptsEveryChangeInOrder) {
  const auto report = check("abc-d", "abc-d");
  EXPECT_TRUE(report.violations.empty());
  EXPECT_EQ(report.superseded, 0u);
  EXPECT_EQ(report.source_writes, 5u);
}

TEST(OrderCheck, CountsSupersededAndRepeatedChanges) {
  const auto report = check("abcd", "bbd");
  EXPECT_TRUE(report.violations.empty());
  EXPECT_EQ(report.superseded, 2u);
  EXPECT_EQ(report.repeated, 1u);
}

TEST(OrderCheck, AcceptsAValueThatComesBack) { EXPECT_TRUE(check("a-a", "aa").violations.empty()); }

TEST(OrderCheck, FindsAnOlderChangeAfterANewerOne) {
  EXPECT_EQ(check("abc", "acbc").violation_count, 1u);
  EXPECT_EQ(check("abc", "acbc", 1).violation_count, 0u) << "a restart may step back";
}

TEST(OrderCheck, FindsAMissingLastChange) {
  EXPECT_EQ(check("abc", "ab").violation_count, 1u);
  EXPECT_EQ(check("abc", "").violation_count, 1u);
}

TEST(OrderCheck, FindsForeignValuesAndKeys) {
  EXPECT_EQ(check("ab", "axb").violation_count, 1u);
  EXPECT_EQ(check_order(history("a"), history("a", "other")).violation_count, 2u) << "one missing, one foreign";
}

TEST(OrderCheck, IgnoresSourceWritesThatChangeNothing) {
  const auto report = check("-aabb", "ab");
  EXPECT_TRUE(report.violations.empty());
  EXPECT_EQ(report.source_writes, 2u);
}

}  // namespace
}  // namespace dynamirror::support
