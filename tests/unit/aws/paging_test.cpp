// SPDX-License-Identifier: Apache-2.0
//
// Goal: pages that never end are given up, and those that end, however many, are not.
// Method: sequences of tokens as servers and broken servers give them.
#include "aws/paging.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/errors.hpp"

namespace dynamirror::aws {
namespace {

using ::testing::HasSubstr;

/// How many pages of `token_of(0)`, `token_of(1)` … are read before they are given up; -1: the first `most` are not.
int pages_until_given_up(int most, std::size_t entries, auto token_of) {
  Paging paging;
  for (int page = 0; page < most; ++page) {
    const Status turned = paging.turn(token_of(page), entries, "s3://bucket/prefix");
    if (turned) continue;
    EXPECT_EQ(turned.error().code, kUnreadableAnswer);
    EXPECT_THAT(to_line(turned.error()), HasSubstr("s3://bucket/prefix"));
    return page + 1;
  }
  return -1;
}

TEST(Paging, ReadsAnyNumberOfPagesThatAreAllDifferent) {
  EXPECT_EQ(pages_until_given_up(100'000, 1, [](int page) { return std::to_string(page); }), -1);
}

TEST(Paging, GivesUpAtTheSecondIdenticalTokenInARow) {
  EXPECT_EQ(pages_until_given_up(100, 1, [](int) { return "same"; }), 2);
  EXPECT_EQ(pages_until_given_up(100, 1, [](int page) { return std::to_string(std::min(page, 40)); }), 42);
}

TEST(Paging, FindsACircleOfAnyLengthBehindAnyBeginning) {
  for (const int before : {0, 1, 7, 100}) {
    for (const int circle : {2, 3, 10, 1'000}) {
      const int pages = pages_until_given_up(10'000, 1, [&](int page) {
        return std::to_string(page < before ? page : before + (page - before) % circle);
      });
      EXPECT_GT(pages, before + circle);
      EXPECT_LE(pages, 4 * (before + circle));
    }
  }
}

TEST(Paging, GivesUpEmptyPagesWithoutEndButNotSomeBetweenOthers) {
  EXPECT_EQ(pages_until_given_up(5'000, 0, [](int page) { return std::to_string(page); }), 1'001);
  Paging paging;
  for (int page = 0; page < 5'000; ++page) {
    ASSERT_TRUE(paging.turn(std::to_string(page), page % 900 == 0 ? 1 : 0, "eu-west-1/Orders"));
  }
}

TEST(Paging, SaysNothingOfTheLastPage) {
  Paging paging;
  EXPECT_TRUE(paging.turn("", 0, ""));
  EXPECT_TRUE(paging.turn("", 0, ""));
}

}  // namespace
}  // namespace dynamirror::aws
