// SPDX-License-Identifier: Apache-2.0
//
// Goal: a document is read as written, or refused; nothing is silently lost in between.
// Method: small documents by hand, hostile ones cut and mangled systematically, and random trees written and read back.
#include "json/reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/text.hpp"

namespace dynamirror::json {
namespace {

constexpr auto nothing = [](Value&) -> Status { return {}; };

/// Reads one value out of `[text]` by one of Value's functions.
template <class T>
Result<T> element(std::string_view text, Result<T> (Value::*get)()) {
  Reader reader;
  std::optional<Result<T>> got;
  std::string document = "[" + std::string(text) + "]";
  const auto status = reader.read(document, [&](Value& root) {
    return root.for_each_element([&](Value& value) -> Status {
      got = (value.*get)();
      return *got ? Status{} : std::unexpected(got->error());
    });
  });
  if (!status) return std::unexpected(status.error());
  return *got;
}

/// `raw` must own its text: the document is gone when it returns.
Result<std::string> raw_element(std::string_view text) {
  Reader reader;
  std::string raw;
  std::string document = "[" + std::string(text) + "]";
  const auto status = reader.read(document, [&](Value& root) {
    return root.for_each_element([&](Value& value) -> Status {
      const auto span = value.raw();
      if (!span) return std::unexpected(span.error());
      raw = *span;
      return {};
    });
  });
  if (!status) return std::unexpected(status.error());
  return raw;
}

std::string string_element(std::string_view text) {
  Reader reader;
  std::string out = "(failed)";
  std::string document = "[" + std::string(text) + "]";
  (void)reader.read(document, [&](Value& root) {
    return root.for_each_element([&](Value& value) -> Status {
      const auto string = value.string();
      if (string) out = *string;
      return {};
    });
  });
  return out;
}

TEST(Reader, GivesMembersInOrderWithTheirRawBytes) {
  Reader reader;
  std::string text = R"( { "a" : {"S" : "x y"} , "b":[1, 2 ] ,"c":"q\"" , "d" : -1.50e+3 ,"e":true,"f":null } )";
  std::vector<std::pair<std::string, std::string>> members;
  const auto status = reader.read(text, [&](Value& root) {
    return root.for_each_member([&](std::string_view name, Value& member) -> Status {
      const auto raw = member.raw();
      if (!raw) return std::unexpected(raw.error());
      members.emplace_back(name, *raw);
      return {};
    });
  });
  ASSERT_TRUE(status) << to_line(status.error());
  const std::vector<std::pair<std::string, std::string>> expected{
      {"a", R"({"S" : "x y"})"}, {"b", "[1, 2 ]"}, {"c", R"("q\"")"}, {"d", "-1.50e+3"}, {"e", "true"}, {"f", "null"}};
  EXPECT_EQ(members, expected);
}

TEST(Reader, PointsIntoTheTextItWasGivenAndLeavesItAsItWas) {
  Reader reader;
  std::string text = R"({"image":{"id":{"S":"a"}}})";
  text.reserve(text.size() + Reader::kPadding);
  const char* const before = text.data();
  const auto status = reader.read(text, [&](Value& root) {
    return root.for_each_member([&](std::string_view, Value& member) -> Status {
      const auto raw = member.raw();
      if (!raw) return std::unexpected(raw.error());
      EXPECT_EQ(raw->data(), text.data() + text.find("{\"id\""));
      return {};
    });
  });
  EXPECT_TRUE(status);
  EXPECT_EQ(text.data(), before) << "text with room must be parsed in place";
  EXPECT_EQ(text, R"({"image":{"id":{"S":"a"}}})");
}

TEST(Reader, SkipsWhatACallbackLeavesAlone) {
  Reader reader;
  std::string text = R"({"a":{"deep":[[{"x":1}],"]}"]},"b":[{},[]],"c":7,"a":"again","d":null})";
  std::vector<std::string> names;
  std::vector<bool> nulls;
  std::int64_t seven = 0;
  const auto status = reader.read(text, [&](Value& root) {
    return root.for_each_member([&](std::string_view name, Value& member) -> Status {
      names.emplace_back(name);
      if (name == "c") seven = member.integer().value_or(0);
      if (name == "b" || name == "d") nulls.push_back(member.consume_null());
      return {};
    });
  });
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "c", "a", "d"})) << "duplicates are the caller's to judge";
  EXPECT_EQ(nulls, (std::vector<bool>{false, true}));
  EXPECT_EQ(seven, 7);
}

TEST(Reader, SkipsTheRestOfAnObjectThatWasWalkedHalfway) {
  Reader reader;
  std::string text = R"([{"a":1,"b":{"c":[1,2,3]}},{"a":2}])";
  std::vector<std::int64_t> found;
  const auto status = reader.read(text, [&](Value& root) {
    return root.for_each_element([&](Value& object) {
      return object.for_each_member([&](std::string_view name, Value& member) -> Status {
        if (name == "a") found.push_back(member.integer().value_or(-1));
        return {};
      });
    });
  });
  ASSERT_TRUE(status);
  EXPECT_EQ(found, (std::vector<std::int64_t>{1, 2}));
}

TEST(Reader, UnescapesNamesAndStrings) {
  Reader reader;
  std::string text = R"({"n\u0061me\n":"\u00e9\/\"\\\u0000\ud83d\ude00"})";
  const auto status = reader.read(text, [&](Value& root) {
    return root.for_each_member([&](std::string_view name, Value& member) -> Status {
      EXPECT_EQ(name, "name\n");
      const auto value = member.string();
      EXPECT_TRUE(value);
      EXPECT_EQ(*value, std::string_view("é/\"\\\0😀", 10));
      return {};
    });
  });
  EXPECT_TRUE(status);
}

TEST(Reader, FindsTheNameWhateverStandsAroundTheColon) {
  Reader reader;
  std::string text = "{\"a\"\n : \t1,\"\" :2,\"\\\"\":3,\"\\\\\":4}";
  std::vector<std::string> names;
  const auto status = reader.read(text, [&](Value& root) {
    return root.for_each_member([&](std::string_view name, Value&) -> Status {
      names.emplace_back(name);
      return {};
    });
  });
  ASSERT_TRUE(status);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "", "\"", "\\"}));
}

TEST(Reader, EndsTheWalkWithTheFailureOfTheCallback) {
  Reader reader;
  std::string text = R"({"a":[1,2],"b":2})";
  int calls = 0;
  const auto status = reader.read(text, [&](Value& root) {
    return root.for_each_member([&](std::string_view, Value& member) {
      return member.for_each_element([&](Value&) -> Status {
        ++calls;
        return failure(ErrorClass::kConflict, "test", "r", "stop here");
      });
    });
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "stop here");
  EXPECT_EQ(status.error().error_class, ErrorClass::kConflict);
  EXPECT_EQ(calls, 1);
}

TEST(Reader, DoesNotCallADocumentGoodWhoseFailureWasIgnored) {
  Reader reader;
  std::string text = R"([1,"x"])";
  const auto status = reader.read(text, [&](Value& root) {
    return root.for_each_element([&](Value& value) -> Status {
      (void)value.string();  // the first is no string
      return {};
    });
  });
  EXPECT_FALSE(status);
}

TEST(Reader, ReadsTheNextDocumentAfterABrokenOne) {
  Reader reader;
  std::string broken = R"({"a":[1,})";
  EXPECT_FALSE(reader.read(broken, [](Value& root) {
    return root.for_each_member([](std::string_view, Value& member) { return member.for_each_element(nothing); });
  }));
  std::string good = R"({"a":1})";
  EXPECT_TRUE(reader.read(good, nothing));
}

TEST(Reader, ReadsScalarsAsWholeDocuments) {
  Reader reader;
  for (std::string text : {"12", " \"a\" ", "null", " null\n", "true", "-1.5e3 "}) {
    const std::string trimmed(
        text.substr(text.find_first_not_of(" \n"), text.find_last_not_of(" \n") - text.find_first_not_of(" \n") + 1));
    const auto status = reader.read(text, [&](Value& root) -> Status {
      EXPECT_EQ(root.raw().value_or("(failed)"), trimmed);
      return {};
    });
    EXPECT_TRUE(status) << text;
  }
  std::string null = "null ";
  EXPECT_TRUE(reader.read(null, [](Value& root) -> Status {
    EXPECT_TRUE(root.consume_null());
    return {};
  }));
}

TEST(Reader, RefusesAnythingBehindTheDocument) {
  Reader reader;
  for (std::string text : {"{} x", "{}{}", "{}}", "[] ]", "[1],", "1 2", "\"a\" \"b\"", "null null", "true,", "{}[]"}) {
    EXPECT_FALSE(reader.read(text, nothing)) << text << " unread";
    EXPECT_FALSE(reader.read(text,
                             [](Value& root) -> Status {
                               const auto raw = root.raw();
                               return raw ? Status{} : std::unexpected(raw.error());
                             }))
        << text << " raw";
  }
  std::string object = "{\"a\":1} {\"a\":2}";
  EXPECT_FALSE(reader.read(
      object, [](Value& root) { return root.for_each_member([](std::string_view, Value&) -> Status { return {}; }); }));
}

TEST(Reader, RefusesEveryTruncationOfADocument) {
  const std::string whole = R"({"a":{"S":"x\"y"},"b":[1,{"c":null}],"d":"é"})";
  Reader reader;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::string cut = whole.substr(0, size);
    cut.reserve(cut.size() + Reader::kPadding);
    // What the buffer held before must not complete the text by accident.
    std::fill(cut.data() + size, cut.data() + cut.capacity(), '}');
    cut.data()[size] = '\0';
    EXPECT_FALSE(reader.read(cut, nothing)) << "skipped: " << cut;
    EXPECT_FALSE(reader.read(cut,
                             [](Value& root) {
                               return root.for_each_member([](std::string_view, Value& member) -> Status {
                                 const auto raw = member.raw();
                                 return raw ? Status{} : std::unexpected(raw.error());
                               });
                             }))
        << "walked: " << cut;
  }
}

TEST(Reader, RefusesWhatIsNoUtf8AndUnescapedControlCharacters) {
  Reader reader;
  for (const std::string& bad : {std::string("\xff"), std::string("\xc3"), std::string("\xed\xa0\x80"),
                                 std::string("\xf5\x80\x80\x80"), std::string("\n"), std::string("\0", 1)}) {
    std::string text = "{\"a\":{\"S\":\"x" + bad + "\"}}";
    EXPECT_FALSE(reader.read(text, nothing));
  }
}

TEST(Reader, RefusesLoneSurrogatesAndUnknownEscapesInWhatItUnescapes) {
  for (const std::string_view bad : {R"("\ud800")", R"("\udc00x")", R"("\x41")", R"("\u12")"}) {
    EXPECT_EQ(string_element(bad), "(failed)") << bad;
  }
}

TEST(Reader, SkipsAndPassesOnDepthsThatWouldOverflowAStack) {
  constexpr int kDepth = 200'000;
  const std::string deep = std::string(kDepth, '[') + std::string(kDepth, ']');
  Reader reader;
  std::string text = "{\"a\":" + deep + ",\"b\":1}";
  std::int64_t b = 0;
  std::size_t size = 0;
  const auto status = reader.read(text, [&](Value& root) {
    return root.for_each_member([&](std::string_view name, Value& member) -> Status {
      if (name == "a") size = member.raw().value_or("").size();
      if (name == "b") b = member.integer().value_or(0);
      return {};
    });
  });
  EXPECT_TRUE(status);
  EXPECT_EQ(b, 1);
  EXPECT_EQ(size, deep.size());
  std::string unbalanced = "{\"a\":" + deep + "]}";
  EXPECT_FALSE(reader.read(unbalanced, nothing));
}

/// Walks arrays within arrays to the innermost.
Status walk_down(Value& value, int& depth) {
  ++depth;
  return value.for_each_element([&](Value& inner) { return walk_down(inner, depth); });
}

TEST(Reader, EndsAWalkThatGoesDeeperThanAnyDocumentOfAService) {
  Reader reader;
  for (const int levels : {Reader::kMaxDepth, Reader::kMaxDepth + 1, 1'000'000}) {
    std::string text = std::string(levels, '[') + std::string(levels, ']');
    int depth = 0;
    const auto status = reader.read(text, [&](Value& root) { return walk_down(root, depth); });
    ASSERT_EQ(status.has_value(), levels == Reader::kMaxDepth);
    EXPECT_LE(depth, Reader::kMaxDepth + 1);
    if (status) continue;
    EXPECT_NE(status.error().message.find("nested more than 128 levels deep"), std::string::npos);
  }
}

TEST(Reader, ReadsNumbersWithinTheirTypesAndRefusesOthers) {
  EXPECT_EQ(element("-9223372036854775808", &Value::integer), INT64_MIN);
  EXPECT_EQ(element("9223372036854775807", &Value::integer), INT64_MAX);
  for (const std::string_view bad : {"9223372036854775808", "1.0", "1e2", "\"1\"", "01", "+1", "-", "1x", "true"}) {
    EXPECT_FALSE(element(bad, &Value::integer)) << bad;
  }
  EXPECT_EQ(element("1479499740", &Value::number), 1479499740.0);
  EXPECT_EQ(element("1.4794997405E9", &Value::number), 1479499740.5);
  EXPECT_EQ(element("123456789012345678901234567890", &Value::number), 123456789012345678901234567890.0);
  for (const std::string_view bad : {"1e400", "NaN", ".5", "5.", "\"1\"", "null"}) {
    EXPECT_FALSE(element(bad, &Value::number)) << bad;
  }
  EXPECT_EQ(element("true", &Value::boolean), true);
  EXPECT_FALSE(element("truth", &Value::boolean));
}

TEST(Reader, PassesNumbersOfAnySizeOnAsTheyAre) {
  for (const std::string_view number :
       {"0", "-0", "1E400", "123456789012345678901234567890123456789012345678901.5e-9"}) {
    EXPECT_EQ(raw_element(number).value_or("(failed)"), number);
  }
  for (const std::string_view bad : {"01", "1.", "1e", "--1", "1x", "nul", "nullx", "tru", "+1", "Infinity"}) {
    EXPECT_FALSE(raw_element(bad)) << bad;
  }
}

TEST(Reader, RefusesContainersThatCloseWithTheWrongBracket) {
  EXPECT_FALSE(raw_element(R"({"a":1])"));
  EXPECT_FALSE(raw_element(R"([1})"));
}

TEST(Reader, RefusesStructuralMistakesInWhatItWalks) {
  Reader reader;
  for (std::string text : {R"({"a" 1})", R"({"a":1 "b":2})", R"({a:1})", R"({1:1})", R"({,})", R"({"a":})"}) {
    EXPECT_FALSE(reader.read(text, [](Value& root) {
      return root.for_each_member([](std::string_view, Value& member) -> Status {
        const auto raw = member.raw();
        return raw ? Status{} : std::unexpected(raw.error());
      });
    })) << text;
  }
  for (std::string text : {"[1 2]", "[,1]", "[1,]", "{}", "1"}) {
    EXPECT_FALSE(reader.read(text, [](Value& root) {
      return root.for_each_element([](Value& value) -> Status {
        const auto raw = value.raw();
        return raw ? Status{} : std::unexpected(raw.error());
      });
    })) << text;
  }
}

/// Writes a random value; `depth` bounds it.
void write_random(std::string& out, Random& random, int depth) {
  static const char* const kScalars[] = {"null", "true", "-12.5e-3", "0", R"("")", R"("a\\\"b")", R"("é]}[{,:")"};
  const auto kind = random.below(depth > 0 ? 9 : 7);
  const std::string space(random.below(3), ' ');
  if (kind < 7) {
    out += kScalars[kind];
    return;
  }
  out += kind == 7 ? '[' : '{';
  const auto count = random.below(5);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i > 0) out += ',' + space;
    if (kind == 8) out += json_quoted("name \"" + std::to_string(i)) + space + ":";
    write_random(out, random, depth - 1);
    out += space;
  }
  out += kind == 7 ? ']' : '}';
}

/// Takes a value apart and puts it together again without whitespace.
Status rebuild(std::string& out, Value& value, char kind) {
  bool first = true;
  const auto separate = [&] {
    if (!std::exchange(first, false)) out += ',';
  };
  const auto add = [&](Value& inner) -> Status {
    const auto raw = inner.raw();
    if (!raw) return std::unexpected(raw.error());
    if (raw->front() != '[' && raw->front() != '{') {
      out += *raw;
      return {};
    }
    Reader nested;
    const char kind_of_inner = raw->front();
    return nested.read_copy(*raw, [&](Value& root) { return rebuild(out, root, kind_of_inner); });
  };
  out += kind;
  Status status = kind == '[' ? value.for_each_element([&](Value& inner) {
    separate();
    return add(inner);
  })
                              : value.for_each_member([&](std::string_view name, Value& inner) {
                                  separate();
                                  append_json_quoted(out, name);
                                  out += ':';
                                  return add(inner);
                                });
  out += kind == '[' ? ']' : '}';
  return status;
}

/// Whitespace outside strings removed.
std::string compact(std::string_view json) {
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] == '"') in_string = !in_string;
    if (in_string && json[i] == '\\') out += json[i++];
    if (in_string || json[i] != ' ') out += json[i];
  }
  return out;
}

TEST(Reader, TakesRandomTreesApartWithoutLosingAnything) {
  Reader reader;
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    Random random(seed);
    std::string text = "[";
    write_random(text, random, 4);
    text += "]";
    std::string rebuilt;
    const auto status = reader.read_copy(text, [&](Value& root) { return rebuild(rebuilt, root, '['); });
    ASSERT_TRUE(status) << "seed " << seed << ": " << text << ": " << to_line(status.error());
    ASSERT_EQ(rebuilt, compact(text)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace dynamirror::json
