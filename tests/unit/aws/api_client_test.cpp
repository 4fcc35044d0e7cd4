// SPDX-License-Identifier: Apache-2.0
//
// Goal: one call survives what a network and a service do to it, within limits, and never twice where that is harmful.
// Method: a scripted transport gives the answers; pauses between attempts are microseconds.
#include "aws/api_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/task_group.hpp"
#include "aws/impl/crc32.hpp"
#include "base/log.hpp"
#include "json/reader.hpp"
#include "support/aws_stand_ins.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::aws {
namespace {

using support::header_of;
using support::run_task;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kUrl = "https://dynamodb.eu-west-1.amazonaws.com/";
constexpr const char* kThrottle =
    R"({"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"})";
constexpr const char* kExpired = R"({"__type":"com.amazon.coral.service#ExpiredTokenException","message":"expired"})";
constexpr const char* kSkewed =
    R"({"__type":"com.amazon.coral.service#InvalidSignatureException",)"
    R"("message":"Signature expired: 20260101T000000Z is now earlier than 20260101T005500Z"})";

class ApiClientTest : public ::testing::Test {
 protected:
  static ApiClient::Options options() {
    ApiClient::Options options{.endpoint = {.tls = true, .host = "dynamodb.eu-west-1.amazonaws.com", .port = 443},
                               .region = Region("eu-west-1")};
    options.retry.max_attempts = 4;
    options.retry.backoff = {.base = std::chrono::milliseconds(1), .cap = std::chrono::milliseconds(1)};
    return options;
  }

  static ApiClient::Call put_item() {
    ApiClient::Call call{.operation = "PutItem", .resource = "eu-west-1/Orders", .body = R"({"TableName":"Orders"})"};
    return call;
  }

  Result<ApiAnswer> call(ApiClient::Call call = put_item()) { return run_task(client_.call(std::move(call))); }

  support::ScriptedTransport transport_;
  support::StandInCredentials credentials_;
  ManualClock clock_;
  Random random_{1};
  ApiClient client_{options(), transport_, credentials_, clock_, random_};
};

TEST_F(ApiClientTest, SendsASignedJsonRequestAndGivesTheAnswerWithRoomForTheParser) {
  transport_.expect("POST", kUrl)
      .with_header("content-type", "application/x-amz-json-1.0")
      .with_header("x-amz-target", "DynamoDB_20120810.PutItem")
      .with_header("x-amz-date", "20260101T000000Z")
      .with_header("authorization", HasSubstr("Credential=AKIDEXAMPLE/20260101/eu-west-1/dynamodb/aws4_request"))
      .without_header("x-amz-security-token")
      .with_body(R"({"TableName":"Orders"})")
      .answer(200, R"({"ok":1})", {{"x-amzn-requestid", "R1"}, {"x-amz-crc32", std::to_string(crc32(R"({"ok":1})"))}});
  const auto answer = call();
  ASSERT_TRUE(answer) << to_line(answer.error());
  EXPECT_EQ(answer->body, R"({"ok":1})");
  EXPECT_GE(answer->body.capacity(), answer->body.size() + json::Reader::kPadding);
  EXPECT_EQ(answer->request_id, "R1");
  EXPECT_EQ(client_.statistics().requests, 1u);
  EXPECT_EQ(client_.statistics().retries, 0u);
  EXPECT_EQ(client_.statistics().bytes_sent, 22u);
  EXPECT_EQ(client_.statistics().bytes_received, 8u);
}

TEST_F(ApiClientTest, RetriesThrottlingServerErrorsNetworkTroubleAndProxyPages) {
  transport_.expect("POST", kUrl).answer(400, kThrottle);
  transport_.expect("POST", kUrl).answer(502, "<html><body>Bad Gateway</body></html>");
  transport_.expect("POST", kUrl).fail("Closed");
  transport_.expect("POST", kUrl).answer(200, "{}");
  EXPECT_TRUE(call());
  EXPECT_EQ(client_.statistics().requests, 4u);
  EXPECT_EQ(client_.statistics().retries, 3u);
  EXPECT_EQ(client_.statistics().throttled, 1u);
}

TEST_F(ApiClientTest, CallsASuccessThatIsNoAnswerAndARedirectionNotFromAws) {
  transport_.expect("POST", kUrl).answer(200, "<html><body>Please log in</body></html>");
  transport_.expect("POST", kUrl).answer(307, "", {{"location", "http://portal.example/"}});
  transport_.expect("POST", kUrl).answer(302, R"({"__type":"x#ValidationException"})");
  transport_.expect("POST", kUrl).answer(200, "OK");
  const auto answer = call();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error_class, ErrorClass::kTransient);
  EXPECT_THAT(to_line(answer.error()), HasSubstr("the answer is not from AWS, but from a proxy or load balancer"));
  EXPECT_THAT(to_line(answer.error()), HasSubstr("OK"));
}

TEST_F(ApiClientTest, SaysWhereARedirectionLeads) {
  transport_.expect("POST", kUrl).answer(307, "", {{"location", "http://portal.example/"}}).times(4);
  const auto answer = call();
  ASSERT_FALSE(answer);
  EXPECT_THAT(to_line(answer.error()), HasSubstr("on the way, which names http://portal.example/ (HTTP 307"));
}

TEST_F(ApiClientTest, TakesAnEmptySuccess) {
  transport_.expect("POST", kUrl).answer(200, "");
  EXPECT_TRUE(call());
}

TEST_F(ApiClientTest, GivesUpAfterTheConfiguredAttemptsWithTheServicesLastWords) {
  transport_.expect("POST", kUrl).answer(400, kThrottle, {{"x-amzn-requestid", "R9"}}).times(4);
  const auto answer = call();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error_class, ErrorClass::kThrottled);
  EXPECT_EQ(to_line(answer.error()),
            "put item eu-west-1/Orders: ProvisionedThroughputExceededException: slow down (HTTP 400, request R9)");
}

TEST_F(ApiClientTest, StartsNoAttemptLaterThanAllowed) {
  ApiClient::Options options = ApiClientTest::options();
  options.retry.give_up_after = std::chrono::milliseconds(0);
  options.retry.backoff = {.base = std::chrono::milliseconds(1000), .cap = std::chrono::milliseconds(1000)};
  ApiClient client(options, transport_, credentials_, clock_, random_);
  transport_.expect("POST", kUrl).answer(500, "{}");
  EXPECT_FALSE(run_task(client.call(put_item())));
}

TEST_F(ApiClientTest, AnswersThrottlingAtOnceWhenTheCallerKeepsItsOwnPace) {
  transport_.expect("POST", kUrl).answer(400, kThrottle);
  ApiClient::Call paced = put_item();
  paced.return_throttling = true;
  const auto answer = call(std::move(paced));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error_class, ErrorClass::kThrottled);
}

TEST_F(ApiClientTest, DoesNotRetryWhatCannotSucceed) {
  transport_.expect("POST", kUrl)
      .answer(400, R"({"__type":"com.amazon.coral.validate#ValidationException","message":"bad key"})");
  const auto answer = call();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error_class, ErrorClass::kInvalid);
}

TEST_F(ApiClientTest, DoesNotRepeatACallThatMayHaveBeenAppliedAndMustNotBeTwice) {
  transport_.expect("POST", kUrl).fail("Connect");  // nothing can have been applied: tried again
  transport_.expect("POST", kUrl).fail("Timeout");  // may have been applied: returned
  ApiClient::Call once = put_item();
  once.idempotent = false;
  const auto answer = call(std::move(once));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "Timeout");
  EXPECT_FALSE(answer.error().not_applied);
  EXPECT_FALSE(transport_.requests().front().idempotent);
}

TEST_F(ApiClientTest, KnowsThatACallMayHaveBeenAppliedByAnEarlierAttempt) {
  transport_.expect("POST", kUrl).fail("Timeout");
  transport_.expect("POST", kUrl).answer(400, kThrottle).times(3);
  EXPECT_FALSE(call().error().not_applied);
  transport_.expect("POST", kUrl).fail("Connect");
  transport_.expect("POST", kUrl).answer(400, kThrottle).times(3);
  EXPECT_TRUE(call().error().not_applied);
}

TEST_F(ApiClientTest, RetriesAnAnswerWhoseChecksumIsWrong) {
  transport_.expect("POST", kUrl).answer(200, "{\"damaged\":1}", {{"x-amz-crc32", "12345"}});
  transport_.expect("POST", kUrl).answer(200, "{}", {{"x-amz-crc32", "garbage"}});
  transport_.expect("POST", kUrl).answer(200, "{}", {{"x-amz-crc32", std::to_string(crc32("{}"))}});
  const auto answer = call();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "{}");
}

TEST_F(ApiClientTest, NamesADamagedAnswerWhenItStaysDamaged) {
  transport_.expect("POST", kUrl).answer(200, "{}", {{"x-amz-crc32", "1"}}).times(4);
  const auto answer = call();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error_class, ErrorClass::kTransient);
  EXPECT_EQ(answer.error().code, "Crc32Mismatch");
}

TEST_F(ApiClientTest, StopsRetryingWhenTheBudgetIsSpentAndStartsAgainAfterSuccesses) {
  // 500 tokens, 5 a retry: 33 calls of 3 retries each leave 5, enough for a single retry more.
  transport_.expect("POST", kUrl).answer(500, "{}").times(33 * 4);
  for (int i = 0; i < 33; ++i) EXPECT_FALSE(call());
  transport_.expect("POST", kUrl).answer(500, "{}").times(2);
  EXPECT_FALSE(call());
  transport_.expect("POST", kUrl).answer(500, "{}");
  EXPECT_FALSE(call()) << "the budget is empty: the error comes at once";

  transport_.expect("POST", kUrl).answer(200, "{}").times(5);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(call());
  transport_.expect("POST", kUrl).answer(500, "{}");
  transport_.expect("POST", kUrl).answer(200, "{}");
  EXPECT_TRUE(call()) << "five successes pay for one retry";
}

TEST_F(ApiClientTest, SignsWithTheServicesClockAfterARefusalForTheTime) {
  transport_.expect("POST", kUrl)
      .with_header("x-amz-date", "20260101T000000Z")
      .answer(400, kSkewed, {{"date", "Thu, 01 Jan 2026 01:00:00 GMT"}});
  transport_.expect("POST", kUrl).with_header("x-amz-date", "20260101T010000Z").answer(200, "{}");
  EXPECT_TRUE(call());
  clock_.advance(std::chrono::seconds(10));
  transport_.expect("POST", kUrl).with_header("x-amz-date", "20260101T010010Z").answer(200, "{}");
  EXPECT_TRUE(call()) << "the difference is remembered";
}

TEST_F(ApiClientTest, CorrectsTheClockOnceAndThenTellsToCheckIt) {
  transport_.expect("POST", kUrl).answer(400, kSkewed, {{"date", "Thu, 01 Jan 2026 01:00:00 GMT"}});
  transport_.expect("POST", kUrl).answer(400, kSkewed, {{"date", "Thu, 01 Jan 2026 02:00:00 GMT"}});
  const auto answer = call();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error_class, ErrorClass::kDenied);
  EXPECT_THAT(answer.error().message, HasSubstr("check this machine's clock"));
}

TEST_F(ApiClientTest, AsksForCredentialsAgainWhenTheServiceRefusesThemAndTriesOnceMore) {
  for (const char* code : {"ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException"}) {
    credentials_.current.session_token = Secret("old-token");
    credentials_.after_invalidation = credentials_.current;
    credentials_.after_invalidation->session_token = Secret("new-token");
    credentials_.invalidations = 0;
    transport_.expect("POST", kUrl)
        .with_header("x-amz-security-token", "old-token")
        .answer(400, R"({"__type":"com.amazon.coral.service#)" + std::string(code) + R"(","message":"no"})");
    transport_.expect("POST", kUrl).with_header("x-amz-security-token", "new-token").answer(200, "{}");
    EXPECT_TRUE(call()) << code;
    EXPECT_EQ(credentials_.invalidations, 1);
  }
}

TEST_F(ApiClientTest, GivesUpWhenTheSourceGivesTheRefusedCredentialsAgainAndSaysWhereTheyCameFrom) {
  transport_.expect("POST", kUrl).answer(400, kExpired).times(4);
  const auto answer = call();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error_class, ErrorClass::kExpiredCredentials);
  EXPECT_THAT(answer.error().message, HasSubstr("a stand-in"));
}

async::Task<> call_into(ApiClient& client, ApiClient::Call call, int& successes) {
  const auto answer = co_await client.call(std::move(call));
  if (answer) ++successes;
}

async::Task<> two_calls_at_once(ApiClient& client, ApiClient::Call call, int& successes) {
  async::TaskGroup group(co_await boost::asio::this_coro::executor);
  group.spawn(call_into(client, call, successes));
  group.spawn(call_into(client, call, successes));
  co_await group.join();
}

TEST_F(ApiClientTest, ThrowsExpiredCredentialsAwayOnceHoweverManyRequestsWereRefused) {
  credentials_.after_invalidation = credentials_.current;
  credentials_.after_invalidation->session_token = Secret("new-token");
  transport_.expect("POST", kUrl).answer(400, kExpired).times(2);
  transport_.expect("POST", kUrl).with_header("x-amz-security-token", "new-token").answer(200, "{}").times(2);
  int successes = 0;
  run_task(two_calls_at_once(client_, put_item(), successes));
  EXPECT_EQ(successes, 2);
  EXPECT_EQ(credentials_.invalidations, 1);
}

TEST_F(ApiClientTest, CorrectsTheClockForAllRequestsThatWereRefusedTogether) {
  transport_.expect("POST", kUrl).answer(400, kSkewed, {{"date", "Thu, 01 Jan 2026 01:00:00 GMT"}}).times(2);
  transport_.expect("POST", kUrl).with_header("x-amz-date", "20260101T010000Z").answer(200, "{}").times(2);
  int successes = 0;
  run_task(two_calls_at_once(client_, put_item(), successes));
  EXPECT_EQ(successes, 2);
}

TEST_F(ApiClientTest, SendsNothingWithoutCredentialsAndPassesTheProvidersWordsOn) {
  credentials_.failing = Error{.error_class = ErrorClass::kDenied,
                               .doing = "find AWS credentials",
                               .resource = {},
                               .code = {},
                               .message = "none found"};
  const auto answer = call();
  ASSERT_FALSE(answer);
  EXPECT_EQ(to_line(answer.error()), "find AWS credentials: none found");
  EXPECT_EQ(client_.statistics().requests, 0u);
}

TEST_F(ApiClientTest, WritesNoSecretAndNoBodyToTheLogAtTheMostVerboseLevel) {
  credentials_.current.session_token = Secret("SESSION-TOKEN-VALUE");
  transport_.expect("POST", kUrl).answer(400, kThrottle);
  transport_.expect("POST", kUrl).answer(200, R"({"Item":"PRIVATE-ANSWER"})");
  ApiClient::Call secret_body = put_item();
  secret_body.body = R"({"Item":"PRIVATE-BODY"})";

  log::configure(log::Level::kDebug, log::Format::kText);
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(call(std::move(secret_body)));
  const std::string written = ::testing::internal::GetCapturedStderr();
  log::configure(log::Level::kWarning, log::Format::kText);

  EXPECT_THAT(written, HasSubstr("PutItem"));
  EXPECT_THAT(written, HasSubstr("ProvisionedThroughputExceededException"));
  for (const char* secret : {"wJalrXUtnFEMI", "SESSION-TOKEN-VALUE", "PRIVATE-BODY", "PRIVATE-ANSWER", "Signature="}) {
    EXPECT_THAT(written, Not(HasSubstr(secret)));
  }
}

}  // namespace
}  // namespace dynamirror::aws
