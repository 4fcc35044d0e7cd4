// SPDX-License-Identifier: Apache-2.0
//
// Goal: a stream of Kinesis is read from a position, and within an aggregated record; what is lost, expired or gone is
// told apart. Method: answers by a script, below the real clients; the real reader and lister above.
#include "source/kinesis_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/base64.hpp"
#include "source/poll_pace.hpp"
#include "source/shard_lister.hpp"
#include "source/shard_reader.hpp"
#include "support/aws_stand_ins.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::source {
namespace {

using support::run_task;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kUrl = "https://kinesis.eu-west-1.amazonaws.com/";
constexpr const char* kNotFound = R"({"__type":"ResourceNotFoundException","message":"not found"})";

/// Two records in one, of the keys a and b, and between them what is no change: see kinesis_records_page_test.cpp.
constexpr const char* kAggregated =
    "84mawgoBYQoBYhpUCAAaUHsiZXZlbnROYW1lIjoiUkVNT1ZFIiwiZHluYW1vZGIiOnsiS2V5cyI6eyJpZCI6eyJTIjoiYSJ9fSwi"
    "U2VxdWVuY2VOdW1iZXIiOiIwIn19GgsIABoHbm8ganNvbhpUCAEaUHsiZXZlbnROYW1lIjoiUkVNT1ZFIiwiZHluYW1vZGIiOnsi"
    "S2V5cyI6eyJpZCI6eyJTIjoiYiJ9fSwiU2VxdWVuY2VOdW1iZXIiOiIwIn19Q9LtK7Y8vXh1KtxC3rhjtg==";

model::Checkpoint after(std::string_view place) {
  return model::AfterSequence{model::SequenceNumber::parse_place(place).value()};
}

std::string base64(std::string_view bytes) {
  std::string text;
  model::append_base64(text, bytes);
  return text;
}

std::string record(const std::string& sequence, const std::string& key) {
  return R"({"SequenceNumber":")" + sequence + R"(","Data":")" +
         base64(R"({"eventName":"MODIFY","dynamodb":{"Keys":{"id":{"S":")" + key + R"("}}}})") + R"("})";
}

std::string page(const std::string& records, const std::string& next = "next") {
  return R"({"Records":[)" + records + R"(],"NextShardIterator":)" + (next.empty() ? "null" : '"' + next + '"') + "}";
}

class KinesisStreamTest : public ::testing::Test {
 protected:
  support::ScriptedTransport::Exchange& expect(const std::string& operation,
                                               const ::testing::Matcher<std::string>& body = ::testing::_) {
    return transport_.expect("POST", kUrl).with_header("x-amz-target", "Kinesis_20131202." + operation).with_body(body);
  }

  void answer_summary(const std::string& status = "ACTIVE", const std::string& name = "orders") {
    expect("DescribeStreamSummary")
        .answer(200, R"({"StreamDescriptionSummary":{"StreamARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/)" +
                         name + R"(","StreamStatus":")" + status +
                         R"(","RetentionPeriodHours":48,"StreamCreationTimestamp":1646853580.5}})");
  }

  std::unique_ptr<KinesisStream> open(std::optional<WallTime> start = std::nullopt) {
    answer_summary();
    KinesisStream::Options options{.format = {.key = {{"id", "S"}, {}}}, .start_time = start, .pace = {}};
    auto stream = run_task(KinesisStream::open(client_, std::move(options)));
    EXPECT_TRUE(stream) << to_line(stream.error());
    return std::move(*stream);
  }

  ShardReader reader(const ChangeStream& stream, const model::Checkpoint& from) {
    return ShardReader({.stream = stream, .slots = slots_, .clock = clock_, .random = random_}, shard_, from,
                       {.idle_poll = std::chrono::milliseconds(1)});
  }

  /// "place key" of each change of a page.
  static std::vector<std::string> places(const Result<ShardReader::Page>& read) {
    std::vector<std::string> places;
    if (!read) return {to_line(read.error())};
    for (const model::Change& change : read->changes) {
      places.push_back(change.sequence().str() + " " + std::string(change.key()));
    }
    for (const model::UnreadableRecord& record : read->unreadable) places.push_back(record.sequence.str() + " ?");
    return places;
  }

  const ShardId shard_{"shardId-000000000001"};
  support::ScriptedTransport transport_;
  support::StandInCredentials credentials_;
  ManualClock clock_;
  Random random_{1};
  ReadSlots slots_;
  aws::ApiClient api_{{.endpoint = {.tls = true, .host = "kinesis.eu-west-1.amazonaws.com", .port = 443},
                       .region = Region("eu-west-1"),
                       .service = "kinesis",
                       .target_prefix = aws::KinesisClient::kTargetPrefix,
                       .json_version = aws::KinesisClient::kJsonVersion},
                      transport_,
                      credentials_,
                      clock_,
                      random_};
  aws::KinesisClient client_{api_, {.name = "orders", .display = "kinesis:eu-west-1/orders"}};
};

TEST_F(KinesisStreamTest, KnowsWhatTheServiceSaysOfIt) {
  const auto stream = open();
  EXPECT_EQ(stream->retention(), std::chrono::hours(48));
  EXPECT_EQ(stream->arn().str(), "arn:aws:kinesis:eu-west-1:123456789012:stream/orders:1646853580")
      << "one that is made anew is another stream";
  EXPECT_EQ(stream->describe(), "kinesis:eu-west-1/orders");
}

TEST_F(KinesisStreamTest, RefusesTheStreamOfAnotherAccountAndOneThatGoesAway) {
  const StreamArn elsewhere("arn:aws:kinesis:eu-west-1:999999999999:stream/orders");
  aws::KinesisClient client(api_, {.name = "orders", .arn = elsewhere, .display = elsewhere.str()});
  const auto line = [&](aws::KinesisClient& of) {
    KinesisStream::Options options{.format = {.key = {{"id", "S"}, {}}}};
    const auto stream = run_task(KinesisStream::open(of, std::move(options)));
    return stream ? "accepted" : stream.error().code + " " + to_line(stream.error());
  };
  answer_summary();
  EXPECT_THAT(line(client), HasSubstr("lead to arn:aws:kinesis:eu-west-1:123456789012:stream/orders instead"));
  answer_summary("DELETING");
  EXPECT_THAT(line(client_), HasSubstr("it is DELETING"));
  expect("DescribeStreamSummary").answer(400, kNotFound);
  EXPECT_THAT(line(client_), HasSubstr("StreamNotFound"));
}

TEST_F(KinesisStreamTest, ListsOnWithTheTokenOrBehindTheLastShard) {
  const auto stream = open();
  ShardLister lister(*stream, random_, {.pause_between_pages = std::chrono::milliseconds(0)});
  expect("ListShards", R"({"StreamName":"orders"})").answer(200, R"({"Shards":[{"ShardId":"a"}],"NextToken":"t"})");
  expect("ListShards", R"({"NextToken":"t"})")
      .answer(400, R"({"__type":"ExpiredNextTokenException","message":"300 s"})");
  expect("ListShards", R"({"StreamName":"orders","ExclusiveStartShardId":"a"})")
      .answer(200, R"({"Shards":[{"ShardId":"b"}],"NextToken":"u"})");
  expect("ListShards", R"({"NextToken":"u"})")
      .answer(200, R"({"Shards":[{"ShardId":"c","ParentShardId":"a","AdjacentParentShardId":"b"}]})");
  const auto listing = run_task(lister.list());
  ASSERT_TRUE(listing) << to_line(listing.error());
  EXPECT_TRUE(listing->complete);
  ASSERT_EQ(listing->shards.size(), 3u);
  EXPECT_EQ(listing->shards[2].parents, (std::vector{ShardId("a"), ShardId("b")}));
}

TEST_F(KinesisStreamTest, GoesOnWithinAnAggregatedRecord) {
  const auto stream = open();
  expect("GetShardIterator", HasSubstr(R"("AT_SEQUENCE_NUMBER","StartingSequenceNumber":"7")"))
      .answer(200, R"({"ShardIterator":"i"})");
  expect("GetRecords", HasSubstr(R"("ShardIterator":"i")")).answer(200, page("", "j"));
  const std::string aggregated = R"({"SequenceNumber":"7","Data":")" + std::string(kAggregated) + R"("})";
  expect("GetRecords", HasSubstr(R"("ShardIterator":"j")")).answer(200, page(aggregated + "," + record("9", "c"), "k"));
  expect("GetRecords", HasSubstr(R"("ShardIterator":"k")")).answer(200, page(record("10", "d"), ""));
  ShardReader reader = this->reader(*stream, after("7:1"));
  EXPECT_THAT(places(run_task(reader.next())), ElementsAre()) << "empty answers may come before the position";
  EXPECT_THAT(places(run_task(reader.next())), ElementsAre(R"(7:2 {"id":{"S":"b"}})", R"(9 {"id":{"S":"c"}})"));
  const auto last = run_task(reader.next());
  EXPECT_THAT(places(last), ElementsAre(R"(10 {"id":{"S":"d"}})"));
  EXPECT_TRUE(last->shard_ended);
}

TEST_F(KinesisStreamTest, RepeatsNothingBehindAnExpiredIterator) {
  const auto stream = open();
  expect("GetShardIterator", HasSubstr("TRIM_HORIZON")).answer(200, R"({"ShardIterator":"i"})");
  const std::string bad = R"({"SequenceNumber":"8","Data":"bm8="})";
  expect("GetRecords").answer(200, page(record("7", "a") + "," + bad));
  expect("GetRecords").answer(400, R"({"__type":"ExpiredIteratorException","message":"5 minutes"})");
  expect("GetShardIterator", HasSubstr(R"("AT_SEQUENCE_NUMBER","StartingSequenceNumber":"8")"))
      .answer(200, R"({"ShardIterator":"j"})");
  expect("GetRecords").answer(200, page(bad + "," + record("9", "b")));
  ShardReader reader = this->reader(*stream, model::TrimHorizon{});
  EXPECT_THAT(places(run_task(reader.next())), ElementsAre(R"(7 {"id":{"S":"a"}})", "8 ?"));
  EXPECT_THAT(places(run_task(reader.next())), ElementsAre(R"(9 {"id":{"S":"b"}})"));
}

TEST_F(KinesisStreamTest, GoesOnFromBeforeALatestThatHasExpired) {
  const auto stream = open();
  expect("GetShardIterator", HasSubstr(R"("LATEST")")).answer(200, R"({"ShardIterator":"i"})");
  expect("GetRecords").answer(200, page("", "j"));
  expect("GetRecords").answer(400, R"({"__type":"ExpiredIteratorException","message":"5 minutes"})");
  const auto began = std::chrono::duration_cast<std::chrono::seconds>(clock_.wall_now().time_since_epoch()).count();
  expect("GetShardIterator", HasSubstr(R"("AT_TIMESTAMP","Timestamp":)" + std::to_string(began - 600) + "."))
      .answer(200, R"({"ShardIterator":"k"})");
  expect("GetRecords").answer(200, page(record("9", "a")));
  ShardReader reader = this->reader(*stream, model::Latest{});
  EXPECT_THAT(places(run_task(reader.next())), ElementsAre());
  clock_.advance(std::chrono::hours(1));
  EXPECT_THAT(places(run_task(reader.next())), ElementsAre(R"(9 {"id":{"S":"a"}})")) << "not all that the stream holds";
}

TEST_F(KinesisStreamTest, NoticesThatItsPositionIsGone) {
  const auto stream = open();
  expect("GetShardIterator").answer(200, R"({"ShardIterator":"i"})");
  expect("GetRecords").answer(200, page(record("9", "a")));
  ShardReader reader = this->reader(*stream, after("7"));
  const auto read = run_task(reader.next());
  ASSERT_FALSE(read);
  EXPECT_EQ(stream->loss(read.error()), ChangeStream::Loss::kRecords);
  EXPECT_FALSE(read.error().retryable());
  EXPECT_THAT(to_line(read.error()), HasSubstr("record 7 is older than what the stream keeps"));
}

TEST_F(KinesisStreamTest, NoticesThatItsPositionIsOfAnEarlierStream) {
  const auto stream = open();
  const auto lost = [&](const model::Checkpoint& from) {
    expect("GetShardIterator").answer(400, R"({"__type":"InvalidArgumentException","message":"it did not come"})");
    const auto iterator = run_task(stream->iterator(shard_, from));
    return iterator ? ChangeStream::Loss::kNone : stream->loss(iterator.error());
  };
  EXPECT_EQ(lost(after("7")), ChangeStream::Loss::kRecords);
  EXPECT_EQ(lost(model::AtTimestamp{clock_.wall_now()}), ChangeStream::Loss::kNone) << "a moment yet to come";
}

TEST_F(KinesisStreamTest, NoticesAtTheEndOfAShardThatItsPositionIsGone) {
  const auto stream = open();
  expect("GetShardIterator").answer(200, R"({"ShardIterator":"i"})");
  expect("GetRecords").answer(200, page("", ""));
  ShardReader shard = reader(*stream, after("100"));
  const auto read = run_task(shard.next());
  ASSERT_FALSE(read) << "the shard would count as read to its end";
  EXPECT_EQ(stream->loss(read.error()), ChangeStream::Loss::kRecords);
}

TEST_F(KinesisStreamTest, AnEmptyPageFromBeforeTheTipIsNoTip) {
  const auto stream = open();
  expect("GetShardIterator").answer(200, R"({"ShardIterator":"i"})");
  expect("GetRecords").answer(200, R"({"Records":[],"NextShardIterator":"j","MillisBehindLatest":60000})");
  expect("GetRecords").answer(200, R"({"Records":[],"NextShardIterator":"k","MillisBehindLatest":0})");
  ShardReader shard = reader(*stream, model::TrimHorizon{});
  EXPECT_EQ(run_task(shard.next())->empty_answers, 0u) << "records follow";
  EXPECT_EQ(run_task(shard.next())->empty_answers, 1u);
}

TEST_F(KinesisStreamTest, TellsAShardThatIsGoneFromAStreamThatIs) {
  const auto stream = open();
  ShardReader trimmed = reader(*stream, model::TrimHorizon{});
  expect("GetShardIterator").answer(400, kNotFound);
  answer_summary();
  const auto shard = run_task(trimmed.next());
  ASSERT_FALSE(shard);
  EXPECT_EQ(stream->loss(shard.error()), ChangeStream::Loss::kShard);

  ShardReader deleted = reader(*stream, model::TrimHorizon{});
  expect("GetShardIterator").answer(200, R"({"ShardIterator":"i"})");
  expect("GetRecords").answer(400, kNotFound);
  expect("DescribeStreamSummary").answer(400, kNotFound);
  const auto gone = run_task(deleted.next());
  ASSERT_FALSE(gone);
  EXPECT_EQ(stream->loss(gone.error()), ChangeStream::Loss::kNone);
  EXPECT_EQ(gone.error().code, "StreamNotFound");
}

TEST_F(KinesisStreamTest, BeginsAtAMoment) {
  const WallTime start{std::chrono::milliseconds(1'646'853'580'500)};
  const auto stream = open(start);
  const auto asks_for = [&](const model::Checkpoint& from, const std::string& kind) {
    expect("GetShardIterator", HasSubstr(kind)).answer(200, R"({"ShardIterator":"i"})");
    EXPECT_TRUE(run_task(stream->iterator(shard_, from)));
  };
  EXPECT_EQ(stream->beginning(), model::Checkpoint(model::AtTimestamp{start}));
  asks_for(model::TrimHorizon{}, R"("TRIM_HORIZON")");
  asks_for(model::AtTimestamp{}, R"("AT_TIMESTAMP","Timestamp":1646853580.500)");
  asks_for(model::AtTimestamp{start + std::chrono::seconds(1)}, R"("AT_TIMESTAMP","Timestamp":1646853581.500)");
  asks_for(model::Latest{}, R"("LATEST")");
  const auto without = open();
  const auto iterator = run_task(without->iterator(shard_, model::AtTimestamp{}));
  ASSERT_FALSE(iterator);
  EXPECT_THAT(to_line(iterator.error()), HasSubstr("name the moment"));
}

TEST(PollPace, KeepsWithinWhatTheServiceAllows) {
  using std::chrono::milliseconds;
  PollPace pace(milliseconds(1'000), {.between_reads = milliseconds(250), .bytes_per_second = 2'000'000});
  EXPECT_EQ(pace.after_answer(10, 1'000), milliseconds(250));
  EXPECT_EQ(pace.after_answer(10, 10'000'000), milliseconds(5'000));
  EXPECT_EQ(pace.after_answer(0), milliseconds(250));
  for (int i = 0; i < 10; ++i) (void)pace.after_answer(0);
  EXPECT_EQ(pace.after_answer(0), milliseconds(1'000));
  EXPECT_EQ(PollPace(milliseconds(1'000)).after_answer(10, 10'000'000), milliseconds(0)) << "as fast as it goes";
}

}  // namespace
}  // namespace dynamirror::source
