// SPDX-License-Identifier: Apache-2.0
//
// Goal: the stand-in takes the items that DynamoDB takes, refuses the others, and spells equal items equally.
// Method: one case for each rule of the documentation.
#include "support/item_value.hpp"

#include <gtest/gtest.h>

namespace dynamirror::support {
namespace {

std::string canonical(const std::string& item) {
  const auto object = parse_object(item);
  if (!object) return object.error().type;
  const auto stored = read_attributes(*object);
  return stored ? stored->text : stored.error().type;
}

std::string number(const std::string& text) {
  const auto normal = normalise_number(text);
  return normal ? *normal : normal.error().type;
}

const model::KeySchema kComposite{{"id", "S"}, model::KeyAttribute{"time", "N"}};

std::string key_of(const std::string& item) {
  const auto key = key_of_item(*parse_object(item), kComposite);
  return key ? *key : key.error().message;
}

TEST(ItemValue, SpellsEqualItemsEqually) {
  EXPECT_EQ(canonical(R"({ "b": {"NS":["2.0","10"]}, "a":{"M":{"y":{"BOOL":true},"x":{"NULL":true}}} })"),
            R"({"a":{"M":{"x":{"NULL":true},"y":{"BOOL":true}}},"b":{"NS":["10","2"]}})");
  EXPECT_EQ(canonical(R"({"a":{"S":"\u00e9\n"}})"), "{\"a\":{\"S\":\"é\\n\"}}");
  EXPECT_EQ(canonical(R"({"a":{"L":[{"S":""},{"B":""},{"L":[]},{"M":{}}]}})"),
            R"({"a":{"L":[{"S":""},{"B":""},{"L":[]},{"M":{}}]}})");
}

TEST(ItemValue, RefusesWhatIsNoAttributeValue) {
  for (const char* item :
       {R"({"a":1})", R"({"a":{"S":1}})", R"({"a":{"X":"1"}})", R"({"a":{"B":"a"}})", R"({"a":{"BOOL":"x"}})",
        R"({"a":{"SS":"x"}})", R"({"a":{"L":{}}})", R"({"a":{"M":[]}})", R"([])", R"({"a":)"}) {
    EXPECT_EQ(canonical(item), "SerializationException") << item;
  }
  for (const char* item :
       {R"({"a":{}})", R"({"a":{"S":"x","N":"1"}})", R"({"a":{"SS":[]}})", R"({"a":{"SS":["x","x"]}})",
        R"({"a":{"NS":["1","1.0"]}})", R"({"a":{"NULL":false}})", R"({"a":{"N":"x"}})"}) {
    EXPECT_EQ(canonical(item), "ValidationException") << item;
  }
}

TEST(ItemValue, NormalisesNumbersExactly) {
  EXPECT_EQ(number("0"), "0");
  EXPECT_EQ(number("-0.000"), "0");
  EXPECT_EQ(number("1.50"), "1.5");
  EXPECT_EQ(number("+007"), "7");
  EXPECT_EQ(number("1e3"), "1000");
  EXPECT_EQ(number("-.5"), "-0.5");
  EXPECT_EQ(number("12345678901234567890123456789012345678"), "12345678901234567890123456789012345678");
  EXPECT_EQ(number("0.00012e2"), "0.012");
  EXPECT_EQ(number("9.9e125"), "9.9E+125");
  EXPECT_EQ(number("1e-130"), "1E-130");
}

TEST(ItemValue, RefusesNumbersBeyondDynamoDb) {
  for (const char* text : {"", "x", "1x", "1e", "--1", ".", "1.2.3", "123456789012345678901234567890123456789", "1e126",
                           "1e-131", "1e99999999999999999999"}) {
    EXPECT_EQ(number(text), "ValidationException") << text;
  }
}

TEST(ItemValue, WritesKeysInTheOrderOfTheSchema) {
  EXPECT_EQ(key_of(R"({"time":{"N":"1.0"},"other":{"S":"x"},"id":{"S":"a"}})"), R"({"id":{"S":"a"},"time":{"N":"1"}})");
}

TEST(ItemValue, RefusesKeysAsTheServiceDoes) {
  EXPECT_NE(key_of(R"({"id":{"S":"a"}})").find("Missing the key time in the item"), std::string::npos);
  EXPECT_NE(key_of(R"({"id":{"N":"1"},"time":{"N":"1"}})").find("Type mismatch for key id expected: S actual: N"),
            std::string::npos);
  EXPECT_NE(key_of(R"({"id":{"S":""},"time":{"N":"1"}})").find("cannot contain an empty string value. Key: id"),
            std::string::npos);
  EXPECT_NE(key_of(R"({"id":{"S":")" + std::string(2049, 'x') + R"("},"time":{"N":"1"}})").find("Size of hashkey"),
            std::string::npos);
  const auto more = key_of_key(*parse_object(R"({"id":{"S":"a"},"time":{"N":"1"},"x":{"S":"y"}})"), kComposite);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().message, "The provided key element does not match the schema");
}

TEST(ItemValue, CountsSizesByTheDocumentedRules) {
  const auto size = [](const std::string& item) { return read_attributes(*parse_object(item))->size_bytes; };
  EXPECT_EQ(size(R"({"ab":{"S":"xyz"}})"), 5u);
  EXPECT_EQ(size(R"({"ab":{"B":"AAAA"}})"), 5u);
  EXPECT_EQ(size(R"({"a":{"BOOL":true}})"), 2u);
  EXPECT_EQ(size(R"({"a":{"S":"é"}})"), 3u);
  EXPECT_EQ(size(R"({"a":{"L":[{"S":"x"}]}})"), 1u + 3 + 1 + 1);
}

TEST(ItemValue, RefusesNestingBeyond32Levels) {
  const auto nested = [](int levels) {
    std::string value = R"({"S":"x"})";
    for (int i = 1; i < levels; ++i) value = R"({"L":[)" + value + "]}";
    return R"({"a":)" + value + "}";
  };
  EXPECT_NE(canonical(nested(32)), "ValidationException");
  EXPECT_EQ(canonical(nested(33)), "ValidationException");
}

}  // namespace
}  // namespace dynamirror::support
