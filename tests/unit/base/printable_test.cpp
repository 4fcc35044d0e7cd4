// SPDX-License-Identifier: Apache-2.0
//
// Goal: nothing that comes from outside can act on a terminal, hide in it, or forge a line; all else is shown as it is.
// Method: one text for each kind of character, and JSON text that must stay the same JSON.
#include "base/printable.hpp"

#include <gtest/gtest.h>

namespace dynamirror {
namespace {

TEST(Printable, LeavesTextAsItIs) {
  EXPECT_EQ(printable("plain text, {\"id\":\"7\"}"), "plain text, {\"id\":\"7\"}");
  EXPECT_EQ(printable("grün 日本 🜁 \u200d"), "grün 日本 🜁 \u200d");
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, EscapesWhatATerminalActsUpon) {
  EXPECT_EQ(printable("\033[2J"), "\\u001b[2J");
  EXPECT_EQ(printable("a\nb\r\tc"), "a\\u000ab\\u000d\\u0009c");
  EXPECT_EQ(printable(std::string_view("\0\x7f", 2)), "\\u0000\\u007f");
  EXPECT_EQ(printable("\u0085\u009b1m"), "\\u0085\\u009b1m") << "C1: next line, and control sequence introducer";
}

TEST(Printable, EscapesWhatTurnsTextAroundOrEndsALine) {
  EXPECT_EQ(printable("a\u202eb\u2066c\u2069\u200f\u061c"), "a\\u202eb\\u2066c\\u2069\\u200f\\u061c");
  EXPECT_EQ(printable("\u2028\u2029"), "\\u2028\\u2029");
}

TEST(Printable, ReplacesBytesThatAreNoText) {
  EXPECT_EQ(printable("a\x9b"), "a\\ufffd") << "C1 as one byte";
  EXPECT_EQ(printable("\xff"
                      "b\xc3"),
            "\\ufffdb\\ufffd");
  EXPECT_EQ(printable("\xc0\x8a"), "\\ufffd\\ufffd") << "a line feed in two bytes";
  EXPECT_EQ(printable("\xe0\x80\x8a"), "\\ufffd\\ufffd\\ufffd") << "a line feed in three bytes";
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd") << "half of a surrogate pair";
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd") << "beyond the last character";
}

TEST(Printable, KeepsTheLinesOfATextOfSeveral) { EXPECT_EQ(printable_lines("one\ntwo\033\n"), "one\ntwo\\u001b\n"); }

TEST(Printable, BringsJsonOnOneLine) {
  EXPECT_EQ(json_on_one_line("{\n\t\"id\": \"a\\n\"\r\n}"), "{  \"id\": \"a\\n\"  }");
}

}  // namespace
}  // namespace dynamirror
