// SPDX-License-Identifier: Apache-2.0
//
// Goal: exactly JSON's numbers are numbers.
// Method: the grammar's branches, each with its nearest mistake.
#include "json/impl/number_syntax.hpp"

#include <gtest/gtest.h>

namespace dynamirror::json::impl {
namespace {

TEST(NumberSyntax, TakesEveryFormOfTheGrammar) {
  for (const char* text : {"0", "-0", "1", "10", "0.0", "-1.50", "1e5", "1E+5", "1.5e-10", "0e0"}) {
    EXPECT_TRUE(is_number(text)) << text;
  }
}

TEST(NumberSyntax, RefusesItsNearMisses) {
  for (const char* text :
       {"", "-", "+1", "01", "-01", ".5", "1.", "1.e5", "1e", "1e+", "1e5.0", "1 ", " 1", "0x1", "1,"}) {
    EXPECT_FALSE(is_number(text)) << text;
  }
}

}  // namespace
}  // namespace dynamirror::json::impl
