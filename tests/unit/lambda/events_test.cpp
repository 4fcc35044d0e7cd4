// SPDX-License-Identifier: Apache-2.0
//
// Goal: an event becomes changes in the order of its stream, whichever form it has, and one record that cannot be read
// takes no other with it.
// Method: events as Lambda and EventBridge Pipes make them, cut down to what matters.
#include "lambda/events.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/base64.hpp"

namespace dynamirror::lambda {
namespace {

using ::testing::HasSubstr;

constexpr const char* kArn = "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2026-01-01T00:00:00.000";

/// `keys` and `image` are JSON; no image: a deletion.
std::string stream_record(int sequence, const std::string& keys, const std::string& image = {},
                          std::string arn = kArn) {
  const std::string new_image = image.empty() ? "" : fmt::format(R"("NewImage":{},)", image);
  return fmt::format(
      R"({{"eventID":"e","eventName":"{}","eventSource":"aws:dynamodb","dynamodb":{{"Keys":{},{}"SequenceNumber":"{}",)"
      R"("StreamViewType":"NEW_IMAGE"}},"eventSourceARN":"{}"}})",
      image.empty() ? "REMOVE" : "MODIFY", keys, new_image, sequence, arn);
}

std::string base64(std::string_view bytes) {
  std::string text;
  model::append_base64(text, bytes);
  return text;
}

std::string kinesis_record(int shard, int sequence, std::string_view data) {
  return fmt::format(
      R"({{"eventSource":"aws:kinesis","eventID":"shardId-{}:{}","eventSourceARN":"arn:aws:kinesis:x:1:stream/s",)"
      R"("kinesis":{{"sequenceNumber":"{}","approximateArrivalTimestamp":1.5,"data":"{}"}}}})",
      shard, sequence, sequence, base64(data));
}

Result<Event> event_of(std::string body) {
  json::Reader reader;
  return read_event(body, reader);
}

std::string refusal_of(std::string body) {
  const auto event = event_of(std::move(body));
  return event ? "none" : to_line(event.error());
}

std::string records(const std::vector<std::string>& all) {
  return fmt::format(R"({{"Records":[{}]}})", fmt::join(all, ","));
}

const model::Change& change_in(const Entry& entry) { return std::get<model::Change>(entry); }

TEST(Events, TellTheTableAndItsKeyByName) {
  const auto event = event_of(records({stream_record(1, R"({"zone":{"N":"1"},"id":{"S":"a"}})")})).value();
  EXPECT_EQ(event.table_name(), "Orders");
  EXPECT_EQ(event.table_arn(), "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders");
  EXPECT_EQ(event.table_region(), "eu-west-1");
  EXPECT_EQ(event.key, (model::KeySchema{{"id", "S"}, model::KeyAttribute{"zone", "N"}}));
}

TEST(Events, BecomeChangesInOrderAndByteForByte) {
  const std::string image = R"({"id":{"S":"a"},"n":{"N":"1.2345678901234567890123456789012345678"}})";
  const std::vector<std::string> both{stream_record(9, R"({"id":{"S":"a"}})", image),
                                      stream_record(10, R"({"id":{"S":"b"}})")};
  for (const std::string& body : {records(both), fmt::format(" [{}]", fmt::join(both, ","))}) {  // the latter of pipes
    auto event = event_of(body).value();
    const model::KeySchema key = event.key.value();
    const auto shards = changes_of(std::move(event), key);
    ASSERT_EQ(shards.size(), 1u);
    ASSERT_EQ(shards[0].entries.size(), 2u);
    EXPECT_EQ(change_in(shards[0].entries[0]).image(), image);
    EXPECT_TRUE(change_in(shards[0].entries[1]).is_delete());
    EXPECT_EQ(sequence_of(shards[0].entries[1]).text(), "10");
  }
}

TEST(Events, SetAsideARecordThatIsNoChangeAndNoOther) {
  const std::string fine = stream_record(1, R"({"id":{"S":"a"}})");
  auto event =
      event_of(records({fine, stream_record(2, R"({"id":{"N":"1"}})"), stream_record(3, R"({"id":{"S":"c"}})")}))
          .value();
  const model::KeySchema key = event.key.value();
  const auto entries = changes_of(std::move(event), key).at(0).entries;
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(change_in(entries[0]).sequence().text(), "1");
  const auto& unreadable = std::get<model::UnreadableRecord>(entries[1]);
  EXPECT_EQ(unreadable.sequence.text(), "2");
  EXPECT_THAT(unreadable.reason, ::testing::Not(HasSubstr("record 0")));
  EXPECT_EQ(change_in(entries[2]).sequence().text(), "3");
}

TEST(Events, OfKinesisKeepTheShardsApartAndTakeNoImage) {
  const std::string change =
      R"({"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{"id":{"S":"a"}}}})";
  auto event =
      event_of(records({kinesis_record(1, 5, change), kinesis_record(2, 4, "nothing"), kinesis_record(1, 6, change)}))
          .value();
  const auto shards = changes_of(std::move(event), {{"id", "S"}, std::nullopt});
  ASSERT_EQ(shards.size(), 2u);
  ASSERT_EQ(shards[0].entries.size(), 2u);
  EXPECT_TRUE(change_in(shards[0].entries[0]).is_key_only());
  EXPECT_EQ(std::get<model::UnreadableRecord>(shards[1].entries.at(0)).data, "nothing");
}

TEST(Events, AreRefusedWhereOrderOrPlaceIsUnknown) {
  const std::string keys = R"({"id":{"S":"a"}})";
  EXPECT_THAT(refusal_of(R"({"key1":"value1"})"), HasSubstr("no Records"));
  EXPECT_THAT(refusal_of("{"), HasSubstr("read event"));
  EXPECT_THAT(refusal_of(records({R"({"eventSource":"aws:sqs"})"})), HasSubstr("aws:sqs"));
  EXPECT_THAT(refusal_of(records({stream_record(2, keys), stream_record(2, keys)})), HasSubstr("record 1"));
  EXPECT_THAT(refusal_of(records({stream_record(1, keys), stream_record(2, keys, {}, "arn:other")})),
              HasSubstr("another stream"));
  EXPECT_THAT(refusal_of(records({R"({"eventSource":"aws:dynamodb","dynamodb":{}})"})), HasSubstr("sequence number"));
  EXPECT_TRUE(event_of(records({})).value().records.empty());
}

}  // namespace
}  // namespace dynamirror::lambda
