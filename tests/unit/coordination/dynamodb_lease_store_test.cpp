// SPDX-License-Identifier: Apache-2.0
//
// Goal: the store in DynamoDB survives what the service does to it, gives up when it said, and leaves no doubt where it
// cannot know.
// Method: the strict stand-in, told to misbehave. What all stores have in common is in lease_store_test.cpp.
#include "coordination/dynamodb_lease_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "unit/coordination/lease_backends.hpp"

namespace dynamirror::coordination {
namespace {

using Kind = LeaseWrite::Kind;
using Outcome = LeaseStore::Outcome;
using support::FaultKind;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The machine's clock, until `due` says true: then the time that anything waits for is over. So a test says after how
/// many requests that is, however fast the machine is.
class LeapingClock final : public Clock {
 public:
  explicit LeapingClock(std::function<bool()> due) : due_(std::move(due)) {}
  [[nodiscard]] WallTime wall_now() const override { return system_clock().wall_now(); }
  [[nodiscard]] SteadyTime steady_now() const override {
    constexpr std::chrono::hours kLeap{1};
    return system_clock().steady_now() + (due_() ? Duration(kLeap) : Duration{});
  }

 private:
  std::function<bool()> due_;
};

class DynamoDbLeaseStoreTest : public ::testing::Test {
 protected:
  DynamoDbLeaseStoreTest() {
    EXPECT_EQ(write({.kind = Kind::kCreate, .key = "a", .checkpoint = "1"}), Outcome::kDone);
    EXPECT_EQ(write({.kind = Kind::kTake, .key = "a", .counter = 0, .owner = "me"}), Outcome::kDone);
  }
  ~DynamoDbLeaseStoreTest() override { EXPECT_THAT(backend_.standin().complaints(), IsEmpty()); }

  Result<Outcome> write(const LeaseWrite& write, SteadyTime not_after = kNoDeadline) {
    return backend_.run(store_.write(write, not_after));
  }
  std::uint64_t counter() { return backend_.run(store_.get("a"))->value().counter; }
  std::uint64_t sent(const std::string& operation) { return backend_.standin().statistics().requests[operation]; }

  /// After so many more requests.
  LeapingClock leap_after(std::uint64_t requests, const std::string& operation) {
    const std::uint64_t last = sent(operation) + requests;
    return LeapingClock([this, operation, last] { return sent(operation) >= last; });
  }

  DynamoDbBackend backend_{std::nullopt};
  LeaseStore& store_ = backend_.open();
  const LeaseWrite renew_{.kind = Kind::kRenew, .key = "a", .counter = 1};
};

TEST_F(DynamoDbLeaseStoreTest, SendsAThrottledWriteAgain) {
  backend_.standin().fail_next({.kind = FaultKind::kProvisionedThroughput, .operation = "UpdateItem", .times = 4});
  const auto before = store_.statistics().requests;
  EXPECT_EQ(write(renew_), Outcome::kDone);
  EXPECT_EQ(store_.statistics().requests, before + 5);
  EXPECT_EQ(counter(), 2u);
}

TEST_F(DynamoDbLeaseStoreTest, GivesUpAWriteThatStaysThrottled) {
  const LeapingClock clock = leap_after(3, "UpdateItem");
  auto& store = backend_.open_unprepared(backend_.table(), clock);
  backend_.standin().fail_next({.kind = FaultKind::kThrottling, .operation = "UpdateItem", .times = 1'000'000});
  const auto given_up = backend_.run(store.write(renew_, kNoDeadline));
  ASSERT_FALSE(given_up);
  EXPECT_TRUE(given_up.error().retryable()) << to_line(given_up.error());
  EXPECT_EQ(store.statistics().requests, 3u);
}

TEST_F(DynamoDbLeaseStoreTest, DoesNotPaceAThrottledWriteBeyondItsTime) {
  const LeapingClock clock = leap_after(2, "UpdateItem");
  auto& store = backend_.open_unprepared(backend_.table(), clock);
  backend_.standin().fail_next({.kind = FaultKind::kThrottling, .operation = "UpdateItem", .times = 1'000'000});
  const auto given_up = backend_.run(store.write(renew_, clock.steady_now() + DynamoDbBackend::kPatient / 2));
  ASSERT_FALSE(given_up);
  EXPECT_TRUE(given_up.error().retryable()) << to_line(given_up.error());
  EXPECT_EQ(store.statistics().requests, 2u);
}

TEST_F(DynamoDbLeaseStoreTest, DoesNotWaitForAnAnswerBeyondItsTime) {
  backend_.standin().fail_next({.kind = FaultKind::kFreeze, .operation = "UpdateItem"});
  const SteadyTime end = system_clock().steady_now() + std::chrono::milliseconds(60);
  const auto unknown = write(renew_, end);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().error_class, ErrorClass::kTransient);
  EXPECT_LT(system_clock().steady_now(), end + DynamoDbBackend::kPatient / 2);
}

// The store does not guess; a look tells.
TEST_F(DynamoDbLeaseStoreTest, NeverSendsAWriteAgainThatMayHaveLanded) {
  for (const auto kind : {FaultKind::kCloseAfter, FaultKind::kHalfAnswer, FaultKind::kWrongCrc}) {
    const auto before = counter();
    const auto sent_before = sent("UpdateItem");
    backend_.standin().fail_next({.kind = kind, .operation = "UpdateItem"});
    const auto unknown = write({.kind = Kind::kRenew, .key = "a", .counter = before});
    ASSERT_FALSE(unknown) << to_string(kind);
    EXPECT_EQ(unknown.error().error_class, ErrorClass::kTransient);
    EXPECT_EQ(sent("UpdateItem"), sent_before + 1);
    EXPECT_EQ(counter(), before + 1);
  }
}

TEST_F(DynamoDbLeaseStoreTest, ScansPageByPageThroughThrottling) {
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(write({.kind = Kind::kCreate, .key = "lease-" + std::to_string(i), .checkpoint = "1"}), Outcome::kDone);
  }
  backend_.standin().configure([](support::Service::Options& options) { options.scan_page_bytes = 500; });
  backend_.standin().fail_next(
      {.kind = FaultKind::kProvisionedThroughput, .operation = "Scan", .times = 3, .after = 1});
  const auto rows = backend_.run(store_.scan({}));
  ASSERT_TRUE(rows) << to_line(rows.error());
  EXPECT_THAT(rows->leases, SizeIs(31));
  EXPECT_GT(sent("Scan"), 5u);
}

TEST_F(DynamoDbLeaseStoreTest, GivesUpAScanThatStaysThrottled) {
  const LeapingClock clock = leap_after(3, "Scan");
  auto& store = backend_.open_unprepared(backend_.table(), clock);
  backend_.standin().fail_next({.kind = FaultKind::kThrottling, .operation = "Scan", .times = 1'000'000});
  const auto rows = backend_.run(store.scan({}));
  ASSERT_FALSE(rows);
  EXPECT_TRUE(rows.error().retryable()) << to_line(rows.error());
  EXPECT_EQ(store.statistics().requests, 3u);
}

TEST_F(DynamoDbLeaseStoreTest, CountsWhatTheServiceCharges) {
  const auto before = store_.statistics();
  EXPECT_EQ(write(renew_), Outcome::kDone);
  EXPECT_EQ(write(renew_), Outcome::kConflict);
  EXPECT_EQ(store_.statistics().write_units, before.write_units + 2);
  (void)backend_.run(store_.scan({}));
  EXPECT_EQ(store_.statistics().read_units, before.read_units + 0.5) << "a scan is eventually consistent";
  (void)counter();
  EXPECT_EQ(store_.statistics().read_units, before.read_units + 1.5) << "a look is consistent";
}

TEST_F(DynamoDbLeaseStoreTest, NamesTheTableInMessages) {
  auto& store = backend_.open_unprepared(TableName("missing"));
  EXPECT_EQ(store.describe(), "eu-west-1/missing");
  const auto rows = backend_.run(store.scan({}));
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().error_class, ErrorClass::kNotFound);
  EXPECT_THAT(to_line(rows.error()), HasSubstr("eu-west-1/missing"));
}

class PrepareTest : public ::testing::Test {
 protected:
  Result<DynamoDbLeaseStore::Prepared> prepare(bool create) {
    return backend_.run(
        backend_.open_unprepared(table_).prepare({.create = create, .wait = {.pause = std::chrono::milliseconds(1)}}));
  }
  const TableName table_{"leases"};
  DynamoDbBackend backend_{std::nullopt};
};

TEST_F(PrepareTest, MakesTheTableOnceAndWaitsForIt) {
  EXPECT_EQ(prepare(true), DynamoDbLeaseStore::Prepared::kCreated);
  const auto table = backend_.run(backend_.client().describe_table(table_));
  ASSERT_TRUE(table);
  EXPECT_TRUE(table->active());
  EXPECT_EQ(table->key, (model::KeySchema{{"leaseKey", "S"}, {}}));
  EXPECT_EQ(table->billing_mode, aws::BillingMode::kPayPerRequest);
  EXPECT_EQ(prepare(true), DynamoDbLeaseStore::Prepared::kFound);
}

TEST_F(PrepareTest, LetsSeveralWorkersMakeItAtTheSameTime) {
  auto& one = backend_.open_unprepared(table_);
  auto& two = backend_.open_unprepared(table_);
  const DynamoDbLeaseStore::PrepareOptions options{.create = true, .wait = {.pause = std::chrono::milliseconds(1)}};
  const auto [first, second] = backend_.run_both(one.prepare(options), two.prepare(options));
  EXPECT_TRUE(first) << to_line(first.error());
  EXPECT_TRUE(second) << to_line(second.error());
}

TEST_F(PrepareTest, WaitsForATableThatAnotherIsMaking) {
  aws::CreateTableSpec spec;
  spec.name = table_;
  spec.key = {{"leaseKey", "S"}, {}};
  spec.attributes = {{"leaseKey", "S"}};
  const aws::WaitOptions impatient{.timeout = std::chrono::milliseconds(0), .pause = std::chrono::milliseconds(1)};
  ASSERT_FALSE(backend_.run(backend_.client().ensure_table(spec, impatient))) << "it is still being made";
  EXPECT_EQ(prepare(false), DynamoDbLeaseStore::Prepared::kFound);
  EXPECT_TRUE(backend_.run(backend_.open_unprepared(table_).scan({})));
}

TEST_F(PrepareTest, MakesNoTableUnasked) {
  const auto refused = prepare(false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error_class, ErrorClass::kNotFound);
  EXPECT_THAT(to_line(refused.error()), HasSubstr("make it with the key leaseKey (S)"));
  EXPECT_EQ(backend_.standin().statistics().requests["CreateTable"], 0u);
}

}  // namespace
}  // namespace dynamirror::coordination
