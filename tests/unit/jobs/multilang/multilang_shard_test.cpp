// SPDX-License-Identifier: Apache-2.0
//
// Goal: under a MultiLangDaemon nothing is acknowledged before it is in the target, an end is checkpointed only where
// there is one, and whatever goes wrong ends the process instead of leaving the daemon to wait.
// Method: a daemon played line by line, and a target in memory that refuses and delays as told.
#include "jobs/multilang/multilang_shard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "async/sleep.hpp"
#include "model/base64.hpp"
#include "support/run_task.hpp"
#include "support/temp_folder.hpp"

namespace dynamirror::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kInitialize =
    R"({"action":"initialize","shardId":"shardId-7","sequenceNumber":"TRIM_HORIZON","subSequenceNumber":0})";
const std::string kDone = R"({"action":"checkpoint","sequenceNumber":null,"subSequenceNumber":null,"error":null})";
const std::string kShardEnded = R"({"action":"shardEnded"})";
const std::string kLeaseLost = R"({"action":"leaseLost"})";

std::string refused_with(const std::string& exception) {
  return R"({"action":"checkpoint","sequenceNumber":null,"subSequenceNumber":null,"error":")" + exception + "\"}";
}

std::string key_of(const std::string& id) { return R"({"id":{"S":")" + id + "\"}}"; }

/// A record's data, as the Streams adapter writes it; a removal without `value`.
std::string data(const std::string& id, int sequence, const std::string& value) {
  std::string json = R"({"eventID":"e","eventName":")" + std::string(value.empty() ? "REMOVE" : "MODIFY") +
                     R"(","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"eu-west-1","dynamodb":{)" +
                     R"("ApproximateCreationDateTime":1767225600123,"Keys":)" + key_of(id) + R"(,"SequenceNumber":")" +
                     std::to_string(sequence) + "\"";
  if (!value.empty()) json += R"(,"NewImage":{"id":{"S":")" + id + R"("},"v":{"S":")" + value + "\"}}";
  return json + R"(,"SizeBytes":10,"StreamViewType":"NEW_IMAGE"}})";
}

std::string records_of(const std::vector<std::string>& all) {
  std::string line = R"({"action":"processRecords","millisBehindLatest":null,"records":[)";
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::string base64;
    model::append_base64(base64, all[i]);
    line += std::string(i > 0 ? "," : "") + R"({"action":"record","data":")" + base64 +
            R"(","partitionKey":null,"sequenceNumber":"1","subSequenceNumber":0})";
  }
  return line + "]}";
}

/// A record of Kinesis. `sub`: its place within an aggregated one.
struct KinesisRecord {
  std::string sequence;
  int sub = 0;
  std::string data;
};

std::string dyno_event(const std::string& event, const std::string& id) {
  return R"({"eventName":")" + event + R"(","eventSource":"aws:dynamodb","dynamodb":{"Keys":)" + key_of(id) +
         R"(,"SequenceNumber":"0","SizeBytes":0,"StreamViewType":"KEYS_ONLY"}})";
}

std::string kinesis_records(const std::vector<KinesisRecord>& all) {
  std::string line = R"({"action":"processRecords","millisBehindLatest":0,"records":[)";
  for (const KinesisRecord& record : all) {
    if (!line.ends_with('[')) line += ',';
    line += R"({"action":"record","data":")";
    model::append_base64(line, record.data);
    line += R"(","partitionKey":"p","sequenceNumber":")" + record.sequence + R"(","subSequenceNumber":)" +
            std::to_string(record.sub) + R"(,"approximateArrivalTimestamp":1646853580213})";
  }
  return line + "]}";
}

/// Keeps what is written, and notes it in the common order of events.
class PlayedTarget final : public sink::ChangeSink {
 public:
  explicit PlayedTarget(std::vector<std::string>& events) : events_(events) {}
  std::set<std::string> refused;     ///< keys
  std::map<std::string, int> delay;  ///< key -> "try again" so many times
  std::size_t at_once = 25;
  std::function<void()> after_write = [] {};
  std::map<std::string, std::string> items;

  [[nodiscard]] Limits limits() const override { return {.max_changes = at_once, .max_bytes = 1u << 20}; }
  [[nodiscard]] std::string describe() const override { return "target"; }
  [[nodiscard]] async::Task<Result<std::vector<sink::Outcome>>> write(std::span<const model::Change* const> changes,
                                                                      SteadyTime /*not_after*/) override {
    co_await async::sleep_for(std::chrono::milliseconds(1));
    std::vector<sink::Outcome> outcomes;
    for (const model::Change* change : changes) outcomes.push_back(outcome_of(*change));
    after_write();
    co_return outcomes;
  }

 private:
  sink::Outcome outcome_of(const model::Change& change) {
    const std::string key(change.key());
    const Error error{
        .error_class = ErrorClass::kThrottled, .doing = {}, .resource = {}, .code = "No", .message = "no"};
    if (refused.contains(key)) return sink::Rejected{error};
    if (const auto left = delay.find(key); left != delay.end() && left->second-- > 0) return sink::TryAgain{error};
    events_.push_back("write " + change.sequence().str());
    if (change.is_delete()) {
      items.erase(key);
    } else {
      items[key] = change.image();
    }
    return sink::Applied{};
  }

  std::vector<std::string>& events_;
};

/// Gives its lines one after the other, and keeps what it is told.
class PlayedDaemon final : public DaemonLines {
 public:
  explicit PlayedDaemon(std::vector<std::string>& events) : events_(events) {}
  std::deque<std::string> lines;
  bool deaf = false;  ///< takes no answers
  bool died = false;

  [[nodiscard]] bool gone() const override { return died; }
  [[nodiscard]] async::Task<Result<std::optional<std::string>>> answer() override { return next(); }
  [[nodiscard]] async::Task<Result<std::optional<std::string>>> next() override {
    if (lines.empty()) co_return std::nullopt;
    std::string line = std::move(lines.front());
    lines.pop_front();
    co_return std::optional<std::string>(std::move(line));
  }
  [[nodiscard]] Status write(const std::string& line) override {
    if (deaf) return failure(ErrorClass::kTransient, "answer", {}, "gone");
    events_.push_back(line.find("\"checkpoint\"") != std::string::npos ? "checkpoint"
                                                                       : line.substr(line.find("responseFor") + 14));
    if (events_.back().ends_with("\"}\n")) events_.back().resize(events_.back().size() - 3);
    return {};
  }

 private:
  std::vector<std::string>& events_;
};

class MultiLang : public ::testing::Test {
 protected:
  JobResult<void> play(std::vector<std::string> lines) {
    for (std::string& line : lines) daemon_.lines.push_back(std::move(line));
    MultiLangShard::Parts parts{.lines = daemon_,
                                .key = {{"id", "S"}, {}},
                                .kinesis = kinesis_,
                                .sink = target_,
                                .open_dead_letters = [this](const ShardId& shard) { return open(shard); },
                                .clock = *clock_,
                                .random = random_};
    MultiLangShard shard(std::move(parts), options_);
    auto ended = support::run_task(shard.run());
    statistics_ = shard.statistics();
    const auto& changes = statistics_.changes;
    if (ended) {
      EXPECT_EQ(changes.read, changes.applied + changes.superseded + changes.dead_lettered);
    }
    return ended;
  }

  Result<std::unique_ptr<sink::DeadLetters>> open(const ShardId& shard) const {
    if (!dead_letters_) return std::unique_ptr<sink::DeadLetters>();
    return sink::DeadLetters::open({.file = folder_ / (shard.str() + ".jsonl")});
  }

  static void expect_failure(const JobResult<void>& ended, Reason code, const std::string& why) {
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().reason, code) << to_line(ended.error().error);
    EXPECT_THAT(to_line(ended.error().error), HasSubstr(why));
  }

  std::vector<std::string> events_;
  PlayedTarget target_{events_};
  PlayedDaemon daemon_{events_};
  const Clock* clock_ = &system_clock();
  Random random_{1};
  MultiLangShard::Options options_{.pipeline = {.stall_timeout = std::chrono::milliseconds(40)},
                                   .checkpoint_attempts = 3,
                                   .checkpoint_pause = std::chrono::milliseconds(1)};
  test::TempFolder folder_;
  bool dead_letters_ = false;
  std::optional<aws::KinesisRecordFormat> kinesis_{};
  MultiLangShard::Statistics statistics_;
};

TEST_F(MultiLang, CheckpointsAfterEveryBatchIsWrittenAndAtTheEndWithoutANumber) {
  const auto ended = play({kInitialize, "", records_of({data("a", 1, "x"), data("b", 2, "y")}), kDone,
                           records_of({data("a", 3, "")}), kDone, kShardEnded, kDone});
  ASSERT_TRUE(ended) << to_line(ended.error().error);
  EXPECT_THAT(events_, ElementsAre("initialize", "write 1", "write 2", "checkpoint", "processRecords", "write 3",
                                   "checkpoint", "processRecords", "checkpoint", "shardEnded"));
  EXPECT_THAT(target_.items, ElementsAre(std::pair(key_of("b"), R"({"id":{"S":"b"},"v":{"S":"y"}})")));
  EXPECT_EQ(statistics_.shard.str(), "shardId-7");
  EXPECT_EQ(statistics_.checkpoints, 3u);
}

TEST_F(MultiLang, WaitsForAChangeThatTheTargetPutsOff) {
  target_.delay[key_of("a")] = 2;
  options_.pipeline.stall_timeout = std::chrono::seconds(60);
  ASSERT_TRUE(play({kInitialize, records_of({data("a", 1, "x")}), kDone}));
  EXPECT_THAT(events_, ElementsAre("initialize", "write 1", "checkpoint", "processRecords"));
}

TEST_F(MultiLang, ALostLeaseIsNotCheckpointed) {
  ASSERT_TRUE(play({kInitialize, records_of({data("a", 1, "x")}), kDone, kLeaseLost}));
  EXPECT_THAT(events_, ElementsAre("initialize", "write 1", "checkpoint", "processRecords", "leaseLost"));
  events_.clear();
  ASSERT_TRUE(play({kInitialize, R"({"action":"shutdown","reason":"ZOMBIE"})"}));
  EXPECT_THAT(events_, ElementsAre("initialize", "shutdown"));
}

TEST_F(MultiLang, AnOldDaemonsEndIsCheckpointedAndAnsweredByItsOwnName) {
  ASSERT_TRUE(play({R"({"action":"initialize","shardId":"s"})", R"({"action":"shutdown","reason":"TERMINATE"})",
                    R"({"action":"checkpoint","checkpoint":null,"error":null})"}));
  EXPECT_THAT(events_, ElementsAre("initialize", "checkpoint", "shutdown"));
}

TEST_F(MultiLang, AnEmptyBatchAsksForNothing) {
  ASSERT_TRUE(play({kInitialize, records_of({}), R"({"action":"shutdownRequested"})"}));
  EXPECT_THAT(events_, ElementsAre("initialize", "processRecords", "shutdownRequested"));
}

TEST_F(MultiLang, WhatIsDeliveredAgainIsNotWrittenAgain) {
  ASSERT_TRUE(play({kInitialize, records_of({data("a", 1, "x"), data("a", 12, "y")}), kDone,
                    records_of({data("a", 1, "x"), data("a", 12, "y"), data("b", 13, "z")}), kDone}));
  EXPECT_EQ(target_.items[key_of("a")], R"({"id":{"S":"a"},"v":{"S":"y"}})");
  EXPECT_EQ(events_.at(events_.size() - 3), "write 13");
  EXPECT_EQ(statistics_.delivered_again, 2u);
}

TEST_F(MultiLang, AThrottledCheckpointIsTriedAgainAndMayWaitForTheNext) {
  const auto throttled = refused_with("ThrottlingException");
  ASSERT_TRUE(play({kInitialize, records_of({data("a", 1, "x")}), throttled, throttled, kDone}));
  EXPECT_EQ(statistics_.checkpoints, 1u);
  events_.clear();
  ASSERT_TRUE(play({kInitialize, records_of({data("a", 1, "x")}), throttled, throttled, throttled,
                    R"({"action":"shutdownRequested"})", kDone}));
  EXPECT_THAT(events_, ElementsAre("initialize", "write 1", "checkpoint", "checkpoint", "checkpoint", "processRecords",
                                   "checkpoint", "shutdownRequested"));
}

TEST_F(MultiLang, AnEndThatCannotBeCheckpointedIsNotAcknowledged) {
  const auto throttled = refused_with("ThrottlingException");
  const auto ended = play({kInitialize, kShardEnded, throttled, throttled, throttled});
  expect_failure(ended, Reason::kUnreachable, "checkpoint shard shardId-7: KCL answered ThrottlingException");
  EXPECT_THAT(events_, ElementsAre("initialize", "checkpoint", "checkpoint", "checkpoint"));
}

TEST_F(MultiLang, NothingIsWrittenAfterALeaseWasGoneAtACheckpoint) {
  ASSERT_TRUE(play({kInitialize, records_of({data("a", 1, "x")}), refused_with("ShutdownException"),
                    records_of({data("a", 2, "y")}), kLeaseLost}));
  EXPECT_THAT(events_,
              ElementsAre("initialize", "write 1", "checkpoint", "processRecords", "processRecords", "leaseLost"));
  events_.clear();
  ASSERT_TRUE(play({kInitialize, records_of({data("a", 1, "x")}), refused_with("ShutdownException"),
                    R"({"action":"shutdownRequested"})", kShardEnded}));
  EXPECT_THAT(events_,
              ElementsAre("initialize", "write 1", "checkpoint", "processRecords", "shutdownRequested", "shardEnded"));
}

TEST_F(MultiLang, ALeaseTableThatIsBrokenEndsIt) {
  const auto ended = play({kInitialize, records_of({data("a", 1, "x")}), refused_with("InvalidStateException")});
  expect_failure(ended, Reason::kState, "InvalidStateException");
}

TEST_F(MultiLang, ARefusedChangeEndsItOrIsSetAside) {
  target_.refused = {key_of("a")};
  const std::vector<std::string> lines{kInitialize, records_of({data("a", 1, "x"), data("b", 2, "y")}), kDone,
                                       records_of({data("a", 3, "z")}), kDone};
  expect_failure(play(lines), Reason::kPoison, "--dead-letter-dir");
  EXPECT_EQ(std::count(events_.begin(), events_.end(), "checkpoint"), 0);
  events_.clear();
  daemon_.lines.clear();
  dead_letters_ = true;
  ASSERT_TRUE(play(lines));
  EXPECT_EQ(statistics_.changes.dead_lettered, 2u) << "the later change of the key follows the first";
  EXPECT_TRUE(std::filesystem::exists(folder_ / "shardId-7.jsonl"));
}

TEST_F(MultiLang, ATargetThatMovesNothingEndsIt) {
  target_.delay[key_of("a")] = 1'000'000;
  const auto ended = play({kInitialize, records_of({data("a", 1, "x")}), kDone});
  expect_failure(ended, Reason::kStalled, "write changes of shard shardId-7: nothing has moved for 40 ms");
  EXPECT_THAT(events_, ElementsAre("initialize"));
}

TEST_F(MultiLang, ATargetThatMovesSlowlyDoesNot) {
  ManualClock clock;
  clock_ = &clock;
  target_.at_once = 1;
  target_.after_write = [&] { clock.advance(options_.pipeline.stall_timeout * 3 / 4); };
  options_.pipeline.writing.max_concurrent_writes = 1;
  std::vector<std::string> several;
  for (int i = 1; i <= 5; ++i) several.push_back(data("k" + std::to_string(i), i, "x"));
  const auto ended = play({kInitialize, records_of(several), kDone});
  ASSERT_TRUE(ended) << to_line(ended.error().error);
  EXPECT_EQ(target_.items.size(), 5u);
}

TEST_F(MultiLang, RecordsOutOfOrderEndItBeforeAnythingIsWritten) {
  const auto ended = play({kInitialize, records_of({data("a", 5, "x"), data("b", 3, "y")}), kDone});
  expect_failure(ended, Reason::kBug, "order cannot be kept");
  EXPECT_THAT(events_, ElementsAre("initialize"));
}

TEST_F(MultiLang, ADaemonThatIsGoneEndsIt) {
  expect_failure(play({kInitialize, records_of({data("a", 1, "x")})}), Reason::kStopped, "went away");
  daemon_.deaf = true;
  expect_failure(play({kInitialize}), Reason::kUnreachable, "gone");
  ASSERT_TRUE(play({}));
}

TEST_F(MultiLang, WhatADeadDaemonHasLeftIsNotWritten) {
  target_.delay[key_of("a")] = 1'000'000;
  daemon_.died = true;
  options_.pipeline.stall_timeout = std::chrono::seconds(60);
  const auto ended = play({kInitialize, records_of({data("a", 1, "x")}), kDone});
  expect_failure(ended, Reason::kStopped, "went away; what was not written yet is delivered again");
}

TEST_F(MultiLang, ADaemonThatGoesWithoutACheckpointIsNoGoodEnd) {
  const auto throttled = refused_with("ThrottlingException");
  const auto ended = play({kInitialize, records_of({data("a", 1, "x")}), throttled, throttled, throttled});
  expect_failure(ended, Reason::kStopped, "since the last checkpoint is delivered again");
}

TEST_F(MultiLang, MessagesOutOfTurnEndIt) {
  expect_failure(play({records_of({})}), Reason::kBug, "\"processRecords\": this message cannot come here");
  expect_failure(play({kInitialize, kInitialize}), Reason::kBug, "initialize");
  expect_failure(play({kInitialize, kDone}), Reason::kBug, "checkpoint");
  expect_failure(play({kInitialize, kLeaseLost, records_of({data("a", 1, "x")})}), Reason::kBug, "processRecords");
  expect_failure(play({kInitialize, records_of({data("a", 1, "x")}), kShardEnded}), Reason::kBug, "shardEnded");
}

TEST_F(MultiLang, RecordsOfAnotherKindEndItBeforeAnythingIsWritten) {
  const std::string kinesis = R"({"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{}}})";
  expect_failure(play({kInitialize, records_of({data("a", 1, "x"), kinesis})}), Reason::kNotReady,
                 "read the records of shard shardId-7: record 1: its sequence number");
  const std::string two = data("a", 1, "x") + "," + data("a", 2, "y");
  expect_failure(play({kInitialize, records_of({two})}), Reason::kNotReady, "one of them is not one JSON object");
  EXPECT_THAT(target_.items, IsEmpty());
}

/// Of a Kinesis stream.
class MultiLangOfKinesis : public MultiLang {
 protected:
  MultiLangOfKinesis() {
    kinesis_ = aws::KinesisRecordFormat{.key = {{"id", "S"}, {}}, .table = TableName("Orders"), .keys_only = true};
  }
  static constexpr const char* kFirst = "49590338271490256608559692538361571095921575989136588898";
  static constexpr const char* kSecond = "49590338271490256608559692540925702759324208523137515618";
};

TEST_F(MultiLangOfKinesis, RecordsWithinOneAreToldApartByTheirSubSequenceNumbers) {
  const std::vector<KinesisRecord> within{{kFirst, 0, dyno_event("INSERT", "a")},
                                          {kFirst, 1, dyno_event("REMOVE", "b")}};
  const auto ended =
      play({kInitialize, kinesis_records(within), kDone,
            kinesis_records({within[1], {kFirst, 2, dyno_event("MODIFY", "c")}}), kDone, kShardEnded, kDone});
  ASSERT_TRUE(ended) << to_line(ended.error().error);
  const std::string first = kFirst;
  EXPECT_THAT(events_,
              ElementsAre("initialize", "write " + first, "write " + first + ":1", "checkpoint", "processRecords",
                          "write " + first + ":2", "checkpoint", "processRecords", "checkpoint", "shardEnded"));
  EXPECT_THAT(target_.items, testing::SizeIs(3)) << "an event is a hint: the item is to be read, also of a removal";
  EXPECT_EQ(statistics_.delivered_again, 1u);
}

TEST_F(MultiLangOfKinesis, WhatIsNoChangeIsSetAsideAndPassed) {
  const std::string other_table =
      R"({"eventName":"INSERT","tableName":"Users","dynamodb":{"Keys":)" + key_of("x") + "}}";
  const std::vector<std::string> lines{
      kInitialize,
      kinesis_records({{"100", 0, "no json"}, {"101", 0, dyno_event("INSERT", "a")}, {"102", 0, other_table}}), kDone,
      kinesis_records({{"102", 0, other_table}}), kDone};
  expect_failure(play(lines), Reason::kPoison, "--dead-letter-dir");
  EXPECT_THAT(events_, ElementsAre("initialize")) << "neither written nor checkpointed";
  events_.clear();
  daemon_.lines.clear();
  dead_letters_ = true;
  const auto ended = play(lines);
  ASSERT_TRUE(ended) << to_line(ended.error().error);
  EXPECT_THAT(events_,
              ElementsAre("initialize", "write 101", "checkpoint", "processRecords", "checkpoint", "processRecords"));
  EXPECT_EQ(statistics_.changes.dead_lettered, 2u) << "each once, also when it is delivered again";
}

TEST_F(MultiLangOfKinesis, OrderIsThatOfTheOuterNumberAndThenOfTheSubSequenceNumber) {
  const auto ended = play({kInitialize, kinesis_records({{kFirst, 9, dyno_event("INSERT", "a")},
                                                         {kSecond, 0, dyno_event("INSERT", "b")},
                                                         {kFirst, 10, dyno_event("INSERT", "c")}})});
  expect_failure(ended, Reason::kBug, "order cannot be kept");
  expect_failure(play({kInitialize, records_of({dyno_event("INSERT", "a"), dyno_event("INSERT", "a")})}), Reason::kBug,
                 "order cannot be kept");
  daemon_.lines.clear();
  expect_failure(play({kInitialize, kinesis_records({{"", 0, dyno_event("INSERT", "a")}})}), Reason::kNotReady,
                 "record 0 has no sequenceNumber");
  EXPECT_THAT(target_.items, IsEmpty());
}

}  // namespace
}  // namespace dynamirror::jobs
