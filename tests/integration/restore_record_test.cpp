// SPDX-License-Identifier: Apache-2.0
//
// Goal: a record is brought back to what it was, also where the table throttles.
// Method: the scripted server throttles the first attempts.
#include "jobs/restore/restore_record.hpp"

#include "integration/copy_fixture.hpp"

namespace dynamirror::integration {
namespace {

using support::FaultKind;

class RestoreRecord : public CopyTest {
 protected:
  void SetUp() override { add_copy_tables(); }

  /// As the user has seen the record, and wants it.
  Status restore(std::optional<std::string> now, std::optional<std::string> wanted) {
    CopyProcess process(process_options());
    const jobs::RecordRestore plan{
        .key = target.canonical_key(kTarget, key_of("a")), .now = std::move(now), .wanted = std::move(wanted)};
    Status ended;
    process.execute(apply(process, plan, ended), {});
    return ended;
  }
  [[nodiscard]] std::size_t items() const { return target.snapshot(kTarget).size(); }

 private:
  static async::Task<> apply(CopyProcess& process, const jobs::RecordRestore& plan, Status& ended) {
    const model::KeySchema key{{"id", "S"}, {}};
    ended = co_await jobs::apply_record_restore(process.target(), key, plan, system_clock(), process.random());
  }
};

TEST_F(RestoreRecord, ThrottlingIsWaitedOut) {
  target.fail_next({.kind = FaultKind::kProvisionedThroughput, .operation = "PutItem", .times = 3});
  EXPECT_TRUE(restore(std::nullopt, item_of("a", "1")));
  EXPECT_EQ(items(), 1u);
  target.fail_next({.kind = FaultKind::kThrottling, .operation = "DeleteItem", .times = 3});
  EXPECT_TRUE(restore(item_of("a", "1"), std::nullopt));
  EXPECT_EQ(items(), 0u);
}

TEST_F(RestoreRecord, WhatChangedSinceItWasShownIsNotOverwritten) {
  const auto expect_conflict = [](const Status& ended) {
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().error_class, ErrorClass::kConflict);
    EXPECT_THAT(ended.error().message, ::testing::HasSubstr("not as it was shown any more; nothing was written"));
  };
  target.put(kTarget, item_of("a", "live"));
  expect_conflict(restore(item_of("a", "seen"), item_of("a", "old")));
  expect_conflict(restore(std::nullopt, item_of("a", "old")));
  expect_conflict(restore(item_of("a", "seen"), std::nullopt));
  EXPECT_EQ(target.snapshot(kTarget).begin()->second, item_of("a", "live"));
  EXPECT_TRUE(restore(item_of("a", "live"), item_of("a", "old")));
}

TEST_F(RestoreRecord, WhatIsRefusedIsNotTriedAgain) {
  target.fail_next({.kind = FaultKind::kAccessDenied, .operation = "PutItem", .times = 1});
  const Status ended = restore(std::nullopt, item_of("a", "1"));
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().error_class, ErrorClass::kDenied);
  EXPECT_EQ(items(), 0u);
}

}  // namespace
}  // namespace dynamirror::integration
