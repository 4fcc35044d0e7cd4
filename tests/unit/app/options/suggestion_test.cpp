// SPDX-License-Identifier: Apache-2.0
//
// Goal: a mistyped word is answered with the nearest known one, and a word that is like none with nothing.
#include "app/options/suggestion.hpp"

#include <gtest/gtest.h>

namespace dynamirror::app {
namespace {

const std::vector<std::string> kKnown{"replicate", "replicate-record", "diff-tables", "diff-record", "copy-table"};

TEST(Suggestion, NamesTheNearestWord) {
  EXPECT_EQ(suggestion("replicat", kKnown), "; did you mean replicate?");
  EXPECT_EQ(suggestion("repilcate", kKnown), "; did you mean replicate?");
  EXPECT_EQ(suggestion("dif-tables", kKnown), "; did you mean diff-tables?");
  EXPECT_EQ(suggestion("copytable", kKnown), "; did you mean copy-table?");
}

TEST(Suggestion, NamesAllThatTheWordBegins) {
  EXPECT_EQ(suggestion("diff", kKnown), "; did you mean diff-tables or diff-record?");
}

TEST(Suggestion, NamesNothingThatIsFar) {
  EXPECT_EQ(suggestion("restore", kKnown), "");
  EXPECT_EQ(suggestion("", kKnown), "");
  EXPECT_EQ(suggestion("r", kKnown), "");
}

}  // namespace
}  // namespace dynamirror::app
