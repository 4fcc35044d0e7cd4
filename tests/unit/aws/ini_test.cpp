// SPDX-License-Identifier: Apache-2.0
//
// Goal: the AWS tools' configuration files are read as those tools read them, and mistakes are told with their line.
// Method: small files as text; what is right was compared with botocore 1.44.
#include "aws/credentials/impl/ini.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::aws {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<IniSection> read(std::string_view text) {
  auto sections = parse_ini(text, "file");
  for (const IniSection& section : sections) EXPECT_FALSE(section.trouble) << to_line(*section.trouble);
  return sections;
}

std::string refusal(std::string_view text) {
  for (const IniSection& section : parse_ini(text, "/home/u/.aws/config")) {
    if (section.trouble) return to_line(*section.trouble);
  }
  return "accepted";
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

TEST(Ini, LeavesWhatLooksLikeACommentInQuotes) {
  const auto sections = read("[d]\ncredential_process = tool --note \"a # b\" # ours\nn = it's # one\n");
  EXPECT_EQ(sections[0].properties.at("credential_process"), "tool --note \"a # b\"");
  EXPECT_EQ(sections[0].properties.at("n"), "it's");
}

TEST(Ini, ReadsColonsAndIndentedSettings) {
  const auto sections = read("  [a]\n  x = 1\n  y: http://h\n\n  z = k:v\n[b] text\n\tx: a=b\n");
  ASSERT_EQ(sections.size(), 2u);
  EXPECT_EQ(sections[0].properties, (std::map<std::string, std::string>{{"x", "1"}, {"y", "http://h"}, {"z", "k:v"}}));
  EXPECT_EQ(sections[1].properties.at("x"), "a=b");
}

TEST(Ini, GivesEverySectionWhatDefaultInCapitalsHolds) {
  const auto sections = read("[a]\nx = 1\n[DEFAULT]\nx = 0\ny = 2\n[default]\n");
  EXPECT_EQ(sections[0].properties.at("x"), "1");
  EXPECT_EQ(sections[0].properties.at("y"), "2");
  EXPECT_EQ(sections[2].properties.at("x"), "0");
}

TEST(Ini, SpoilsOnlyTheSectionWhoseLineIsNotUnderstood) {
  const auto sections = parse_ini("stray\n[a]\nx\nz=1\n[b]\nx=2\n[c\ny=1\n[d]\ns3 =\n  fast\n", "file");
  ASSERT_EQ(sections.size(), 5u);
  EXPECT_TRUE(sections[0].trouble && sections[1].trouble && sections[3].trouble && sections[4].trouble);
  EXPECT_FALSE(sections[2].trouble);
  EXPECT_TRUE(sections[3].name.empty());
  EXPECT_THAT(sections[4].trouble->message, HasSubstr("line 10: below it, expected nested settings"));
}

TEST(Ini, NamesNestedSettingsAfterTheOneAboveThemAndJoinsContinuedValues) {
  const auto sections =
      read("[default]\ns3 =\n  max_concurrent_requests = 20\n\n  Region = wrong\nname = one\n  two\nlast = 1");
  EXPECT_EQ(sections[0].properties.at("s3.max_concurrent_requests"), "20");
  EXPECT_EQ(sections[0].properties.at("s3.region"), "wrong");
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
  EXPECT_THAT(refusal("[a]\n= SECRETKEY\n"), HasSubstr("line 2: a value without a name"));
  EXPECT_THAT(refusal("[a]\n  SECRETKEY\n"), HasSubstr("line 2: expected \"name = value\""));
  for (const char* text :
       {"[d]\nSECRETKEY\n", "SECRETKEY", "[a\nSECRETKEY\n", "[a]\n= SECRETKEY\n", "[a]\n SECRETKEY\n"}) {
    EXPECT_THAT(refusal(text), Not(HasSubstr("SECRETKEY")));
  }
}

}  // namespace
}  // namespace dynamirror::aws
