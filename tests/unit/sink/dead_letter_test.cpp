// SPDX-License-Identifier: Apache-2.0
//
// Goal: a dead letter comes back from its line as it was, byte for byte, and nothing else passes for one.
// Method: round trips over hostile texts; lines with one thing wrong at a time.
#include "sink/dead_letter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::sink {
namespace {

using ::testing::HasSubstr;

const WallTime kCreated{std::chrono::sys_days{std::chrono::year{2026} / 2 / 28} + std::chrono::seconds(86'399)};

DeadLetter letter_with(std::string_view key, std::string_view image) {
  return {.change = {key, image, model::SequenceNumber::parse("000111222333444555666777888999").value(), kCreated},
          .shard = ShardId("shardId-00000001700000000000-abcdef01"),
          .error = {.error_class = ErrorClass::kInvalid,
                    .doing = "write item",
                    .resource = "eu-west-1/Orders",
                    .code = "ValidationException",
                    .message = "Item size has \"exceeded\"\nthe\tmaximum \\ allowed size"},
          .at = kCreated + std::chrono::hours(1),
          .attempts = 3,
          .target = "eu-west-1/Orders"};
}

Result<DeadLetter> parse(std::string line) {
  json::Reader reader;
  return parse_dead_letter(line, reader);
}

Result<DeadLetter> round_trip(const DeadLetter& letter) {
  std::string line = to_json_line(letter);
  EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
  line.pop_back();
  return parse(line);
}

TEST(DeadLetterLine, BringsBackEveryMember) {
  const DeadLetter letter =
      letter_with(R"({"id":{"S":"a"},"at":{"N":"1"}})", R"({"id":{"S":"a"},"at":{"N":"1"},"x":{"L":[]}})");
  const auto back = round_trip(letter);
  ASSERT_TRUE(back) << to_line(back.error());
  EXPECT_EQ(back->change.key(), letter.change.key());
  EXPECT_EQ(back->change.image(), letter.change.image());
  EXPECT_EQ(back->change.sequence().text(), letter.change.sequence().text());
  EXPECT_EQ(back->change.created(), kCreated);
  EXPECT_EQ(back->shard, letter.shard);
  EXPECT_EQ(back->error.error_class, ErrorClass::kInvalid);
  EXPECT_EQ(back->error.code, letter.error.code);
  EXPECT_EQ(back->error.message, letter.error.message);
  EXPECT_EQ(back->at, letter.at);
  EXPECT_EQ(back->attempts, 3);
  EXPECT_EQ(back->target, letter.target);
}

TEST(DeadLetterLine, IsTheDocumentedContract) {
  EXPECT_EQ(to_json_line(letter_with(R"({"id":{"S":"a"}})", "")),
            R"({"key":{"id":{"S":"a"}},"image":null,"shard":"shardId-00000001700000000000-abcdef01",)"
            R"("sequence":"000111222333444555666777888999","created":"2026-02-28T23:59:59Z",)"
            R"("error":{"class":"invalid","code":"ValidationException",)"
            R"("message":"Item size has \"exceeded\"\nthe\tmaximum \\ allowed size"},)"
            R"("at":"2026-03-01T00:59:59Z","attempts":3,"target":"eu-west-1/Orders"})"
            "\n");
}

TEST(DeadLetterLine, HoldsTheBytesOfARecordThatIsNoChange) {
  DeadLetter letter = letter_with("", "");
  model::SequenceNumber place = letter.change.sequence();
  place.set_sub(7);
  letter.change = model::Change({}, {}, place, kCreated);
  letter.record = std::string("no json\0\xFF", 9);
  EXPECT_TRUE(to_json_line(letter).starts_with(R"({"key":null,"image":null,"record":"bm8ganNvbgD/",)"));
  const auto back = round_trip(letter);
  ASSERT_TRUE(back) << to_line(back.error());
  EXPECT_FALSE(back->has_key());
  EXPECT_EQ(back->record, letter.record);
  EXPECT_EQ(back->change.sequence(), place);
  EXPECT_EQ(back->at, letter.at);

  const std::string rest =
      R"("image":null,"sequence":"1","created":"2026-01-01T00:00:00Z","at":"2026-01-01T00:00:00Z"})";
  EXPECT_FALSE(parse(R"({"key":null,)" + rest)) << "neither";
  EXPECT_FALSE(parse(R"({"key":{"id":{"S":"a"}},"record":"",)" + rest)) << "both";
  EXPECT_FALSE(parse(R"({"key":null,"record":"?",)" + rest));
  EXPECT_TRUE(parse(R"({"key":null,"record":"",)" + rest)) << "an empty record is one, too";
}

TEST(DeadLetterLine, KeepsADeletionADeletion) {
  const auto back = round_trip(letter_with(R"({"id":{"S":"a"}})", ""));
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->change.is_delete());
}

TEST(DeadLetterLine, AKeyAloneDoesNotBecomeADeletion) {
  DeadLetter letter = letter_with(R"({"id":{"S":"a"}})", "");
  letter.change = model::Change::of_key(letter.change.key(), letter.change.sequence(), kCreated);
  const auto back = round_trip(letter);
  ASSERT_TRUE(back) << to_line(back.error());
  EXPECT_TRUE(back->change.is_key_only());
  EXPECT_FALSE(back->change.is_delete());
  std::string line = to_json_line(letter_with(R"({"id":{"S":"a"}})", R"({"id":{"S":"a"}})"));
  line.replace(line.size() - 2, 2, R"(,"key_only":true})");
  EXPECT_FALSE(parse(line)) << "a letter with an image";
}

TEST(DeadLetterLine, PassesKeysAndImagesThroughByteForByte) {
  for (const char* text : {R"({"id":{"S":"  two  blanks "}})", R"({"id":{"S":"quote \" and \\ and \u0000 and é 🎈"}})",
                           R"({"id":{"N":"12345678901234567890123456789012345678"}})", R"({"id":{"B":"AAEC/w=="}})",
                           R"({"a\"b":{"S":"x\\"}})"}) {
    const auto back = round_trip(letter_with(text, text));
    ASSERT_TRUE(back) << text;
    EXPECT_EQ(back->change.key(), text);
    EXPECT_EQ(back->change.image(), text);
  }
}

TEST(DeadLetterLine, StaysOnOneLineWhateverWhitespaceTheImageHas) {
  const auto back = round_trip(letter_with(R"({"id":{"S":"a b"}})", "{\n  \"id\": {\r\n\"S\": \"a b\"}\n}"));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->change.image(), "{   \"id\": {  \"S\": \"a b\"} }");
}

TEST(DeadLetterLine, KeepsTheFractionOfASecond) {
  DeadLetter letter = letter_with(R"({"id":{"S":"a"}})", "");
  for (const auto fraction : {std::chrono::nanoseconds(123'456'789), std::chrono::nanoseconds(500'000'000),
                              std::chrono::nanoseconds(1'000)}) {
    letter.change = model::Change(letter.change.key(), "", letter.change.sequence(), kCreated + fraction);
    EXPECT_EQ(round_trip(letter)->change.created(), kCreated + fraction);
  }
}

TEST(DeadLetterLine, ReadsWhatJqOrAnEditorHasSpacedOut) {
  const auto back = parse(R"( { "sequence" : "7", "key" : { "id" : { "S" : "a b" } }, "note": [1, {"x": 2}],
      "image" : null, "created" : "2026-01-01T00:00:00Z", "at" : "2026-01-01T00:00:00Z" } )");
  ASSERT_TRUE(back) << to_line(back.error());
  EXPECT_EQ(back->change.key(), R"({"id":{"S":"a b"}})");
}

TEST(DeadLetterLine, TakesAKeyForWhatItMeans) {
  const auto back = parse(R"({"sequence":"7","key":{"id":{"N":"1.0"}},"image":{"id":{"N":"1"}},)"
                          R"("created":"2026-01-01T00:00:00Z","at":"2026-01-01T00:00:00Z"})");
  ASSERT_TRUE(back) << to_line(back.error());
  EXPECT_EQ(back->change.key(), R"({"id":{"N":"1"}})");
}

TEST(DeadLetterLine, RefusesAnImageOfAnotherKeyNamingBoth) {
  const auto back = round_trip(letter_with(R"({"id":{"S":"a"}})", R"({"id":{"S":"b"},"v":{"S":"a"}})"));
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().error_class, ErrorClass::kInvalid);
  EXPECT_THAT(back.error().message, HasSubstr(R"(key {"id":{"S":"a"}} has another one, {"id":{"S":"b"}})"));
}

TEST(DeadLetterLine, RefusesALineWithAnythingEssentialMissingOrWrong) {
  const std::string good = R"({"key":{"id":{"S":"a"}},"image":null,"sequence":"7","created":"2026-01-01T00:00:00Z",)"
                           R"("error":{"class":"invalid"},"at":"2026-01-01T00:00:00Z"})";
  ASSERT_TRUE(parse(good));
  const auto with = [&](std::string_view part, std::string_view replacement) {
    std::string line = good;
    EXPECT_NE(line.find(part), std::string::npos) << part;
    return parse(line.replace(line.find(part), part.size(), replacement));
  };
  for (const auto& [part, replacement] : std::vector<std::pair<std::string, std::string>>{
           {R"("key":{"id":{"S":"a"}},)", ""},
           {R"({"id":{"S":"a"}})", R"("a")"},
           {R"("image":null,)", ""},
           {R"("image":null)", R"("image":"x")"},
           {R"("sequence":"7",)", ""},
           {R"("sequence":"7")", R"("sequence":"x")"},
           {R"("sequence":"7")", R"("sequence":7)"},
           {R"("created":"2026-01-01T00:00:00Z",)", ""},
           {R"("created":"2026-01-01T00:00:00Z")", R"("created":"2026-13-01T00:00:00Z")"},
           {R"("created":"2026-01-01T00:00:00Z")", R"("created":"2026-02-30T00:00:00Z")"},
           {R"("created":"2026-01-01T00:00:00Z")", R"("created":"2026-01-01T24:00:00Z")"},
           {R"("created":"2026-01-01T00:00:00Z")", R"("created":"2026-01-01T00:00:00")"},
           {R"("created":"2026-01-01T00:00:00Z")", R"("created":"2026-01-01T00:00:00.Z")"},
           {R"(,"at":"2026-01-01T00:00:00Z")", ""},
           {R"("class":"invalid")", R"("class":"bad luck")"}}) {
    const auto result = with(part, replacement);
    ASSERT_FALSE(result) << part << " -> " << replacement;
    EXPECT_EQ(result.error().error_class, ErrorClass::kInvalid);
  }
  for (const char* line : {"", "{", "null", "[]", "garbage"}) EXPECT_FALSE(parse(line)) << line;
}

}  // namespace
}  // namespace dynamirror::sink
