// SPDX-License-Identifier: Apache-2.0
//
// Goal: a key is understood in either form, digit for digit, and what cannot be meant is refused in words that help.
#include "model/key_argument.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::model {
namespace {

const KeySchema kString{{"id", "S"}, {}};
const KeySchema kComposite{{"id", "B"}, KeyAttribute{"n", "N"}};

std::string key(std::string_view text, const KeySchema& schema) {
  const auto parsed = parse_key_argument(text, schema);
  return parsed ? *parsed : "error: " + parsed.error().message;
}

TEST(KeyArgument, TakesWireAndPlainFormAlike) {
  EXPECT_EQ(key(R"({"id":{"S":"abc"}})", kString), R"({"id":{"S":"abc"}})");
  EXPECT_EQ(key(R"( { "id" : "abc" } )", kString), R"({"id":{"S":"abc"}})");
  EXPECT_EQ(key(R"({"id":"12"})", kString), R"({"id":{"S":"12"}})") << "a string that holds a number stays a string";
  EXPECT_EQ(key(R"({"id":"\u00e9\"\/"})", kString), R"({"id":{"S":"é\"/"}})");
}

TEST(KeyArgument, OrdersAttributesAndTakesFormsMixed) {
  EXPECT_EQ(key(R"({"n":5,"id":"AQID"})", kComposite), R"({"id":{"B":"AQID"},"n":{"N":"5"}})");
  EXPECT_EQ(key(R"({"n":{"N":"5"},"id":"AQ=="})", kComposite), R"({"id":{"B":"AQ=="},"n":{"N":"5"}})");
}

TEST(KeyArgument, KeepsEveryDigit) {
  for (const char* digits : {"9007199254740993", "12345678901234567890123456789012345678", "-0.12"}) {
    EXPECT_EQ(key(R"({"id":"AA==","n":)" + std::string(digits) + "}", kComposite),
              R"({"id":{"B":"AA=="},"n":{"N":")" + std::string(digits) + R"("}})");
  }
}

TEST(KeyArgument, MeansTheKeyThatTheTableHoldsHoweverItIsTyped) {
  for (const char* n : {"1", "1.0", "1e0", R"({"N":"+1"})", R"({"N":"01"})"}) {
    EXPECT_EQ(key(R"({"id":"//4=","n":)" + std::string(n) + "}", kComposite), R"({"id":{"B":"//4="},"n":{"N":"1"}})");
  }
  EXPECT_EQ(key(R"({"id":"//5=","n":1})", kComposite), R"({"id":{"B":"//4="},"n":{"N":"1"}})");
}

TEST(KeyArgument, SaysWhatIsWrong) {
  using ::testing::StartsWith;
  EXPECT_THAT(key("{}", kString), StartsWith("error: key attribute id is missing"));
  EXPECT_THAT(key("abc", kString), StartsWith("error: it is not a JSON object"));
  EXPECT_THAT(key("", kString), StartsWith("error: it is not a JSON object"));
  EXPECT_THAT(key(R"(["id"])", kString), StartsWith("error: it is not a JSON object"));
  EXPECT_THAT(key(R"({"id":"a","x":1})", kString), StartsWith("error: attribute x does not belong to the key id (S)"));
  EXPECT_THAT(key(R"({"id":{"N":"1"}})", kString), StartsWith("error: key attribute id is not of type S"));
  EXPECT_EQ(key(R"({"id":5})", kString), R"(error: id is of type S: write {"id":"abc"} or {"id":{"S":"abc"}})");
  EXPECT_EQ(key(R"({"id":"AA==","n":"5"})", kComposite), R"(error: n is of type N: write {"n":5} or {"n":{"N":"5"}})");
  EXPECT_THAT(key(R"({"id":null})", kString), StartsWith("error: id is of type S"));
  EXPECT_THAT(key(R"({"id":"a b","n":1})", kComposite), StartsWith("error: id is binary and given as base64"));
  EXPECT_THAT(key(R"({"id":{"B":"abc"},"n":1})", kComposite), StartsWith("error: id is binary and given as base64"));
  EXPECT_THAT(key(R"({"id":"a","id":"b"})", kString), StartsWith("error: key attribute id is given twice"));
}

TEST(KeyArgument, InWireFormTellsTheSchemaOfATableThatIsGone) {
  const auto schema = schema_of_wire_key(R"({"id":{"B":"AA=="},"n":{"N":"5"}})");
  ASSERT_TRUE(schema);
  EXPECT_EQ(describe(*schema), "id (B), n (N)");
  for (const char* wrong :
       {"{}", "abc", R"({"id":"a"})", R"({"id":{"BOOL":true}})", R"({"a":{"S":"1"},"b":{"S":"1"},"c":{"S":"1"}})"}) {
    EXPECT_FALSE(schema_of_wire_key(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace dynamirror::model
