// SPDX-License-Identifier: Apache-2.0
//
// Goal: an operator sees who works on what from nothing but two looks at the rows.
#include "jobs/fleet/lease_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::jobs {
namespace {

using coordination::Lease;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Lease lease(const std::string& key, const std::string& owner, std::uint64_t counter) {
  return {.key = key, .owner = owner, .counter = counter, .checkpoint = "7"};
}

LeaseReport two_looks(std::vector<Lease> first, std::vector<Lease> second, milliseconds apart = milliseconds(4'000)) {
  return report_leases({.first = coordination::LeaseRows{.leases = std::move(first)},
                        .second = {.leases = std::move(second), .foreign = 2},
                        .apart = apart});
}

LeaseLine line(std::vector<Lease> first, std::vector<Lease> second, milliseconds apart = milliseconds(4'000)) {
  return two_looks(std::move(first), std::move(second), apart).leases.at(0);
}

TEST(LeaseReport, CallsRunningWhatIsRenewed) {
  const LeaseLine seen = line({lease("a", "w", 5)}, {lease("a", "w", 7)});
  EXPECT_EQ(seen.state, LeaseState::kRunning);
  EXPECT_EQ(seen.renewals, 2u);
  EXPECT_FALSE(seen.checkpoint_moved);
}

TEST(LeaseReport, CallsSilentThenExpiredWhatIsNot) {
  EXPECT_EQ(line({lease("a", "w", 5)}, {lease("a", "w", 5)}, milliseconds(10'000)).state, LeaseState::kSilent);
  EXPECT_EQ(line({lease("a", "w", 5)}, {lease("a", "w", 5)}, milliseconds(10'001)).state, LeaseState::kExpired);
}

TEST(LeaseReport, SaysNothingOfRenewalsAfterOneLook) {
  const auto report = report_leases({.second = {.leases = {lease("a", "w", 5)}}});
  EXPECT_EQ(report.leases.at(0).state, LeaseState::kOwned);
}

TEST(LeaseReport, KnowsUnownedFinishedAndHandedOver) {
  Lease done = lease("d", "w", 1);
  done.checkpoint = "SHARD_END";
  Lease handed = lease("h", "new", 1);
  handed.checkpoint_owner = "old";
  const auto report = two_looks({}, {lease("u", "", 3), done, handed});
  ASSERT_EQ(report.leases.size(), 3u);
  EXPECT_EQ(report.leases[0].state, LeaseState::kFinished);
  EXPECT_EQ(report.leases[1].state, LeaseState::kHandingOver);
  EXPECT_EQ(report.leases[1].worker(), "old");
  EXPECT_EQ(report.leases[2].state, LeaseState::kUnowned);
  EXPECT_THAT(report.workers, ElementsAre(Pair("old", 1)));
  EXPECT_EQ(report.unowned, 1u);
  EXPECT_EQ(report.finished, 1u);
  EXPECT_EQ(report.foreign, 2u);
}

TEST(LeaseReport, SeesCheckpointsMoveAndRowsMadeAnew) {
  Lease moved = lease("a", "w", 6);
  moved.checkpoint = "8";
  EXPECT_TRUE(line({lease("a", "w", 5)}, {moved}).checkpoint_moved);
  EXPECT_EQ(line({lease("a", "w", 5)}, {lease("a", "w", 1)}).renewals, 0u);
  EXPECT_EQ(line({}, {lease("a", "w", 1)}).state, LeaseState::kRunning) << "it was made between the looks";
}

TEST(LeaseReport, WatchesALittleLongerThanARenewalTakes) {
  for (const milliseconds failover : {milliseconds(1'000), milliseconds(10'000), milliseconds(60'000)}) {
    EXPECT_GT(watch_time(failover), failover / 3);
    EXPECT_LT(watch_time(failover), failover);
  }
}

TEST(LeaseRow, IsExplainedWithWhatNobodyKnows) {
  const auto attributes = explain_row(
      R"({"leaseKey":{"S":"a\"b"},"leaseCounter":{"N":"7"},"parentShardId":{"SS":["p"]},"other":{"M":{"x":{"N":"1"}}}})");
  ASSERT_TRUE(attributes);
  ASSERT_EQ(attributes->size(), 4u);
  EXPECT_EQ((*attributes)[0].value, "a\"b");
  EXPECT_EQ((*attributes)[1].type, "N");
  EXPECT_EQ((*attributes)[1].value, "7");
  EXPECT_EQ((*attributes)[2].value, R"(["p"])");
  EXPECT_FALSE((*attributes)[2].meaning.empty());
  EXPECT_EQ((*attributes)[3].value, R"({"x":{"N":"1"}})");
  EXPECT_THAT((*attributes)[3].meaning, IsEmpty());
  EXPECT_FALSE(explain_row("[]"));
}

TEST(LeaseRow, OfAFileLooksLikeTheTables) {
  EXPECT_EQ(row_json({.key = "a", .owner = "w", .counter = 3, .checkpoint = "7", .parents = {"p", "q"}}),
            R"({"leaseKey":{"S":"a"},"leaseOwner":{"S":"w"},"leaseCounter":{"N":"3"},)"
            R"("ownerSwitchesSinceCheckpoint":{"N":"0"},"checkpoint":{"S":"7"},"parentShardId":{"SS":["p","q"]}})");
}

}  // namespace
}  // namespace dynamirror::jobs
