// SPDX-License-Identifier: Apache-2.0
//
// Goal: what the writer appends is JSON, with commas where they belong.
// Method: exact bytes.
#include "json/writer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dynamirror::json {
namespace {

TEST(Writer, SetsCommasBetweenMembersAndElementsOnly) {
  std::string out;
  Writer json(out);
  json.begin_object().name("a").integer(-1).name("b").begin_array().string("x").boolean(true).null().end_array();
  json.name("c").begin_object().end_object().name("d").begin_array().end_array();
  json.name("e").begin_array().begin_object().end_object().begin_object().name("f").boolean(false).end_object();
  json.begin_array().end_array().end_array().end_object();
  EXPECT_EQ(out, R"({"a":-1,"b":["x",true,null],"c":{},"d":[],"e":[{},{"f":false},[]]})");
}

TEST(Writer, SplicesRawValues) {
  std::string out;
  Writer json(out);
  json.begin_object().name("Key").raw(R"({"id":{"S":"a"}})").name("Limit").raw("5").end_object();
  EXPECT_EQ(out, R"({"Key":{"id":{"S":"a"}},"Limit":5})");
}

TEST(Writer, EscapesNamesAndStrings) {
  std::string out;
  Writer json(out);
  json.begin_object().name("q\"").string("\\ \n\x01 é").end_object();
  EXPECT_EQ(out, R"({"q\"":"\\ \n\u0001 é"})");
}

TEST(Writer, AppendsToWhatIsThereAlready) {
  std::string out = "prefix ";
  Writer json(out);
  json.begin_array().integer(9223372036854775807).end_array();
  EXPECT_EQ(out, "prefix [9223372036854775807]");
}

}  // namespace
}  // namespace dynamirror::json
