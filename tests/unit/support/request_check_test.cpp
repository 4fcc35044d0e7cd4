// SPDX-License-Identifier: Apache-2.0
//
// Goal: the stand-in accepts a rightly signed request and nothing else.
// Method: AWS's published "post-vanilla" vector for the signature; then one good request, broken in one place each
// time.
#include "support/request_check.hpp"

#include <gtest/gtest.h>

#include "support/digest.hpp"
#include "support/sigv4.hpp"

namespace dynamirror::support {
namespace {

constexpr auto kNow = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};
const std::string kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

class RequestCheckTest : public ::testing::Test {
 protected:
  void sign(const SigningScope& scope = {"20260101", "eu-west-1", "dynamodb"}) {
    std::erase_if(request.headers, [](const auto& header) { return header.first == "authorization"; });
    request.headers.emplace_back("authorization", sigv4_authorization(request, scope, "AKIDSTANDIN", kSecret));
  }

  void set(const std::string& name, const std::string& value) {
    for (auto& header : request.headers) {
      if (header.first == name) header.second = value;
    }
  }

  std::string refusal() {
    const auto target = check.check(request, now);
    return target ? "accepted" : target.error().type;
  }

  RequestCheck check{{}, {Identity{"AKIDSTANDIN", kSecret, ""}, Identity{"ASIATEMP", kSecret, "token"}}};
  WallTime now{kNow};
  WireRequest request{.method = "POST",
                      .target = "/",
                      .headers = {{"host", "dynamodb.eu-west-1.amazonaws.com"},
                                  {"content-type", "application/x-amz-json-1.0"},
                                  {"x-amz-date", "20260101T000000Z"},
                                  {"x-amz-target", "DynamoDB_20120810.DescribeTable"}},
                      .body = R"({"TableName":"Orders"})"};
};

TEST(Sigv4, AgreesWithThePublishedVectorPostVanilla) {
  const WireRequest request{.method = "POST",
                            .target = "/",
                            .headers = {{"host", "example.amazonaws.com"}, {"x-amz-date", "20150830T123600Z"}},
                            .body = ""};
  EXPECT_EQ(sigv4_signature(request, {"host", "x-amz-date"}, {"20150830", "us-east-1", "service"}, kSecret),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
}

TEST(Digest, Crc32AgreesWithTheCheckValueOfItsCatalogueAndContinues) {
  EXPECT_EQ(crc32("123456789"), 0xCBF43926u);
  EXPECT_EQ(crc32("6789", crc32("12345")), 0xCBF43926u);
  EXPECT_EQ(crc32(""), 0u);
}

TEST(Digest, Base64RefusesWhatIsNotCanonical) {
  EXPECT_EQ(base64_decode("aGVsbG8="), "hello");
  EXPECT_EQ(base64_encode("hello"), "aGVsbG8=");
  EXPECT_EQ(base64_decode(""), "");
  EXPECT_FALSE(base64_decode("aGVsbG8"));
  EXPECT_FALSE(base64_decode("aGVsbG9="));
  EXPECT_FALSE(base64_decode("aGV*"));
  EXPECT_FALSE(base64_decode("=AAA"));
}

TEST_F(RequestCheckTest, AcceptsARightlySignedRequest) {
  sign();
  const auto target = check.check(request, now);
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_EQ(*target, "DynamoDB_20120810.DescribeTable");
  // Computed apart from this code, by a script over Python's hashlib and hmac.
  EXPECT_TRUE(request.headers.back().second.ends_with(
      "Signature=7e8bcd96696c5b703bd97ac9be72b844d23b7d2592e5f1e871f7de216de68d58"));
}

TEST_F(RequestCheckTest, RefusesABodyChangedAfterSigning) {
  sign();
  request.body = R"({"TableName":"Others"})";
  EXPECT_EQ(refusal(), "InvalidSignatureException");
}

TEST_F(RequestCheckTest, RefusesASignatureForAnotherRegionOrService) {
  sign({"20260101", "us-east-1", "dynamodb"});
  EXPECT_EQ(refusal(), "InvalidSignatureException");
  sign({"20260101", "eu-west-1", "s3"});
  EXPECT_EQ(refusal(), "InvalidSignatureException");
}

TEST_F(RequestCheckTest, RefusesAClockThatIsOffInEitherDirectionWithoutCallingItABug) {
  sign();
  now = kNow + std::chrono::seconds(301);
  const auto late = check.check(request, now);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().type, "InvalidSignatureException");
  EXPECT_TRUE(late.error().message.starts_with("Signature expired: 20260101T000000Z")) << late.error().message;
  EXPECT_FALSE(late.error().client_bug);
  now = kNow - std::chrono::seconds(301);
  EXPECT_EQ(refusal(), "InvalidSignatureException");
  now = kNow + std::chrono::seconds(300);
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(RequestCheckTest, RefusesAnAwsHeaderThatIsNotSigned) {
  sign();
  request.headers.emplace_back("x-amz-security-token", "");
  EXPECT_EQ(refusal(), "InvalidSignatureException");
}

TEST_F(RequestCheckTest, RefusesHeadersItDoesNotKnow) {
  request.headers.emplace_back("x-forwarded-for", "10.0.0.1");
  sign();
  const auto refused = check.check(request, now);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().client_bug);
  EXPECT_NE(refused.error().message.find("x-forwarded-for"), std::string::npos);
}

TEST_F(RequestCheckTest, WantsTheContentTypeOfTheProtocol) {
  set("content-type", "application/json");
  sign();
  EXPECT_EQ(refusal(), "UnknownOperationException");
}

TEST_F(RequestCheckTest, WantsASignatureAtAll) { EXPECT_EQ(refusal(), "MissingAuthenticationTokenException"); }

TEST_F(RequestCheckTest, RefusesUnknownKeysAndWrongTokens) {
  const SigningScope scope{"20260101", "eu-west-1", "dynamodb"};
  request.headers.emplace_back("authorization", sigv4_authorization(request, scope, "AKIDOTHER", kSecret));
  EXPECT_EQ(refusal(), "UnrecognizedClientException");
  request.headers.back().second = sigv4_authorization(request, scope, "ASIATEMP", kSecret);
  EXPECT_EQ(refusal(), "UnrecognizedClientException") << "a temporary key needs its token";
}

TEST_F(RequestCheckTest, SaysExpiredOnceAKeyHasExpired) {
  sign();
  check.expire("AKIDSTANDIN");
  EXPECT_EQ(refusal(), "ExpiredTokenException");
}

}  // namespace
}  // namespace dynamirror::support
