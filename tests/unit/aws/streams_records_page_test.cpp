// SPDX-License-Identifier: Apache-2.0
//
// Goal: every record of a page becomes exactly one change, image byte for byte, or the page is refused by name.
// Method: pages as the service sends them and in every other allowed order; hostile pages; random pages against their
// own recipe.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "aws/streams/records_page.hpp"
#include "base/random.hpp"
#include "base/text.hpp"

namespace dynamirror::aws {
namespace {

const model::KeySchema kSchema{{"id", "S"}, {}};

Result<RecordsPage> parse(std::string body, const model::KeySchema& schema = kSchema) {
  static json::Reader reader;
  return parse_records_page(body, schema, reader);
}

std::string page_of(std::string_view record) { return "{\"Records\":[" + std::string(record) + "]}"; }

std::string message_of(std::string_view record) {
  const auto page = parse(page_of(record));
  if (page) return "(no error)";
  EXPECT_EQ(page.error().error_class, ErrorClass::kFatal);
  EXPECT_EQ(page.error().doing, "read stream records");
  return page.error().message;
}

TEST(RecordsPage, RefusesAnImageOfAnotherKeyNamingBoth) {
  const std::string message =
      message_of(R"({"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{"id":{"S":"b"}},)"
                 R"("SequenceNumber":"1"}})");
  EXPECT_NE(message.find(R"(the key {"id":{"S":"a"}} has another one, {"id":{"S":"b"}})"), std::string::npos)
      << message;
}

TEST(RecordsPage, ReadsAPageAsTheServiceSendsIt) {
  const std::string body =
      R"({"NextShardIterator":"arn:aws:dynamodb:eu-west-1:1:table/T/stream/x|1|AAAA==","Records":[)"
      R"({"awsRegion":"eu-west-1","dynamodb":{"ApproximateCreationDateTime":1.479499740E9,"Keys":{"id":{"S":"a"}},)"
      R"("NewImage":{"id":{"S":"a"},"n":{"N":"1"}},"SequenceNumber":"500000000003498069978","SizeBytes":41,)"
      R"("StreamViewType":"NEW_AND_OLD_IMAGES"},"eventID":"fe9eb301790084c6481d2daa33c71c20","eventName":"INSERT",)"
      R"("eventSource":"aws:dynamodb","eventVersion":"1.1"},)"
      R"({"awsRegion":"eu-west-1","dynamodb":{"ApproximateCreationDateTime":1479499800,"Keys":{"id":{"S":"b"}},)"
      R"("OldImage":{"id":{"S":"b"}},"SequenceNumber":"500000000003498069979","SizeBytes":41,)"
      R"("StreamViewType":"NEW_AND_OLD_IMAGES"},"eventID":"x","eventName":"REMOVE","eventSource":"aws:dynamodb",)"
      R"("eventVersion":"1.1","userIdentity":{"PrincipalId":"dynamodb.amazonaws.com","Type":"Service"}}]})";
  const auto page = parse(body);
  ASSERT_TRUE(page) << to_line(page.error());
  EXPECT_EQ(page->next_iterator, "arn:aws:dynamodb:eu-west-1:1:table/T/stream/x|1|AAAA==");
  EXPECT_EQ(page->bytes, body.size());
  ASSERT_EQ(page->changes.size(), 2u);
  const model::Change& put = page->changes[0];
  EXPECT_EQ(put.key(), R"({"id":{"S":"a"}})");
  EXPECT_EQ(put.image(), R"({"id":{"S":"a"},"n":{"N":"1"}})");
  EXPECT_EQ(put.sequence().text(), "500000000003498069978");
  EXPECT_EQ(put.created(), WallTime(std::chrono::seconds(1479499740)));
  const model::Change& removal = page->changes[1];
  EXPECT_EQ(put.kind(), model::Change::Kind::kInsert);
  EXPECT_FALSE(put.is_expiry());
  EXPECT_TRUE(removal.is_delete());
  EXPECT_TRUE(removal.is_expiry()) << "time to live has deleted it";
  EXPECT_EQ(removal.key(), R"({"id":{"S":"b"}})");
  EXPECT_EQ(removal.created(), WallTime(std::chrono::seconds(1479499800)));
}

TEST(RecordsPage, AnEmptyPageOfAnOpenShardDiffersFromTheLastPageOfAClosedOne) {
  EXPECT_EQ(parse(R"({"NextShardIterator":"i","Records":[]})")->next_iterator, "i");
  EXPECT_FALSE(parse(R"({"Records":[]})")->next_iterator);
  EXPECT_FALSE(parse(R"({"Records":[],"NextShardIterator":null})")->next_iterator);
}

TEST(RecordsPage, RefusesAnAnswerThatIsNoPageRatherThanTakeItForTheEndOfTheShard) {
  for (const std::string_view body :
       {"{}", R"({"NextShardIterator":"i"})", R"({"Records":null})", R"({"Records":{}})", "[]", "null", "",
        "<html></html>", R"({"Records":[],"Records":[]})", R"({"Records":[],"NextShardIterator":1})",
        R"({"Records":[1]})", R"({"Records":[],"NextShardIterator":"a","NextShardIterator":"b"})", R"({"Records":[]}})",
        R"({"Records":[]} trailing)"}) {
    const auto page = parse(std::string(body));
    ASSERT_FALSE(page) << body;
    EXPECT_EQ(page.error().error_class, ErrorClass::kFatal) << body;
  }
}

TEST(RecordsPage, PassesEveryImageOnByteForByte) {
  const std::vector<std::string> images{
      R"({"id":{"S":"a"},"n":{"N":"12345678901234567890123456789012345678"},"m":{"N":"-1E-130"}})",
      R"({"id":{"S":"a"},"s":{"S":""},"b":{"B":""},"nul":{"NULL":true},"t":{"BOOL":false}})",
      R"({"id":{"S":"a"},"b":{"B":"AAH/+8="},"bs":{"BS":["AA==","/w=="]},"ns":{"NS":["1","2.50"]},"ss":{"SS":["x"]}})",
      R"({"id":{"S":"a"},"l":{"L":[{"M":{"k":{"L":[{"M":{}},{"L":[]}]}}},{"S":"]}"}]}})",
      R"({"id":{"S":"a"},"\u00e9\"":{"S":"\ud83d\ude00 \/ \\ \u0000 {[\"" }, "spaced" : { "N" : "1" } })",
      R"({"id":{"S":"a"},"big":{"S":")" + std::string(390'000, 'x') + "\"}}",
  };
  std::string records;
  for (std::size_t i = 0; i < images.size(); ++i) {
    records += (i == 0 ? "" : " , ") +
               std::string(R"({"eventName":"MODIFY","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage": )") + images[i] +
               R"( ,"SequenceNumber":")" + std::to_string(i + 1) + "\"}}";
  }
  const auto page = parse(page_of(records));
  ASSERT_TRUE(page) << to_line(page.error());
  ASSERT_EQ(page->changes.size(), images.size());
  for (std::size_t i = 0; i < images.size(); ++i) EXPECT_EQ(page->changes[i].image(), images[i]);
}

TEST(RecordsPage, MendsTheEmptyMapsOfDynamoDbLocal) {
  const auto page = parse(page_of(
      R"({"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{"id":{"S":"a"},"m":{},"t":{"M":{}}},)"
      R"("SequenceNumber":"1"}})"));
  ASSERT_TRUE(page) << to_line(page.error());
  EXPECT_EQ(page->changes.at(0).image(), R"({"id":{"S":"a"},"m":{"M":{}},"t":{"M":{}}})");
}

TEST(RecordsPage, TakesMembersInAnyOrderAmongUnknownOnes) {
  const auto page =
      parse(R"({"MillisBehindLatest":0,"Records":[{"userIdentity":null,"future":[{"eventName":"REMOVE"}],"dynamodb":)"
            R"({"SequenceNumber":"7","New":{"Keys":1},"NewImage":{"id":{"S":"a"}},"Keys":{ "id" : {"S":"a"} }},)"
            R"("eventName":"INSERT"}],"More":{"Records":[]},"NextShardIterator":"i"})");
  ASSERT_TRUE(page) << to_line(page.error());
  ASSERT_EQ(page->changes.size(), 1u);
  EXPECT_EQ(page->changes[0].key(), R"({"id":{"S":"a"}})");
  EXPECT_EQ(page->changes[0].created(), WallTime{});
  EXPECT_EQ(page->next_iterator, "i");
}

TEST(RecordsPage, MakesSpellingsOfOneKeyMeet) {
  const model::KeySchema schema{{"id", "S"}, model::KeyAttribute{"time", "N"}};
  std::string records;
  for (const std::string_view keys :
       {R"({"id":{"S":"é"},"time":{"N":"1"}})", R"({"time":{"N":"1"},"id":{"S":"\u00e9"}})",
        R"({ "id" : { "S" : "\u00E9" } , "time" : { "N" : "1" } })"}) {
    records += (records.empty() ? "" : ",") +
               std::string(R"({"eventName":"REMOVE","dynamodb":{"SequenceNumber":"1","Keys":)") + std::string(keys) +
               "}}";
  }
  const auto page = parse(page_of(records), schema);
  ASSERT_TRUE(page) << to_line(page.error());
  ASSERT_EQ(page->changes.size(), 3u);
  for (const auto& change : page->changes) EXPECT_EQ(change.key(), R"({"id":{"S":"é"},"time":{"N":"1"}})");
}

TEST(RecordsPage, ReadsTheTimeInEveryFormAndNeverStopsForIt) {
  const auto created = [](std::string_view time) {
    const auto page = parse(page_of(
        R"({"eventName":"REMOVE","dynamodb":{"Keys":{"id":{"S":"a"}},"SequenceNumber":"1","ApproximateCreationDateTime":)" +
        std::string(time) + "}}"));
    EXPECT_TRUE(page) << time;
    return page ? page->changes.at(0).created().time_since_epoch() : WallTime::duration(-1);
  };
  EXPECT_EQ(created("1700000000"), std::chrono::seconds(1700000000));
  EXPECT_EQ(created("1.7E9"), std::chrono::seconds(1700000000));
  EXPECT_EQ(created("1700000000.25"), std::chrono::milliseconds(1700000000250));
  EXPECT_EQ(created("1700000000250"), std::chrono::milliseconds(1700000000250)) << "as Java's Streams adapter has it";
  EXPECT_EQ(created("-5"), std::chrono::seconds(0));
  EXPECT_EQ(created("1e300"), std::chrono::seconds(0));
}

TEST(RecordsPage, NamesAnEventItDoesNotKnow) {
  EXPECT_EQ(message_of(R"({"dynamodb":{"Keys":{"id":{"S":"a"}},"SequenceNumber":"42"},"eventName":"TRUNCATE"})"),
            "record 0 (sequence number 42): unknown event \"TRUNCATE\"");
  EXPECT_EQ(message_of(R"({"dynamodb":{"Keys":{"id":{"S":"a"}},"SequenceNumber":"42"}})"),
            "record 0 (sequence number 42): unknown event \"\"");
}

TEST(RecordsPage, RefusesAnImageThatIsMissingWhereTheStreamHasThem) {
  for (const std::string_view rest : {"", R"(,"NewImage":null)", R"(,"StreamViewType":"NEW_IMAGE")",
                                      R"(,"NewImage":null,"StreamViewType":"NEW_AND_OLD_IMAGES")"}) {
    const auto message =
        message_of(R"({"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"SequenceNumber":"42")" +
                   std::string(rest) + "}}");
    EXPECT_EQ(message, "record 0 (sequence number 42): it has no NewImage") << rest;
  }
}

/// A record of a view without new images.
std::string record_of(std::string_view event, std::string_view view, std::string_view old_image = {}) {
  std::string text = R"({"eventName":")" + std::string(event) + R"(","dynamodb":{"StreamViewType":")" +
                     std::string(view) + R"(","SequenceNumber":"7","Keys":{"id":{"S":"a"}})";
  if (!old_image.empty()) text += R"(,"OldImage":)" + std::string(old_image);
  return text + "}}";
}

TEST(RecordsPage, GivesTheKeyAloneWhereTheStreamHasNoNewImages) {
  for (const char* view : {"KEYS_ONLY", "OLD_IMAGE"}) {
    for (const char* event : {"INSERT", "MODIFY"}) {
      const auto page = parse(page_of(record_of(event, view, R"({"id":{"S":"a"},"n":{"N":"1"}})")));
      ASSERT_TRUE(page) << to_line(page.error());
      const model::Change& change = page->changes.at(0);
      EXPECT_TRUE(change.is_key_only()) << event;
      EXPECT_EQ(change.key(), R"({"id":{"S":"a"}})");
      EXPECT_EQ(change.old_image(), "") << "nobody has asked for it";
    }
    const auto page = parse(page_of(record_of("REMOVE", view)));
    ASSERT_TRUE(page);
    EXPECT_TRUE(page->changes.at(0).is_delete());
    EXPECT_FALSE(page->changes.at(0).is_key_only());
  }
}

TEST(RecordsPage, GivesTheOldImageWhenAsked) {
  const std::string old_image = R"({"id":{"S":"a"},"n":{"N":"1.50"}})";
  json::Reader reader;
  for (const char* event : {"MODIFY", "REMOVE"}) {
    std::string body = page_of(record_of(event, "OLD_IMAGE", old_image));
    const auto page = parse_records_page(body, kSchema, reader, {.old_images = true});
    ASSERT_TRUE(page) << to_line(page.error());
    EXPECT_EQ(page->changes.at(0).old_image(), old_image);
    EXPECT_EQ(page->changes.at(0).image(), "");
  }
  std::string other = page_of(record_of("MODIFY", "OLD_IMAGE", R"({"id":{"S":"b"}})"));
  EXPECT_FALSE(parse_records_page(other, kSchema, reader, {.old_images = true})) << "of another item";
}

TEST(RecordsPage, RefusesRecordsWithoutWhatAChangeNeeds) {
  EXPECT_EQ(message_of(R"({"eventName":"REMOVE","dynamodb":{"Keys":{"id":{"S":"a"}}}})"),
            "record 0: its sequence number is not a decimal integer of at most 58 digits");
  EXPECT_EQ(message_of(R"({"eventName":"REMOVE","dynamodb":{"SequenceNumber":"1"}})"),
            "record 0 (sequence number 1): it has no Keys");
  EXPECT_EQ(message_of(R"({"eventName":"REMOVE","dynamodb":{"SequenceNumber":"1","Keys":{"other":{"S":"a"}}}})"),
            "record 0 (sequence number 1): attribute other does not belong to the key id (S)");
  EXPECT_EQ(
      message_of(R"({"eventName":"INSERT","dynamodb":{"SequenceNumber":"1","Keys":{"id":{"S":"a"}},"NewImage":[]}})"),
      "record 0 (sequence number 1): its NewImage is not an object");
  EXPECT_NE(message_of(R"({"eventName":1,"dynamodb":{"SequenceNumber":"1"}})"), "(no error)");
}

TEST(RecordsPage, RefusesMembersGivenTwice) {
  const auto twice = [](std::string_view member) {
    return message_of(
        R"({"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{"id":{"S":"a"}},"SequenceNumber":"1",)" +
        std::string(member) + "}}");
  };
  EXPECT_EQ(twice(R"("Keys":{"id":{"S":"b"}})"), "record 0 (sequence number 1): the member Keys is given twice");
  EXPECT_EQ(twice(R"("NewImage":{"id":{"S":"b"}})"),
            "record 0 (sequence number 1): the member NewImage is given twice");
  EXPECT_EQ(twice(R"("SequenceNumber":"2")"), "record 0 (sequence number 1): the member SequenceNumber is given twice");
}

TEST(RecordsPage, RefusesEveryTruncationAndLeavesTheBodyAlone) {
  const std::string whole = page_of(
      R"({"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{"id":{"S":"a"}},"SequenceNumber":"1"}})");
  json::Reader reader;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::string cut = whole.substr(0, size);
    EXPECT_FALSE(parse_records_page(cut, kSchema, reader)) << cut;
    EXPECT_EQ(cut, whole.substr(0, size));
  }
}

TEST(RecordsPage, GivesBackRandomPagesAsTheyWereMade) {
  const model::KeySchema schema{{"id", "S"}, model::KeyAttribute{"n", "N"}};
  json::Reader reader;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    const auto count = random.below(20);
    std::vector<std::pair<std::string, std::string>> made;
    std::string records;
    for (std::uint64_t i = 0; i < count; ++i) {
      std::string text;
      for (auto left = random.below(20); left > 0; --left) text += static_cast<char>(random.below(128));
      const std::string id = "\"id\":{\"S\":" + json_quoted(text) + "}";
      const std::string n = "\"n\":{\"N\":\"" + std::to_string(random.next()) + "\"}";
      const bool removal = random.chance(0.3);
      const std::string image = removal ? "" : "{\"x\":{\"S\":" + json_quoted(text) + "}," + n + "," + id + "}";
      std::vector<std::string> members{"\"SequenceNumber\":\"" + std::to_string(i) + "\"",
                                       "\"Keys\":{" + (random.chance(0.5) ? id + "," + n : n + "," + id) + "}"};
      if (!removal) members.push_back("\"NewImage\":" + image);
      if (random.chance(0.5)) members.push_back("\"OldImage\":{\"Keys\":{\"S\":\"}\"}}");
      for (std::size_t at = members.size(); at > 1; --at) std::swap(members[at - 1], members[random.below(at)]);
      records += (i == 0 ? "" : ",") + std::string("{\"dynamodb\":{");
      for (std::size_t at = 0; at < members.size(); ++at) records += (at == 0 ? "" : ",") + members[at];
      records += std::string("},\"eventName\":\"") + (removal ? "REMOVE" : "MODIFY") + "\"}";
      made.emplace_back("{" + id + "," + n + "}", image);
    }
    std::string body = page_of(records);
    const auto page = parse_records_page(body, schema, reader);
    ASSERT_TRUE(page) << "seed " << seed << ": " << to_line(page.error());
    ASSERT_EQ(page->changes.size(), made.size()) << "seed " << seed;
    for (std::size_t i = 0; i < made.size(); ++i) {
      ASSERT_EQ(page->changes[i].key(), made[i].first) << "seed " << seed;
      ASSERT_EQ(page->changes[i].image(), made[i].second) << "seed " << seed;
      ASSERT_EQ(page->changes[i].sequence().text(), std::to_string(i)) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace dynamirror::aws
