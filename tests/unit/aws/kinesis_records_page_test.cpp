// SPDX-License-Identifier: Apache-2.0
//
// Goal: every form in which Kinesis carries a table's changes becomes a change; what is none is kept with its reason
// and does not stop the rest; what is no page does. Method: records written by hand; aggregated ones were made by
// tests/e2e/support/kinesis.mjs, and AWS's aws-kinesis-agg 4.2.8 takes them apart in the same way.
#include "aws/kinesis/records_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/kinesis/aggregated_record.hpp"
#include "model/base64.hpp"

namespace dynamirror::aws {
namespace {

using model::Change;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kThree =
    "84mawgoCcDEKAnAyEiczNDAyODIzNjY5MjA5Mzg0NjM0NjMzNzQ2MDc0MzE3NjgyMTE0NTUaCQgAGgVmaXJzdBoGCAEQABoAGoYB"
    "CAAagQF4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
    "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh/UADs8bZV+cvJUaw2v6QA";

/// REMOVE of a, no JSON, REMOVE of b.
constexpr const char* kEvents =
    "84mawgoBYQoBYhpUCAAaUHsiZXZlbnROYW1lIjoiUkVNT1ZFIiwiZHluYW1vZGIiOnsiS2V5cyI6eyJpZCI6eyJTIjoiYSJ9fSwi"
    "U2VxdWVuY2VOdW1iZXIiOiIwIn19GgsIABoHbm8ganNvbhpUCAEaUHsiZXZlbnROYW1lIjoiUkVNT1ZFIiwiZHluYW1vZGIiOnsi"
    "S2V5cyI6eyJpZCI6eyJTIjoiYiJ9fSwiU2VxdWVuY2VOdW1iZXIiOiIwIn19Q9LtK7Y8vXh1KtxC3rhjtg==";

/// §1: what an application puts.
constexpr const char* kDyno =
    R"({"awsRegion":"us-east-1","eventID":"0123456789abcdef0123456789abcdef","eventName":"INSERT",)"
    R"("eventSource":"aws:dynamodb","eventVersion":"1.0","dynamodb":{"Keys":{"id":{"S":"a"}},"SequenceNumber":"0",)"
    R"("SizeBytes":0,"StreamViewType":"KEYS_ONLY"}})";

/// What DynamoDB puts.
std::string feed(const std::string& event, const std::string& dynamodb, const std::string& identity = "null") {
  return R"({"awsRegion":"us-west-2","eventID":"e","eventName":")" + event + R"(","userIdentity":)" + identity +
         R"(,"recordFormat":"application/json","tableName":"Orders","dynamodb":{)" + dynamodb +
         R"("SizeBytes":20},"eventSource":"aws:dynamodb"})";
}

std::string base64(std::string_view bytes) {
  std::string text;
  model::append_base64(text, bytes);
  return text;
}

WallTime microseconds(std::int64_t since) { return WallTime(std::chrono::microseconds(since)); }

class KinesisRecordsTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kArrived = 1'646'853'600'500'000;

  KinesisRecordReader::Place place() const { return {.sequence = sequence_, .arrived = microseconds(kArrived)}; }

  std::expected<Change, std::string> read(std::string_view data, bool keys_only = false) {
    KinesisRecordReader reader({.key = {{"id", "S"}, {}}, .table = TableName("Orders"), .keys_only = keys_only});
    return reader.read(data, place());
  }

  std::string refusal(std::string_view data) {
    const auto change = read(data);
    return change ? "accepted" : change.error();
  }

  Result<RecordsPage> page(std::string body) { return parse_kinesis_page(body, records_, reader_); }

  const model::SequenceNumber sequence_ =
      model::SequenceNumber::parse("49590338271490256608559692538361571095921575989136588898").value();
  KinesisRecordReader records_{{.key = {{"id", "S"}, {}}, .table = TableName("Orders")}};
  json::Reader reader_;
};

TEST_F(KinesisRecordsTest, AnEventOfAnApplicationIsAKeyWhateverItIsCalled) {
  for (const std::string event : {"INSERT", "MODIFY", "REMOVE"}) {
    std::string data = kDyno;
    data.replace(data.find("INSERT"), 6, event);
    for (const bool keys_only : {false, true}) {
      const auto change = read(data, keys_only);
      ASSERT_TRUE(change) << change.error();
      EXPECT_EQ(change->key(), R"({"id":{"S":"a"}})");
      EXPECT_TRUE(change->is_key_only()) << event << " is a hint";
      EXPECT_EQ(change->sequence(), sequence_) << "not that of the event, which is always 0";
      EXPECT_EQ(change->created(), microseconds(kArrived));
    }
  }
}

TEST_F(KinesisRecordsTest, ARecordOfTheServiceHasImagesAndItsTime) {
  const std::string time =
      R"("ApproximateCreationDateTime":1646853580213456,"ApproximateCreationDateTimePrecision":"MICROSECOND",)";
  const std::string keys = R"("Keys":{"id":{"S":"a"}},)";
  const std::string images = R"("NewImage":{"id":{"S":"a"},"v":{"N":"2"}},"OldImage":{"id":{"S":"a"},"v":{"N":"1"}},)";
  const auto modified = read(feed("MODIFY", images + time + keys));
  ASSERT_TRUE(modified) << modified.error();
  EXPECT_EQ(modified->key(), R"({"id":{"S":"a"}})");
  EXPECT_EQ(modified->image(), R"({"id":{"S":"a"},"v":{"N":"2"}})");
  EXPECT_EQ(modified->old_image(), R"({"id":{"S":"a"},"v":{"N":"1"}})");
  EXPECT_EQ(modified->kind(), Change::Kind::kModify);
  EXPECT_EQ(modified->created(), microseconds(1'646'853'580'213'456)) << "to the microsecond";

  const auto inserted = read(feed("INSERT", keys + R"("NewImage":{"id":{"S":"a"}},)" + time));
  EXPECT_EQ(inserted->kind(), Change::Kind::kInsert);
  EXPECT_EQ(inserted->old_image(), "");

  const auto removed = read(feed("REMOVE", keys + time + R"("OldImage":{"id":{"S":"a"},"v":{"N":"1"}},)"));
  EXPECT_TRUE(removed->is_delete());
  EXPECT_FALSE(removed->is_expiry());
  EXPECT_EQ(removed->old_image(), R"({"id":{"S":"a"},"v":{"N":"1"}})");

  const auto key_only = read(feed("MODIFY", images + time + keys), true);
  EXPECT_TRUE(key_only->is_key_only());
  EXPECT_EQ(key_only->old_image(), "");
  EXPECT_EQ(key_only->created(), modified->created());
  EXPECT_TRUE(read(feed("REMOVE", keys + time), true)->is_key_only()) << "no event is believed";
}

TEST_F(KinesisRecordsTest, KnowsBothPrecisionsOfTime) {
  const auto created = [&](const std::string& time) {
    return read(feed("REMOVE", R"("Keys":{"id":{"S":"a"}},)" + time))->created();
  };
  EXPECT_EQ(created(R"("ApproximateCreationDateTime":1646853580213,)"), microseconds(1'646'853'580'213'000));
  EXPECT_EQ(created(R"("ApproximateCreationDateTime":1646853580213456,)"), microseconds(1'646'853'580'213'456));
  EXPECT_EQ(
      created(R"("ApproximateCreationDateTimePrecision":"MILLISECOND","ApproximateCreationDateTime":1646853580213,)"),
      microseconds(1'646'853'580'213'000));
  for (const char* impossible : {"", R"("ApproximateCreationDateTime":0,)", R"("ApproximateCreationDateTime":-5,)",
                                 R"("ApproximateCreationDateTime":1e300,)"}) {
    EXPECT_EQ(created(impossible), microseconds(kArrived)) << impossible;
  }
}

TEST_F(KinesisRecordsTest, KnowsWhatTimeToLiveDeleted) {
  const std::string keys = R"("Keys":{"id":{"S":"a"}},)";
  const std::string service = R"({"type":"Service","principalId":"dynamodb.amazonaws.com"})";
  EXPECT_TRUE(read(feed("REMOVE", keys, service))->is_expiry());
  EXPECT_FALSE(read(feed("REMOVE", keys, R"({"type":"User","principalId":"x"})"))->is_expiry());
  EXPECT_TRUE(read(feed("REMOVE", keys, service), true)->is_key_only());
}

TEST_F(KinesisRecordsTest, BringsKeysIntoCanonicalForm) {
  const auto change = read(R"({"dynamodb":{"Keys":{ "id" : {"S":"\u00e9"} }},"eventName":"MODIFY"})");
  ASSERT_TRUE(change) << change.error();
  EXPECT_EQ(change->key(), R"({"id":{"S":"é"}})");
}

TEST_F(KinesisRecordsTest, SaysOfARecordWhyItIsNoChange) {
  const std::string keys = R"("Keys":{"id":{"S":"a"}},)";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "no change of an item"},
      {"no json", "no change of an item"},
      {"\xFF\xFE", "no change of an item"},
      {"[]", "no change of an item"},
      {"{}", "unknown event"},
      {R"({"eventName":"MODIFY"})", "no Keys"},
      {R"({"eventName":"MODIFY","dynamodb":{"Keys":null}})", "no Keys"},
      {R"({"eventName":"MODIFY","dynamodb":{"Keys":7}})", "not an object"},
      {R"({"eventName":"MODIFY","dynamodb":{"Keys":{"other":{"S":"a"}}}})", "its Keys: "},
      {R"({"eventName":"MODIFY","dynamodb":{"Keys":{"id":{"N":"1"}}}})", "its Keys: "},
      {R"({"eventName":"MODIFY","dynamodb":{"Keys":{"id":{"S":"a"}},"Keys":{"id":{"S":"b"}}}})", "given twice"},
      {R"({"eventName":"MODIFY","tableName":"Users","dynamodb":{"Keys":{"id":{"S":"a"}}}})", "of the table Users"},
      {feed("MODIFY", keys + R"("NewImage":{"id":{"S":"b"}},)"), "key"},
      {feed("MODIFY", keys + R"("NewImage":"x",)"), "not an object"}};
  for (const auto& [data, why] : cases) EXPECT_THAT(refusal(data), HasSubstr(why)) << data;
}

TEST_F(KinesisRecordsTest, TakesAggregatedRecordsApart) {
  const std::string data = *model::decode_base64(kThree);
  const auto within = records_within(data);
  ASSERT_TRUE(within);
  EXPECT_THAT(*within, ElementsAre("first", "", std::string(129, 'x')));
}

TEST_F(KinesisRecordsTest, TakesForOrdinaryWhatIsNotQuiteAggregated) {
  const std::string data = *model::decode_base64(kThree);
  for (std::size_t i = 0; i < data.size(); ++i) {
    std::string damaged = data;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(records_within(damaged)) << "byte " << i;
    EXPECT_FALSE(records_within(std::string_view(data).substr(0, i))) << i << " bytes";
  }
}

/// A message with its magic and its right MD5.
std::string sealed(std::string_view message, std::string_view md5_base64) {
  return "\xF3\x89\x9A\xC2" + std::string(message) + *model::decode_base64(md5_base64);
}

TEST_F(KinesisRecordsTest, TakesForOrdinaryWhatHoldsNoWellFormedMessage) {
  // The sums by `printf '…' | openssl md5 -binary | base64`.
  EXPECT_TRUE(records_within(sealed({"\x0A\x01p\x1A\x05\x08\x00\x1A\x01x", 10}, "Vjm0oIjAlilcAlgnxvKOBg==")));
  EXPECT_FALSE(records_within(sealed({"\x1A\x05\x08\x00\x1A\x01x", 7}, "JcNXwrj++RnJlt5gpHCO7Q==")))
      << "no such partition key";
  EXPECT_FALSE(records_within(sealed({"\x0A\x01p\x1A\x03\x1A\x01x", 8}, "h5fLjQ6Wdg54z/5fz1Wupw==")))
      << "index missing";
  EXPECT_FALSE(records_within(sealed({"\x0A\x01p\x1A\x7F\x08\x00\x1A\x01x", 10}, "VuYPamzbSvc4JJ9MDxMezw==")))
      << "longer than it is";
  EXPECT_FALSE(records_within(sealed("", "1B2M2Y8AsgTpgAmY7PhCfg=="))) << "nothing within";
}

TEST_F(KinesisRecordsTest, GivesEachRecordWithinItsPlace) {
  const std::string body = R"({"Records":[{"SequenceNumber":"7","Data":")" + std::string(kEvents) +
                           R"(","ApproximateArrivalTimestamp":1.6468536005E9},{"Data":")" + base64(kDyno) +
                           R"(","SequenceNumber":"8"}],"NextShardIterator":"n"})";
  const auto answer = page(body);
  ASSERT_TRUE(answer) << to_line(answer.error());
  std::vector<std::string> places;
  for (const Change& change : answer->changes) {
    places.push_back(change.sequence().str() + " " + std::string(change.key()));
  }
  EXPECT_THAT(places, ElementsAre(R"(7 {"id":{"S":"a"}})", R"(7:2 {"id":{"S":"b"}})", R"(8 {"id":{"S":"a"}})"));
  ASSERT_EQ(answer->unreadable.size(), 1u);
  EXPECT_EQ(answer->unreadable[0].sequence.str(), "7:1");
  EXPECT_EQ(answer->unreadable[0].data, "no json");
  EXPECT_THAT(answer->unreadable[0].reason, HasSubstr("no change of an item"));
  EXPECT_EQ(answer->unreadable[0].arrived, microseconds(kArrived));
  EXPECT_EQ(answer->bytes, model::decode_base64(kEvents)->size() + std::string_view(kDyno).size());
}

TEST_F(KinesisRecordsTest, KeepsABadRecordOfAMegabyteWhole) {
  const std::string data(1u << 20, '\x80');
  const auto answer = page(R"({"Records":[{"SequenceNumber":"7","Data":")" + base64(data) + R"("}]})");
  ASSERT_TRUE(answer) << to_line(answer.error());
  ASSERT_EQ(answer->unreadable.size(), 1u);
  EXPECT_EQ(answer->unreadable[0].data, data);
  EXPECT_LT(answer->unreadable[0].reason.size(), 1'000u);
}

TEST_F(KinesisRecordsTest, ThereIsNothingAfterAPageWithoutIterator) {
  EXPECT_FALSE(page(R"({"Records":[],"NextShardIterator":null,"ChildShards":[{"ShardId":"x"}]})")->next_iterator);
  EXPECT_FALSE(page(R"({"Records":[],"MillisBehindLatest":0})")->next_iterator);
}

TEST_F(KinesisRecordsTest, RefusesWhatIsNoPage) {
  for (const char* body :
       {"", "{}", "[]", R"({"Records":{}})", R"({"Records":[],"Records":[]})",
        R"({"Records":[],"NextShardIterator":"a","NextShardIterator":"b"})", R"({"Records":[{"Data":""}]})",
        R"({"Records":[{"SequenceNumber":"1"}]})", R"({"Records":[{"SequenceNumber":"1","Data":"?"}]})",
        R"({"Records":[{"SequenceNumber":"1:2","Data":""}]})",
        R"({"Records":[{"SequenceNumber":"1","SequenceNumber":"2","Data":""}]})"}) {
    const auto answer = page(body);
    ASSERT_FALSE(answer) << body;
    EXPECT_EQ(answer.error().error_class, ErrorClass::kFatal) << body;
  }
}

}  // namespace
}  // namespace dynamirror::aws
