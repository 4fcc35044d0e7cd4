// SPDX-License-Identifier: Apache-2.0
//
// Goal: all spellings of one key give the same bytes, and different keys never do.
// Method: every form by hand, then random keys written in random spellings and compared with their canonical form.
#include "model/key_canonicalizer.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/text.hpp"

namespace dynamirror::model {
namespace {

const KeySchema kHash{{"id", "S"}, {}};
const KeySchema kComposite{{"id", "S"}, KeyAttribute{"time", "N"}};

std::string key(const KeySchema& schema, std::string_view json) {
  KeyCanonicalizer keys(schema);
  const auto canonical = keys.from_key(json);
  return canonical ? std::string(*canonical) : "error: " + canonical.error().message;
}

std::string item_key(const KeySchema& schema, std::string_view json) {
  KeyCanonicalizer keys(schema);
  const auto canonical = keys.from_item(json);
  return canonical ? std::string(*canonical) : "error: " + canonical.error().message;
}

TEST(KeyCanonicalizer, GivesACanonicalTextBackWithoutACopy) {
  KeyCanonicalizer keys(kComposite);
  const std::string text = R"({"id":{"S":"a é 😀"},"time":{"N":"-1.5"}})";
  const auto canonical = keys.from_key(text);
  ASSERT_TRUE(canonical);
  EXPECT_EQ(canonical->data(), text.data());
  EXPECT_EQ(*canonical, text);
}

TEST(KeyCanonicalizer, PutsAttributesIntoTheOrderOfTheSchema) {
  EXPECT_EQ(key(kComposite, R"({"time":{"N":"1"},"id":{"S":"a"}})"), R"({"id":{"S":"a"},"time":{"N":"1"}})");
}

TEST(KeyCanonicalizer, RemovesWhitespaceOutsideStringsOnly) {
  EXPECT_EQ(key(kComposite, " {\n \"id\" : { \"S\" : \" a  b \" } ,\t\"time\":{\"N\":\"1\"} } "),
            R"({"id":{"S":" a  b "},"time":{"N":"1"}})");
}

TEST(KeyCanonicalizer, GivesAllSpellingsOfOneStringTheSameBytes) {
  const std::string plain = R"({"id":{"S":"é/😀A"}})";
  for (const std::string_view spelling : {R"({"id":{"S":"\u00e9/\ud83d\ude00A"}})",
                                          R"({"id":{"S":"\u00E9\/😀\u0041"}})", R"({"\u0069d":{"\u0053":"é/😀A"}})"}) {
    EXPECT_EQ(key(kHash, spelling), plain) << spelling;
  }
  EXPECT_EQ(key(kHash, R"({"id":{"S":"\"\\\u0008\f\n\r\t\u0000\u001F"}})"),
            R"({"id":{"S":"\"\\\u0008\u000c\n\r\t\u0000\u001f"}})");
}

TEST(KeyCanonicalizer, GivesAllSpellingsOfOneNumberOrBinaryTheSameBytes) {
  const KeySchema schema{{"b", "B"}, KeyAttribute{"n", "N"}};
  const std::string text = R"({"b":{"B":"AAEC/+8="},"n":{"N":"99999999999999999999999999999999999999"}})";
  EXPECT_EQ(key(schema, text), text);
  const std::string one = R"({"b":{"B":"AQ=="},"n":{"N":"1"}})";
  for (const std::string n : {"1", "1.0", "1e0", "+1", "01", "0.1E1"}) {
    for (const std::string b : {"AQ==", "AR==", "A\\u0051==", "AQ"}) {
      EXPECT_EQ(key(schema, R"({"b":{"B":")" + b + R"("},"n":{"N":")" + n + "\"}}"), one) << n << " " << b;
      EXPECT_EQ(key(schema, R"({"n":{"N":")" + n + R"("},"b":{"B":")" + b + "\"}}"), one) << n << " " << b;
      EXPECT_EQ(item_key(schema, R"({"n":{"N":")" + n + R"("},"v":{"S":""},"b":{"B":")" + b + "\"}}"), one);
    }
  }
  EXPECT_EQ(key(kHash, R"({"id":{"S":"1.0"}})"), R"({"id":{"S":"1.0"}})") << "a string is no number";
}

TEST(KeyCanonicalizer, FindsItsKeyInAnItemHoweverThatIsSpelled) {
  KeyCanonicalizer keys(kComposite);
  const auto canonical = keys.from_key(R"({"time":{"N":"1.0"},"id":{"S":"a\"}"}})");
  ASSERT_TRUE(canonical);
  for (const char* item : {R"({"v":{"N":"2"},"time":{"N":"1"},"id":{"S":"a\"}"}})",
                           R"({ "id" : {"S":"a\u0022}"}, "v":{"N":"2"}, "time":{"N":"10e-1"} })"}) {
    EXPECT_TRUE(keys.check_item(R"({"id":{"S":"a\"}"},"time":{"N":"1"}})", item)) << item;
  }
}

TEST(KeyCanonicalizer, FindsItsKeyWhereverItStandsInAnItem) {
  KeyCanonicalizer keys(kHash);
  for (std::size_t before = 0; before < 40; ++before) {
    for (std::size_t behind = 0; behind < 40; ++behind) {
      const auto item = [&](std::string_view id) {
        return R"({"v":{"S":")" + std::string(before, '1') + R"("},"id":{"S":")" + std::string(id) +
               R"("},"w":{"S":")" + std::string(behind, 'i') + "\"}}";
      };
      EXPECT_TRUE(keys.check_item(R"({"id":{"S":"a1"}})", item("a1")));
      EXPECT_FALSE(keys.check_item(R"({"id":{"S":"a1"}})", item("b1")));
    }
  }
  EXPECT_TRUE(keys.check_item(R"({"id":{"S":""}})", R"({"id":{"S":""}})"));
}

TEST(KeyCanonicalizer, NamesBothKeysWhenAnItemHasAnotherOne) {
  KeyCanonicalizer keys(kComposite);
  const auto canonical = keys.from_key(R"({"time":{"N":"1"},"id":{"S":"a"}})");
  ASSERT_TRUE(canonical);
  const auto other = keys.check_item(*canonical, R"({"id":{"S":"a"},"time":{"N":"2"}})");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().error_class, ErrorClass::kInvalid);
  EXPECT_EQ(other.error().message, R"(the item beside the key {"id":{"S":"a"},"time":{"N":"1"}} has another one, )"
                                   R"({"id":{"S":"a"},"time":{"N":"2"}})");
  const auto none = keys.check_item(R"({"id":{"S":"a"},"time":{"N":"1"}})", R"({"id":{"S":"a"}})");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "key attribute time is missing");
}

TEST(SchemaOfKey, TellsNamesAndTypesInTheOrderOfTheKey) {
  EXPECT_EQ(schema_of_key(R"({"id":{"S":"a"}})").value(), kHash);
  EXPECT_EQ(schema_of_key(R"({"id":{"S":"a"},"time":{"N":"1"}})").value(), kComposite);
  for (const char* bad :
       {"", "{}", "[]", R"({"id":"a"})", R"({"id":{"BOOL":true}})", R"({"a":{"S":""},"b":{"S":""},"c":{"S":""}})"}) {
    EXPECT_FALSE(schema_of_key(bad)) << bad;
  }
}

TEST(KeyCanonicalizer, TakesNamesThatNeedEscapes) {
  const KeySchema schema{{"a\"b", "S"}, KeyAttribute{"ü\\", "S"}};
  EXPECT_EQ(key(schema, R"({"a\"b":{"S":"1"},"\u00fc\\":{"S":"2"}})"), R"({"a\"b":{"S":"1"},"ü\\":{"S":"2"}})");
}

TEST(KeyCanonicalizer, IsNotFooledByAValueThatLooksLikeTheRestOfAKey) {
  const std::string text = R"({"id":{"S":"a\"},\"time\":{\"N\":\"1"},"time":{"N":"2"}})";
  EXPECT_EQ(key(kComposite, text), text);
  // A hash attribute whose name is JSON text must not make a composite key look like a simple one.
  const KeySchema odd{{R"(id":{"S":"a"},"x)", "S"}, {}};
  EXPECT_TRUE(key(odd, R"({"id":{"S":"a"},"x":{"S":"b"}})").starts_with("error: "));
}

TEST(KeyCanonicalizer, RefusesKeysThatAreNotOfTheSchema) {
  const auto message = [](std::string_view json) { return key(kComposite, json); };
  EXPECT_EQ(message(R"({"id":{"S":"a"}})"), "error: key attribute time is missing");
  EXPECT_EQ(message(R"({"time":{"N":"1"}})"), "error: key attribute id is missing");
  EXPECT_EQ(message("{}"), "error: key attribute id is missing");
  EXPECT_EQ(message(R"({"id":{"N":"1"},"time":{"N":"1"}})"), "error: key attribute id is not of type S");
  EXPECT_EQ(message(R"({"id":{},"time":{"N":"1"}})"), "error: key attribute id has no value");
  EXPECT_EQ(message(R"({"id":{"S":"a","S":"b"},"time":{"N":"1"}})"), "error: key attribute id is not of type S");
  EXPECT_EQ(message(R"({"id":{"S":"a"},"id":{"S":"a"},"time":{"N":"1"}})"), "error: key attribute id is given twice");
  EXPECT_EQ(message(R"({"id":{"S":"a"},"time":{"N":"1"},"more":{"S":"x"}})"),
            "error: attribute more does not belong to the key id (S), time (N)");
  EXPECT_EQ(key(kHash, R"({"id":{"S":"a"},"time":{"N":"1"}})"),
            "error: attribute time does not belong to the key id (S)");
}

TEST(KeyCanonicalizer, RefusesWhatIsNoKeyAtAll) {
  for (const std::string_view bad :
       {"", "null", "[]", "1", R"({"id":"a"})", R"({"id":{"S":1}})", R"({"id":{"S":"a"}}})", R"({"id":{"S":"a"})",
        R"({"id":{"S":"\ud800"}})", "{\"id\":{\"S\":\"a\nb\"}}"}) {
    EXPECT_TRUE(key(kHash, bad).starts_with("error: ")) << bad;
  }
}

TEST(KeyCanonicalizer, FindsTheKeyInAWholeItem) {
  EXPECT_EQ(
      item_key(kComposite, R"({"a":{"M":{"id":{"S":"no"}}},"time":{"N":"1"},"z":{"NULL":true},"id":{"S":"yes"}})"),
      R"({"id":{"S":"yes"},"time":{"N":"1"}})");
  EXPECT_EQ(item_key(kHash, R"({"a":{"S":"x"}})"), "error: key attribute id is missing");
}

/// One character of a string in one of its spellings.
void append_spelled(std::string& out, unsigned char c, Random& random) {
  const bool must = c < 0x20 || c == '"' || c == '\\';
  if (must || random.chance(0.3)) {
    char escape[8];
    std::snprintf(escape, sizeof escape, random.chance(0.5) ? "\\u%04x" : "\\u%04X", c);
    out += escape;
  } else {
    out += static_cast<char>(c);
  }
}

TEST(KeyCanonicalizer, BringsEveryRandomSpellingToTheSameForm) {
  KeyCanonicalizer keys(kComposite);
  for (std::uint64_t seed = 0; seed < 5'000; ++seed) {
    Random random(seed);
    std::string value;
    for (auto left = random.below(12); left > 0; --left) value += static_cast<char>(random.below(128));
    const std::string canonical = "{\"id\":{\"S\":" + json_quoted(value) + R"(},"time":{"N":"7"}})";

    std::string id = "\"id\"" + std::string(random.below(2), ' ') + ":{\"S\":\"";
    for (const char c : value) append_spelled(id, static_cast<unsigned char>(c), random);
    id += "\"}";
    const std::string time = R"("time":{"N":"7"})";
    const bool swapped = random.chance(0.5);
    const std::string spelled = "{" + (swapped ? time + "," + id : id + "," + time) + "}";
    const auto from_key = keys.from_key(spelled);
    ASSERT_TRUE(from_key) << "seed " << seed << ": " << spelled;
    ASSERT_EQ(*from_key, canonical) << "seed " << seed;
    const auto from_item = keys.from_item(spelled);
    ASSERT_TRUE(from_item) << "seed " << seed;
    ASSERT_EQ(*from_item, canonical) << "seed " << seed;
  }
}

}  // namespace
}  // namespace dynamirror::model
