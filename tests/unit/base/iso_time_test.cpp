// SPDX-License-Identifier: Apache-2.0
//
// Goal: every form of ISO 8601 that services and tools write is read exactly, and nothing else is taken for a time.
// Method: examples, among them the ones that fuzzing found.
#include "base/iso_time.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace dynamirror {
namespace {

std::string shown(std::string_view text) {
  const auto time = parse_iso_time(text);
  return time ? format_time(*time) : "none";
}

TEST(IsoTime, ReadsEveryFormOfAMoment) {
  for (const char* text :
       {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05,678z", "2026-01-02T03:04:05+00:00",
        "2026-01-02 03:04:05+0000", "20260102T030405Z", "20260102T030405.1+00", "2026-01-02T04:04:05+01:00",
        "2026-01-02T05:34:05+0230", "2026-01-01T22:04:05-05:00", "2026-01-01T22:04:05-05", "20260102t030405z"}) {
    EXPECT_EQ(shown(text), "2026-01-02T03:04:05Z") << text;
  }
  EXPECT_EQ(shown("2026-01-02T03:04Z"), "2026-01-02T03:04:00Z");
  EXPECT_EQ(shown("20260102T0304+0100"), "2026-01-02T02:04:00Z");
}

TEST(IsoTime, KeepsFractionsToANanosecond) {
  EXPECT_EQ(parse_iso_time("1970-01-01T00:00:01.5Z"), WallTime(std::chrono::milliseconds(1'500)));
  EXPECT_EQ(parse_iso_time("1970-01-01T00:00:00.123456789012Z"), WallTime(std::chrono::nanoseconds(123'456'789)));
}

TEST(IsoTime, ReadsNothingElse) {
  for (const char* text : {"",
                           "soon",
                           "2026-01-02",
                           "2026-01-02T03:04:05",
                           "2026-01-02T03:04:05.Z",
                           "2026-0102T03:04:05Z",
                           "202601-02T03:04:05Z",
                           "2026-01-02T03:0405Z",
                           "2026-01-02T0304:05Z",
                           "2026-01-02T03Z",
                           "2026-13-02T03:04:05Z",
                           "2026-02-30T03:04:05Z",
                           "2026-01-02T24:04:05Z",
                           "2026-01-02T03:60:05Z",
                           "2026-01-02T03:04:61Z",
                           "2026-01-02T03:04:05+24:00",
                           "2026-01-02T03:04:05+01:60",
                           "2026-01-02T03:04:05+1",
                           "2026-01-02T03:04:05 CET",
                           "2026-01-02T03:04:05Z ",
                           " 2026-01-02T03:04:05Z",
                           "1066-01-01T00:00:00Z",
                           "+026-01-02T03:04:05Z"}) {
    EXPECT_EQ(shown(text), "none") << text;
  }
}

TEST(IsoTime, HoldsYearsBeyondTheClockAtItsEnd) {
  EXPECT_EQ(shown("9999-12-31T23:59:59Z"), "2200-12-31T00:00:00Z");
  EXPECT_EQ(shown("6259-01-01T06:00:00Z"), "2200-12-31T00:00:00Z");
}

}  // namespace
}  // namespace dynamirror
