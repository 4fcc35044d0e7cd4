// SPDX-License-Identifier: Apache-2.0
//
// Goal: a key that never gets through is noticed, although all others do. Method: a target that throttles one key for
// ever, and a small bound.
#include "integration/replicate_fixture.hpp"

namespace dynamirror::integration {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using Retry = ReplicateTest;

TEST_F(Retry, AKeyThatIsAlwaysThrottledEndsTheJobAndIsNamed) {
  add_tables();
  put("stuck", "1");
  put("fine", "1");
  target.throttle_key(kTarget, key_of("stuck"), 1'000'000);
  auto run = make_run();
  run.options.job.pipeline.writing.max_attempts = 4;
  const auto ended = run.run();
  EXPECT_EQ(ended.reason, Reason::kStalled) << ended.text();
  EXPECT_THAT(ended.text(), AllOf(HasSubstr(key_of("stuck")), HasSubstr("4 attempts in a row")));
  EXPECT_EQ(target_values(), "fine=1");
}

}  // namespace
}  // namespace dynamirror::integration
