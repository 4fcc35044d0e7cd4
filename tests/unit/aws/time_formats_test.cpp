// SPDX-License-Identifier: Apache-2.0
//
// Goal: the Date header is read exactly, and nothing else is taken for a time.
// Method: examples, among them the ones that fuzzing found.
#include "aws/impl/time_formats.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace dynamirror::aws {
namespace {

std::string shown(const std::optional<WallTime>& time) { return time ? format_time(*time) : "none"; }

TEST(TimeFormats, ReadsTheDateHeader) {
  EXPECT_EQ(shown(parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT")), "2015-10-21T07:28:00Z");
  for (const char* text :
       {"", "Wed, 21 Oct 2015 07:28:00 CET", "Wed, 32 Oct 2015 07:28:00 GMT", "Wed, 21 Okt 2015 07:28:00 GMT",
        "Wed, 21 Oct 2015 24:28:00 GMT", "Wed, 21 Oct -015 07:28:00 GMT"}) {
    EXPECT_EQ(shown(parse_http_date(text)), "none") << text;
  }
}

}  // namespace
}  // namespace dynamirror::aws
