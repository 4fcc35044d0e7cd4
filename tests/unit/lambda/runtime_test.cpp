// SPDX-License-Identifier: Apache-2.0
//
// Goal: the runtime interface is spoken as Lambda documents it, and what it does not say is noticed.
// Method: a scripted transport.
#include "lambda/runtime.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lambda/serve.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::lambda {
namespace {

using ::testing::HasSubstr;

constexpr const char* kBase = "http://127.0.0.1:9001/2018-06-01/runtime/";

class RuntimeTest : public ::testing::Test {
 protected:
  static std::string url(const std::string& path) { return kBase + path; }

  support::ScriptedTransport transport_;
  RuntimeInterface runtime_{transport_, parse_runtime_address("127.0.0.1:9001").value()};
};

TEST_F(RuntimeTest, TakesAnEventWithItsDeadline) {
  transport_.expect("GET", url("invocation/next"))
      .answer(200, "{}",
              {{"lambda-runtime-aws-request-id", "r1"},
               {"lambda-runtime-deadline-ms", "1800000000123"},
               {"lambda-runtime-invoked-function-arn", "arn:f"}});
  const auto invocation = support::run_task(runtime_.next()).value();
  EXPECT_EQ(invocation.request_id, "r1");
  EXPECT_EQ(invocation.deadline, WallTime(std::chrono::milliseconds(1'800'000'000'123)));
  EXPECT_EQ(invocation.event, "{}");
}

TEST_F(RuntimeTest, RefusesAnEventThatCannotBeAnswered) {
  transport_.expect("GET", url("invocation/next")).answer(200, "{}", {{"lambda-runtime-deadline-ms", "1"}});
  EXPECT_FALSE(support::run_task(runtime_.next()));
  transport_.expect("GET", url("invocation/next")).answer(200, "{}", {{"lambda-runtime-aws-request-id", "r"}});
  EXPECT_FALSE(support::run_task(runtime_.next()));
}

TEST_F(RuntimeTest, AnswersEachEventInItsWay) {
  transport_.expect("POST", url("invocation/r1/response")).with_body(std::string("{}")).answer(202, "{}");
  EXPECT_TRUE(support::run_task(runtime_.respond("r1", "{}")));
  transport_.expect("POST", url("invocation/r2/error"))
      .with_header("lambda-runtime-function-error-type", std::string("Dynamirror.Denied"))
      .with_body(std::string(R"({"errorMessage":"no","errorType":"Dynamirror.Denied","stackTrace":[]})"))
      .answer(202, "{}");
  EXPECT_TRUE(support::run_task(runtime_.fail("r2", {"Dynamirror.Denied", "no"})));
  transport_.expect("POST", url("init/error")).with_body(HasSubstr("no start")).answer(202, "{}");
  EXPECT_TRUE(support::run_task(runtime_.fail_start({"Dynamirror.Invalid", "no start"})));
}

TEST_F(RuntimeTest, NoticesAnAnswerThatIsNotTaken) {
  transport_.expect("POST", url("invocation/r1/response")).answer(400, "late");
  EXPECT_THAT(support::run_task(runtime_.respond("r1", "{}")).error().message, HasSubstr("late"));
  EXPECT_FALSE(support::run_task(runtime_.respond("r1", std::string((6u << 20) + 1, ' '))));  // is not sent
}

TEST(RuntimeAddress, IsRefusedWhereLambdaHasSetNone) {
  EXPECT_THAT(to_line(parse_runtime_address("").error()), HasSubstr("AWS_LAMBDA_RUNTIME_API"));
}

TEST(Answer, NamesTheFirstChangeNotDone) {
  BatchResult batch;
  EXPECT_EQ(to_answer(batch), R"({"batchItemFailures":[]})");
  batch.not_done = {"1", "2"};
  EXPECT_EQ(to_answer(batch), R"({"batchItemFailures":[{"itemIdentifier":"1"},{"itemIdentifier":"2"}]})");
}

}  // namespace
}  // namespace dynamirror::lambda
