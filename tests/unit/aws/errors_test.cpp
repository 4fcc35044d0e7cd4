// SPDX-License-Identifier: Apache-2.0
//
// Goal: every refusal gets the class that the rest of the program acts upon, and words a person can use.
// Method: answers as the services, and those who stand in between, write them.
#include "aws/errors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::aws {
namespace {

using ::testing::HasSubstr;

Error classify(int status, std::string body, http::Headers headers = {}) {
  return classify_error(http::Response{.status = status, .headers = std::move(headers), .body = std::move(body)},
                        "put item", "eu-west-1/Orders");
}

std::string json_error(const std::string& code, const std::string& message = "m") {
  return R"({"__type":"com.amazonaws.dynamodb.v20120810#)" + code + R"(","message":")" + message + R"("})";
}

TEST(ClassifyError, KnowsTheCodesOfDynamoDbStreamsAndSts) {
  struct Case {
    const char* code;
    int status;
    ErrorClass expected;
  };
  const Case cases[] = {
      {"ProvisionedThroughputExceededException", 400, ErrorClass::kThrottled},
      {"ThrottlingException", 400, ErrorClass::kThrottled},
      {"Throttling", 400, ErrorClass::kThrottled},
      {"RequestLimitExceeded", 400, ErrorClass::kThrottled},
      {"LimitExceededException", 400, ErrorClass::kThrottled},
      {"TooManyRequestsException", 400, ErrorClass::kThrottled},
      {"SlowDown", 503, ErrorClass::kThrottled},
      {"InternalServerError", 500, ErrorClass::kTransient},
      {"ServiceUnavailable", 503, ErrorClass::kTransient},
      {"TransactionInProgressException", 400, ErrorClass::kTransient},
      {"TransactionConflictException", 400, ErrorClass::kTransient},
      {"ExpiredTokenException", 400, ErrorClass::kExpiredCredentials},
      {"ExpiredToken", 403, ErrorClass::kExpiredCredentials},
      {"RequestExpired", 400, ErrorClass::kExpiredCredentials},
      {"AccessDeniedException", 400, ErrorClass::kDenied},
      {"UnrecognizedClientException", 400, ErrorClass::kExpiredCredentials},
      {"InvalidSignatureException", 400, ErrorClass::kExpiredCredentials},
      {"MissingAuthenticationTokenException", 400, ErrorClass::kDenied},
      {"InvalidClientTokenId", 403, ErrorClass::kExpiredCredentials},
      {"RequestTimeTooSkewed", 403, ErrorClass::kDenied},
      {"ResourceNotFoundException", 400, ErrorClass::kNotFound},
      {"TrimmedDataAccessException", 400, ErrorClass::kNotFound},
      {"ExpiredIteratorException", 400, ErrorClass::kConflict},
      {"ConditionalCheckFailedException", 400, ErrorClass::kConflict},
      {"ResourceInUseException", 400, ErrorClass::kConflict},
      {"ValidationException", 400, ErrorClass::kInvalid},
      {"SerializationException", 400, ErrorClass::kInvalid},
      {"ItemCollectionSizeLimitExceededException", 400, ErrorClass::kInvalid},
      {"SomethingNewException", 400, ErrorClass::kInvalid},
      {"SomethingNewException", 500, ErrorClass::kTransient},
  };
  for (const Case& test : cases) {
    const Error error = classify(test.status, json_error(test.code));
    EXPECT_EQ(to_string(error.error_class), to_string(test.expected)) << test.code;
    EXPECT_EQ(error.code, test.code);
    EXPECT_EQ(error.http_status, test.status);
  }
}

TEST(ClassifyError, ReadsMessageInBothSpellingsAndTheRequestId) {
  const Error error = classify(400, R"({"__type":"x#AccessDeniedException","Message":"User is not authorized"})",
                               {{"x-amzn-requestid", "ABC"}});
  EXPECT_EQ(to_line(error),
            "put item eu-west-1/Orders: AccessDeniedException: User is not authorized (HTTP 400, request ABC)");
}

TEST(ClassifyError, TakesTheCodeFromTheHeaderWhenTheBodyHasNone) {
  const Error error = classify(400, "{}", {{"x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/"}});
  EXPECT_EQ(error.code, "ThrottlingException");
  EXPECT_EQ(error.error_class, ErrorClass::kThrottled);
  EXPECT_EQ(classify(400, "", {{"x-amzn-errortype", "ResourceNotFoundException"}}).error_class, ErrorClass::kNotFound);
}

TEST(ClassifyError, ReadsTheXmlOfStsAndOfS3) {
  const Error sts =
      classify(403, R"(<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error><RequestId>R2</RequestId></ErrorResponse>)");
  EXPECT_EQ(sts.error_class, ErrorClass::kDenied);
  EXPECT_EQ(sts.message, "not authorized to perform: sts:AssumeRole");
  EXPECT_EQ(sts.request_id, "R2");
  const Error s3 = classify(404,
                            "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>gone</Message>"
                            "<RequestId>R3</RequestId></Error>");
  EXPECT_EQ(s3.error_class, ErrorClass::kNotFound);
  EXPECT_EQ(s3.request_id, "R3");
}

TEST(ClassifyError, CallsAPageThatAwsDidNotWriteTransient) {
  for (const int status : {400, 403, 404, 502, 504}) {
    const Error error = classify(status, "<html><head><title>Blocked</title></head><body>by proxy</body></html>");
    EXPECT_EQ(error.error_class, ErrorClass::kTransient) << status;
    EXPECT_THAT(error.message, HasSubstr("not from AWS"));
  }
  EXPECT_EQ(classify(429, "too many").error_class, ErrorClass::kThrottled);
  EXPECT_EQ(classify(407, "login").error_class, ErrorClass::kDenied);
}

TEST(ClassifyError, FallsBackToTheStatusWhenNothingIsSaid) {
  EXPECT_EQ(classify(500, "").error_class, ErrorClass::kTransient);
  EXPECT_EQ(classify(503, "").code, "HTTP503");
  EXPECT_EQ(classify(403, "").error_class, ErrorClass::kDenied);
  EXPECT_EQ(classify(404, "").error_class, ErrorClass::kNotFound);
  EXPECT_EQ(classify(429, "").error_class, ErrorClass::kThrottled);
  EXPECT_EQ(classify(413, "").error_class, ErrorClass::kInvalid);
  EXPECT_EQ(classify(302, "").error_class, ErrorClass::kFatal);
}

TEST(ClassifyError, BoundsAndCleansWhatItWasSent) {
  const Error error = classify(400, json_error("ValidationException", std::string(5000, 'a') + "\\n"));
  EXPECT_LE(error.message.size(), 1024u + 3u);
  EXPECT_EQ(classify(400, json_error("ValidationException", "two\\n\\tlines")).message, "two lines");
  // 1023 bytes and then a character of two: cut in front of it, not inside.
  const Error cut = classify(400, json_error("ValidationException", std::string(1023, 'a') + "ééé"));
  EXPECT_EQ(cut.message, std::string(1023, 'a') + "…");
}

TEST(ClassifyError, SurvivesBodiesOfTheWrongShape) {
  for (const char* body :
       {"null", "[]", "{\"__type\":5,\"message\":{\"a\":[1]}}", "{\"__type\":\"A#\"}", "{", "\"text\"",
        "{\"__type\":null}", "<Error/>", "<ErrorResponse><Error><Code/></Error></ErrorResponse>"}) {
    const Error error = classify(400, body);
    EXPECT_FALSE(error.code.empty()) << body;
  }
}

TEST(ClassifyError, TellsAWrongClockByCodeOrByTheWordsOfASignatureError) {
  const auto wrong_clock = [](const std::string& code, const std::string& words) {
    return classify(400, json_error(code, words)).wrong_clock;
  };
  EXPECT_TRUE(wrong_clock("RequestTimeTooSkewed", ""));
  EXPECT_TRUE(wrong_clock("InvalidSignatureException", "Signature expired: 2026 is now earlier"));
  EXPECT_TRUE(wrong_clock("InvalidSignatureException", "Signature not yet current: 2026"));
  EXPECT_FALSE(wrong_clock("InvalidSignatureException", "The request signature we calculated"));
  EXPECT_FALSE(wrong_clock("ValidationException", "Signature expired"));
}

TEST(ClassifyError, KnowsThatARefusalHasNoEffect) {
  for (const char* code : {"ThrottlingException", "ValidationException", "AccessDeniedException",
                           "UnrecognizedClientException", "ConditionalCheckFailedException"}) {
    EXPECT_TRUE(classify(400, json_error(code)).not_applied) << code;
  }
  EXPECT_FALSE(classify(500, json_error("InternalServerError")).not_applied);
  EXPECT_FALSE(classify(502, "<html>").not_applied);
}

}  // namespace
}  // namespace dynamirror::aws
