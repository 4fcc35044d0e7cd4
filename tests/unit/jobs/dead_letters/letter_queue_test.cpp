// SPDX-License-Identifier: Apache-2.0
//
// Goal: letters are put into a queue whole and found there again; what no message can hold is refused before anything
// is sent. Method: a transport that follows a script, with answers as SQS writes them.
#include "jobs/dead_letters/letter_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/aws_stand_ins.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::jobs {
namespace {

using support::run_task;
using ::testing::AllOf;
using ::testing::HasSubstr;

const std::string kUrl = "https://sqs.eu-west-1.amazonaws.com/123456789012/letters";
const std::string kHost = "https://sqs.eu-west-1.amazonaws.com/";

class LetterQueueTest : public ::testing::Test {
 protected:
  LetterQueueTest() { environment_.variables = {{"AWS_ACCESS_KEY_ID", "id"}, {"AWS_SECRET_ACCESS_KEY", "secret"}}; }

  std::unique_ptr<LetterQueue> open(const std::string& address = kUrl) {
    auto queue = LetterQueue::open(address, {}, {transport_, environment_, clock_, random_});
    EXPECT_TRUE(queue) << to_line(queue.error());
    return std::move(*queue);
  }
  std::string refusal(const std::string& address) {
    const auto queue = LetterQueue::open(address, {}, {transport_, environment_, clock_, random_});
    return queue ? "none" : to_line(queue.error());
  }
  support::ScriptedTransport::Exchange& expect(const std::string& operation) {
    return transport_.expect("POST", kHost)
        .with_header("x-amz-target", "AmazonSQS." + operation)
        .with_header("authorization", HasSubstr("/eu-west-1/sqs/aws4_request"));
  }

  support::ScriptedTransport transport_;
  support::MapEnvironment environment_;
  ManualClock clock_;
  Random random_{1};
};

TEST_F(LetterQueueTest, PutsAsManyWholeLinesIntoAMessageAsFit) {
  const std::string line = std::string(90'000, 'x') + "\n";
  const std::string two = R"("MessageBody":")" + std::string(90'000, 'x') + "\\n" + std::string(90'000, 'x') + "\\n\"";
  expect("SendMessage")
      .with_body(AllOf(HasSubstr(two), HasSubstr(R"("QueueUrl":")" + kUrl), HasSubstr(R"("StringValue":"Orders")")))
      .answer(200, R"({"MessageId":"m1"})");
  expect("SendMessage").answer(200, R"({"MessageId":"m2"})");
  EXPECT_TRUE(run_task(open()->send("Orders", line + line + line)));
}

TEST_F(LetterQueueTest, RefusesALetterThatNoMessageCanHoldBeforeAnythingIsSent) {
  const auto sent = run_task(open()->send("Orders", "{}\n" + std::string(1'048'576, 'x') + "\n"));
  ASSERT_FALSE(sent);
  EXPECT_THAT(to_line(sent.error()), AllOf(HasSubstr("1 MiB"), HasSubstr(kUrl)));
}

TEST_F(LetterQueueTest, TellsWhatTheQueueDoesNotTake) {
  expect("SendMessage")
      .answer(
          400,
          R"({"__type":"com.amazonaws.sqs#InvalidParameterValue","message":"Message must be shorter than 9 bytes"})");
  const auto sent = run_task(open()->send("Orders", "{}\n"));
  ASSERT_FALSE(sent);
  EXPECT_THAT(to_line(sent.error()), HasSubstr("Message must be shorter than 9 bytes"));
}

TEST_F(LetterQueueTest, GivesEachMessageOnceAndRemovesItByItsReceipt) {
  const std::string first = R"({"MessageId":"a","ReceiptHandle":"r1","Body":"{\"x\":1}\n","MD5OfBody":"?",)"
                            R"("MessageAttributes":{"subject":{"DataType":"String","StringValue":"Orders"}}})";
  expect("ReceiveMessage")
      .answer(200, R"({"Messages":[)" + first + R"(,{"MessageId":"b","ReceiptHandle":"r2","Body":"?"}]})");
  expect("DeleteMessage").with_body(HasSubstr(R"("ReceiptHandle":"r1")")).answer(200, "{}");
  // "b" was left, and comes again when it is no longer hidden.
  expect("ReceiveMessage").answer(200, R"({"Messages":[{"MessageId":"b","ReceiptHandle":"r3","Body":"?"}]})");
  const auto queue = open();
  const auto a = run_task(queue->next()).value().value();
  EXPECT_EQ(a.table, "Orders");
  EXPECT_EQ(a.lines, "{\"x\":1}\n");
  EXPECT_EQ(run_task(queue->remove(a)), true);
  EXPECT_EQ(run_task(queue->next()).value().value().name, "b");
  EXPECT_FALSE(run_task(queue->next()).value());
}

TEST_F(LetterQueueTest, AnEmptyQueueHasNoNext) {
  expect("ReceiveMessage").answer(200, "{}");
  EXPECT_FALSE(run_task(open()->next()).value());
}

TEST_F(LetterQueueTest, IsNamedByTheUrlOfAQueue) {
  for (const char* text : {"https://sqs.eu-west-1.amazonaws.com/1/q", "sqs:http://127.0.0.1:5000/1/q"}) {
    EXPECT_TRUE(aws::is_queue_address(text)) << text;
  }
  for (const char* text : {"s3://sqs/x", "https://bucket.s3.amazonaws.com/sqs", "sqs.jsonl", "file:/sqs:"}) {
    EXPECT_FALSE(aws::is_queue_address(text)) << text;
  }
  EXPECT_EQ(open("sqs:http://127.0.0.1:5000/1/q")->describe(), "http://127.0.0.1:5000/1/q");
  EXPECT_THAT(refusal("sqs:http://other/1/q"), HasSubstr("plain http"));
  EXPECT_THAT(refusal("https://sqs.eu-west-1.amazonaws.com/q"), HasSubstr("ACCOUNT/NAME"));
  EXPECT_THAT(refusal("sqs:nonsense"), HasSubstr("ACCOUNT/NAME"));
  EXPECT_THAT(refusal("https://sqs.eu-west-1.amazonaws.com/1/q.fifo"), HasSubstr("FIFO"));
}

}  // namespace
}  // namespace dynamirror::jobs
