// SPDX-License-Identifier: Apache-2.0
//
// Goal: two spellings of one number are one number, at every digit of DynamoDB's 38.
// Method: classes of equal spellings; members of different classes must differ.
#include "model/number.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dynamirror::model {
namespace {

std::string canonical(std::string_view text) {
  std::string out;
  append_canonical_number(out, text);
  return out;
}

TEST(SameNumber, HoldsWithinEachClassOfSpellingsAndNowhereElse) {
  const std::vector<std::vector<std::string>> classes{
      {"0", "-0", "0.0", "0e5", "000", "0E-130"},
      {"1", "1.0", "+1", "01", "10e-1", "0.1e1", "1E+0", "0.001E3"},
      {"-1", "-1.00", "-10E-1"},
      {"10", "1e1", "1E+1", "10."},
      {"0.5", ".5", "5e-1", "50E-2"},
      {"99999999999999999999999999999999999999", "9.9999999999999999999999999999999999999E37"},
      {"99999999999999999999999999999999999998"},
      {"1E-130", "0.1E-129"},
      {"9.9E+125", "99E124"},
  };
  for (std::size_t i = 0; i < classes.size(); ++i) {
    for (std::size_t j = 0; j < classes.size(); ++j) {
      for (const auto& left : classes[i]) {
        for (const auto& right : classes[j]) {
          EXPECT_EQ(same_number(left, right), i == j) << left << " and " << right;
          EXPECT_EQ(canonical(left) == canonical(right), i == j) << left << " and " << right;
        }
      }
    }
  }
}

TEST(SameNumber, TakesWhatIsNoNumberByItsBytes) {
  EXPECT_TRUE(same_number("x", "x"));
  for (const char* bad : {"", "x", "1x", "--1", "1e", "1e+", "1e+-1", "1e99999999999", ".", "-", "1.2.3", "1 "}) {
    EXPECT_FALSE(same_number(bad, "1")) << bad;
    EXPECT_FALSE(same_number(bad, "0")) << bad;
  }
}

}  // namespace
}  // namespace dynamirror::model
