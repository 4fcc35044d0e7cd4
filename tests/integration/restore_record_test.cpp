// SPDX-License-Identifier: Apache-2.0
//
// Goal: a record is brought back to what it was, also where the table throttles.
// Method: the scripted server throttles the first attempts.
#include "jobs/restore_record.hpp"

#include "integration/copy_fixture.hpp"

namespace dynamirror::integration {
namespace {

using support::FaultKind;

class RestoreRecord : public CopyTest {
 protected:
  void SetUp() override { add_copy_tables(); }

  Status restore(std::optional<std::string> wanted) {
    CopyProcess process(process_options());
    const jobs::RecordRestore plan{
        .key = target.canonical_key(kTarget, key_of("a")), .now = std::nullopt, .wanted = std::move(wanted)};
    Status ended;
    process.execute(apply(process, plan, ended), {});
    return ended;
  }
  [[nodiscard]] std::size_t items() const { return target.snapshot(kTarget).size(); }

 private:
  static async::Task<> apply(CopyProcess& process, const jobs::RecordRestore& plan, Status& ended) {
    ended = co_await jobs::apply_record_restore(process.target(), plan, system_clock(), process.random());
  }
};

TEST_F(RestoreRecord, ThrottlingIsWaitedOut) {
  target.fail_next({.kind = FaultKind::kProvisionedThroughput, .operation = "PutItem", .times = 3});
  EXPECT_TRUE(restore(item_of("a", "1")));
  EXPECT_EQ(items(), 1u);
  target.fail_next({.kind = FaultKind::kThrottling, .operation = "DeleteItem", .times = 3});
  EXPECT_TRUE(restore(std::nullopt));
  EXPECT_EQ(items(), 0u);
}

TEST_F(RestoreRecord, WhatIsRefusedIsNotTriedAgain) {
  target.fail_next({.kind = FaultKind::kAccessDenied, .operation = "PutItem", .times = 1});
  const Status ended = restore(item_of("a", "1"));
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().error_class, ErrorClass::kDenied);
  EXPECT_EQ(items(), 0u);
}

}  // namespace
}  // namespace dynamirror::integration
