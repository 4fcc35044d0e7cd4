// SPDX-License-Identifier: Apache-2.0
//
// Goal: every line of KCL's MultiLangDaemon, of whatever generation, is understood, and ours are to the letter what it
// reads: it skips a message with one member too many, and then waits for ever.
// Method: lines as KCL 1.6, 1.14 and 3.x write them.
#include "jobs/multilang/multilang_protocol.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::jobs {
namespace {

using Kind = DaemonMessage::Kind;
using ::testing::HasSubstr;

Result<DaemonMessage> parse(std::string line) {
  static json::Reader reader;
  return parse_daemon_message(line, reader);
}

DaemonMessage parsed(const std::string& line) {
  auto message = parse(line);
  EXPECT_TRUE(message) << line << ": " << to_line(message.error());
  return message ? *message : DaemonMessage{};
}

TEST(MultiLangProtocol, ReadsInitializeOfOldAndNewDaemons) {
  const auto now =
      parsed(R"({"action":"initialize","shardId":"shardId-1","sequenceNumber":"TRIM_HORIZON","subSequenceNumber":0})");
  EXPECT_EQ(now.kind, Kind::kInitialize);
  EXPECT_EQ(now.shard.str(), "shardId-1");
  EXPECT_TRUE(now.sequence_numbers);
  const auto old = parsed(R"({"action":"initialize","shardId":"shardId-1"})");
  EXPECT_FALSE(old.sequence_numbers) << "KCL before 1.7 would not understand a checkpoint by sequence number";
}

TEST(MultiLangProtocol, ReadsRecordsWithTheirPlaces) {
  // {"a":1}, {"b":22} and {"c":333}: base64 with two, one and no padding characters … of what was encoded.
  const auto message = parsed(
      R"({"action":"processRecords","millisBehindLatest":null,"records":[)"
      R"({"action":"record","data":"eyJhIjoxfQ==","partitionKey":null,"sequenceNumber":"100","subSequenceNumber":0},)"
      R"({"data":"eyJiIjoyMn0=","partitionKey":"p","sequenceNumber":"101"},)"
      R"({"sequenceNumber":"102","data":"eyJjIjozMzN9"}]})");
  EXPECT_EQ(message.kind, Kind::kProcessRecords);
  ASSERT_EQ(message.records.size(), 3u);
  EXPECT_EQ(message.records[0].data, R"({"a":1})");
  EXPECT_EQ(message.records[1].data, R"({"b":22})");
  EXPECT_EQ(message.records[2].data, R"({"c":333})");
  EXPECT_EQ(message.records[2].sequence, "102");
  EXPECT_EQ(message.records[2].sub_sequence, 0u);
  EXPECT_EQ(message.records[2].arrived, WallTime{});
  EXPECT_TRUE(parsed(R"({"action":"processRecords","records":[],"millisBehindLatest":5})").records.empty());
}

TEST(MultiLangProtocol, ReadsWhereARecordOfKinesisStands) {
  const auto message =
      parsed(R"({"action":"processRecords","millisBehindLatest":0,"records":[{"action":"record","data":"/w==",)"
             R"("partitionKey":"p","sequenceNumber":"49590338271490256608559692538361571095921575989136588898",)"
             R"("subSequenceNumber":7,"approximateArrivalTimestamp":1646853580213}]})");
  ASSERT_EQ(message.records.size(), 1u);
  EXPECT_EQ(message.records[0].data, "\xff") << "any bytes";
  EXPECT_EQ(message.records[0].sequence, "49590338271490256608559692538361571095921575989136588898");
  EXPECT_EQ(message.records[0].sub_sequence, 7u);
  EXPECT_EQ(message.records[0].arrived, WallTime(std::chrono::milliseconds(1646853580213)));
}

TEST(MultiLangProtocol, ReadsTheEndsOfOldAndNewDaemons) {
  EXPECT_EQ(parsed(R"({"action":"shardEnded"})").kind, Kind::kShardEnded);
  EXPECT_EQ(parsed(R"({"action":"leaseLost"})").kind, Kind::kLeaseLost);
  EXPECT_EQ(parsed(R"({"action":"shutdownRequested"})").kind, Kind::kShutdownRequested);
  EXPECT_EQ(parsed(R"({"action":"shutdown","reason":"TERMINATE"})").kind, Kind::kShardEnded);
  EXPECT_EQ(parsed(R"({"reason":"TERMINATE","action":"shutdown"})").kind, Kind::kShardEnded);
  EXPECT_EQ(parsed(R"({"action":"shutdown","reason":"ZOMBIE"})").kind, Kind::kLeaseLost);
  EXPECT_EQ(parsed(R"({"action":"shutdown","reason":"SOMETHING_NEW"})").kind, Kind::kLeaseLost)
      << "only a shard that is known to be finished may be checkpointed as finished";
  EXPECT_EQ(parsed(R"({"action":"shutdown","reason":"TERMINATE"})").action, "shutdown");
}

TEST(MultiLangProtocol, ReadsTheAnswerToACheckpoint) {
  EXPECT_EQ(parsed(R"({"action":"checkpoint","sequenceNumber":null,"subSequenceNumber":null,"error":null})").error, "");
  EXPECT_EQ(parsed(R"({"action":"checkpoint","checkpoint":"100","error":"ThrottlingException"})").error,
            "ThrottlingException");
}

TEST(MultiLangProtocol, RefusesWhatItCannotUnderstand) {
  for (const auto& [line, why] : std::vector<std::pair<std::string, std::string>>{
           {"", "JSON"},
           {"hello", "JSON"},
           {"[]", ""},
           {"{}", "unknown action"},
           {R"({"action":"dance"})", "unknown action \"dance\""},
           {R"({"action":"initialize"})", "no shardId"},
           {R"({"action":"processRecords"})", "no records"},
           {R"({"action":"processRecords","records":[{}]})", "record 0 has no data"},
           {R"({"action":"processRecords","records":[{"data":null}]})", ""},
           {R"({"action":"processRecords","records":[{"data":"e30="},{"data":"!!!!"}]})", "record 1 is not base64"},
           {R"({"action":"processRecords","records":[{"data":"e30"}]})", "record 0 is not base64"},
       }) {
    const auto message = parse(line);
    ASSERT_FALSE(message) << line;
    EXPECT_EQ(message.error().error_class, ErrorClass::kFatal) << line;
    EXPECT_THAT(message.error().message, HasSubstr(why)) << line;
  }
}

TEST(MultiLangProtocol, WritesLinesWithoutAMemberTooMany) {
  EXPECT_EQ(status_line("processRecords"), "\n{\"action\":\"status\",\"responseFor\":\"processRecords\"}\n");
  EXPECT_EQ(checkpoint_line(true),
            "\n{\"action\":\"checkpoint\",\"sequenceNumber\":null,\"subSequenceNumber\":null}\n");
  EXPECT_EQ(checkpoint_line(false), "\n{\"action\":\"checkpoint\",\"checkpoint\":null}\n");
}

}  // namespace
}  // namespace dynamirror::jobs
