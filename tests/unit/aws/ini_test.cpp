// SPDX-License-Identifier: Apache-2.0
//
// Goal: the AWS tools' configuration files are read as those tools read them, and mistakes are told with their line.
// Method: small files as text.
#include "aws/credentials/impl/ini.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::aws {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<IniSection> read(std::string_view text) {
  auto sections = parse_ini(text, "file");
  EXPECT_TRUE(sections) << to_line(sections.error());
  return sections ? std::move(*sections) : std::vector<IniSection>{};
}

std::string refusal(std::string_view text) {
  const auto sections = parse_ini(text, "/home/u/.aws/config");
  return sections ? "accepted" : to_line(sections.error());
}

TEST(Ini, ReadsSectionsWithTrimmedLowerCaseNames) {
  const auto sections = read("[default]\nRegion =  eu-west-1 \r\n\n[ profile a b ]\nx=1=2\n");
  ASSERT_EQ(sections.size(), 2u);
  EXPECT_EQ(sections[0].properties.at("region"), "eu-west-1");
  EXPECT_EQ(sections[1].name, "profile a b");
  EXPECT_EQ(sections[1].line, 4);
  EXPECT_EQ(sections[1].properties.at("x"), "1=2");
}

TEST(Ini, SkipsCommentsAndTheByteOrderMark) {
  const auto sections = read("\xEF\xBB\xBF# top\n; also\n[default] # here\na = 1 # one\nb = x#y;z\nc = 2\t; two\n");
  ASSERT_EQ(sections.size(), 1u);
  EXPECT_EQ(sections[0].properties.at("a"), "1");
  EXPECT_EQ(sections[0].properties.at("b"), "x#y;z");
  EXPECT_EQ(sections[0].properties.at("c"), "2");
}

TEST(Ini, SkipsNestedSettingsAndJoinsContinuedValues) {
  const auto sections =
      read("[default]\ns3 =\n  max_concurrent_requests = 20\n  region = wrong\nname = one\n  two\nlast = 1");
  EXPECT_EQ(sections[0].properties.at("name"), "one\ntwo");
  EXPECT_EQ(sections[0].properties.at("last"), "1");
  EXPECT_FALSE(sections[0].properties.contains("region"));
}

TEST(Ini, TakesTheLastOfARepeatedName) { EXPECT_EQ(read("[d]\na=1\na=2")[0].properties.at("a"), "2"); }

TEST(Ini, NamesFileAndLineOfAMistakeButNeverItsText) {
  EXPECT_EQ(refusal("[default]\n\nSECRETKEY\n"),
            "read configuration file /home/u/.aws/config: line 3: expected \"name = value\"");
  EXPECT_THAT(refusal("aws_secret_access_key = SECRETKEY\n"),
              HasSubstr("line 1: a setting before the first [section]"));
  EXPECT_THAT(refusal("[default\n"), HasSubstr("line 1: a section without its closing bracket"));
  EXPECT_THAT(refusal("[]\n"), HasSubstr("line 1: a section without a name"));
  EXPECT_THAT(refusal("[a] SECRETKEY\n"), HasSubstr("line 1: text behind the closing bracket"));
  EXPECT_THAT(refusal("[a]\n= SECRETKEY\n"), HasSubstr("line 2: a value without a name"));
  EXPECT_THAT(refusal("[a]\n  SECRETKEY\n"), HasSubstr("line 2: an indented line that continues no setting"));
  for (const char* text :
       {"[d]\nSECRETKEY\n", "SECRETKEY", "[a] SECRETKEY\n", "[a]\n= SECRETKEY\n", "[a]\n SECRETKEY\n"}) {
    EXPECT_THAT(refusal(text), Not(HasSubstr("SECRETKEY")));
  }
}

}  // namespace
}  // namespace dynamirror::aws
