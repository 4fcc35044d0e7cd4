// SPDX-License-Identifier: Apache-2.0
//
// Goal: a supervisor reads from the number what to do (docs/exit-codes.md), whatever jobs call their reasons.
#include "app/options/exit_code.hpp"

#include <gtest/gtest.h>

namespace dynamirror::app {
namespace {

using jobs::Reason;

TEST(ExitCodeOf, EveryReasonHasTheDocumentedNumber) {
  const std::pair<Reason, int> documented[] = {
      {Reason::kInvalid, 2},  {Reason::kNotReady, 3}, {Reason::kDenied, 4},  {Reason::kUnreachable, 5},
      {Reason::kState, 6},    {Reason::kTrimmed, 7},  {Reason::kStalled, 8}, {Reason::kPoison, 9},
      {Reason::kStopped, 10}, {Reason::kBug, 70}};
  for (const auto& [reason, number] : documented) EXPECT_EQ(static_cast<int>(exit_code_of(reason)), number);
}

}  // namespace
}  // namespace dynamirror::app
