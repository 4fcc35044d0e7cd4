// SPDX-License-Identifier: Apache-2.0
//
// Goal: the two forms of time that AWS sends are read exactly, and nothing else is taken for a time.
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

TEST(TimeFormats, ReadsIsoTimesInUtc) {
  EXPECT_EQ(shown(parse_iso_time("2026-01-02T03:04:05Z")), "2026-01-02T03:04:05Z");
  EXPECT_EQ(shown(parse_iso_time("2026-01-02T03:04:05.678Z")), "2026-01-02T03:04:05Z");
  EXPECT_EQ(shown(parse_iso_time("2026-01-02T03:04:05+00:00")), "2026-01-02T03:04:05Z");
  for (const char* text :
       {"", "soon", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04:05+02:00", "2026-13-02T03:04:05Z",
        "2026-02-30T03:04:05Z", "2026-01-02T03:04:61Z", "1066-01-01T00:00:00Z"}) {
    EXPECT_EQ(shown(parse_iso_time(text)), "none") << text;
  }
}

TEST(TimeFormats, HoldsYearsBeyondTheClockAtItsEnd) {
  EXPECT_EQ(shown(parse_iso_time("9999-12-31T23:59:59Z")), "2200-12-31T00:00:00Z");
  EXPECT_EQ(shown(parse_iso_time("6259-01-01T06:00:00Z")), "2200-12-31T00:00:00Z");
}

}  // namespace
}  // namespace dynamirror::aws
