// SPDX-License-Identifier: Apache-2.0
//
// Goal: two spellings of one number are one number, at every digit of DynamoDB's 38.
// Method: classes of equal spellings; members of different classes must differ.
#include "model/number.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace dynamirror::model {
namespace {

std::string canonical(std::string_view text) {
  std::string out;
  append_canonical_number(out, text);
  return out;
}

TEST(CanonicalNumber, IsTheOneThatDynamoDbAnswersForEverySpelling) {
  const std::string zeros(125, '0');
  const std::vector<std::pair<std::string, std::vector<std::string>>> classes{
      {"0", {"-0", "0.0", "0e5", "000", "0E-130"}},
      {"1", {"1.0", "+1", "01", "10e-1", "0.1e1", "1E+0", "0.001E3"}},
      {"-1", {"-1.00", "-10E-1"}},
      {"10", {"1e1", "1E+1", "10."}},
      {"0.5", {".5", "5e-1", "50E-2"}},
      {"-12.25", {"-12.250", "-1.225e1"}},
      {"99999999999999999999999999999999999999", {"9.9999999999999999999999999999999999999E37"}},
      {"99999999999999999999999999999999999998", {}},
      {"0." + zeros + "00001", {"1E-130", "0.1E-129"}},
      {"99" + zeros.substr(1), {"9.9E+125", "99E124"}},
      {"1E500", {"10e499", "0.1E501"}},
      {"-15E-502", {"-1.5E-501"}},
  };
  for (const auto& [wanted, spellings] : classes) {
    EXPECT_EQ(canonical(wanted), wanted);
    EXPECT_EQ(is_canonical_number(wanted), wanted.find('E') == std::string::npos) << wanted;
    for (const std::string& spelling : spellings) {
      EXPECT_EQ(canonical(spelling), wanted);
      EXPECT_FALSE(is_canonical_number(spelling)) << spelling;
    }
  }
}

TEST(CanonicalNumber, LeavesWhatIsNoNumberAsItIs) {
  for (const char* bad : {"", "x", "1x", "--1", "1e", "1e+", "1e+-1", "1e99999999999", ".", "-", "1.2.3", "1 "}) {
    EXPECT_EQ(canonical(bad), bad);
    EXPECT_FALSE(is_canonical_number(bad)) << bad;
  }
}

}  // namespace
}  // namespace dynamirror::model
