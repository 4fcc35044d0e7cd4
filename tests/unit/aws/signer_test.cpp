// SPDX-License-Identifier: Apache-2.0
//
// Goal: signatures are the ones AWS computes.
// Method: AWS's published vectors: the Signature Version 4 test suite, and the examples of the S3 API reference
// ("Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk").
#include "aws/signing/signer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/scripted_transport.hpp"

namespace dynamirror::aws {
namespace {

using support::header_of;

constexpr std::chrono::sys_days kSuiteDay{std::chrono::year{2015} / 8 / 30};
constexpr WallTime kSuiteTime = kSuiteDay + std::chrono::hours(12) + std::chrono::minutes(36);
constexpr WallTime kS3Time = std::chrono::sys_days{std::chrono::year{2013} / 5 / 24};

Credentials suite_credentials() {
  return Credentials{.access_key_id = "AKIDEXAMPLE",
                     .secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                     .session_token = {}};
}

Credentials s3_credentials() {
  return Credentials{.access_key_id = "AKIAIOSFODNN7EXAMPLE",
                     .secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                     .session_token = {}};
}

http::Request request_to(std::string host, std::string method, std::string target) {
  http::Request request{.endpoint = http::Endpoint{.tls = true, .host = std::move(host), .port = 443}};
  request.method = std::move(method);
  request.target = std::move(target);
  return request;
}

std::string signature_in(const http::Request& request) {
  const std::string authorization = header_of(request, "authorization");
  const auto at = authorization.find("Signature=");
  return at == std::string::npos ? "" : authorization.substr(at + 10);
}

struct SuiteCase {
  const char* name;
  const char* method;
  const char* target;
  http::Headers headers;
  const char* body;
  const char* signature;
};

const std::vector<SuiteCase>& suite() {
  static const std::vector<SuiteCase> cases{
      {"get-header-key-duplicate",
       "GET",
       "/",
       {{"my-header1", "value2"}, {"my-header1", "value2"}, {"my-header1", "value1"}},
       "",
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
      {"get-header-value-order",
       "GET",
       "/",
       {{"my-header1", "value4"}, {"my-header1", "value1"}, {"my-header1", "value3"}, {"my-header1", "value2"}},
       "",
       "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
      {"get-header-value-trim",
       "GET",
       "/",
       {{"my-header1", " value1"}, {"my-header2", " \"a   b   c\""}},
       "",
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"get-unreserved",
       "GET",
       "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
       {},
       "",
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {"get-utf8", "GET", "/\u1234", {}, "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-vanilla", "GET", "/", {}, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-vanilla-empty-query-key",
       "GET",
       "/?Param1=value1",
       {},
       "",
       "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
      {"get-vanilla-query", "GET", "/", {}, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-vanilla-query-order-key",
       "GET",
       "/?Param1=value2&Param1=Value1",
       {},
       "",
       "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/?Param2=value2&Param1=value1",
       {},
       "",
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-query-order-value",
       "GET",
       "/?Param1=value2&Param1=value1",
       {},
       "",
       "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
      {"get-vanilla-query-unreserved",
       "GET",
       "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~"
       "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcd"
       "efghijklmnopqrstuvwxyz",
       {},
       "",
       "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
      {"get-vanilla-utf8-query",
       "GET",
       "/?\u1234=bar",
       {},
       "",
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"normalize-path/get-relative",
       "GET",
       "/example/..",
       {},
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"normalize-path/get-relative-relative",
       "GET",
       "/example1/example2/../..",
       {},
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"normalize-path/get-slash",
       "GET",
       "//",
       {},
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"normalize-path/get-slash-dot-slash",
       "GET",
       "/./",
       {},
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"normalize-path/get-slash-pointless-dot",
       "GET",
       "/./example",
       {},
       "",
       "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
      {"normalize-path/get-slashes",
       "GET",
       "//example//",
       {},
       "",
       "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
      {"normalize-path/get-space",
       "GET",
       "/example space/",
       {},
       "",
       "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
      {"post-header-key-sort",
       "POST",
       "/",
       {{"my-header1", "value1"}},
       "",
       "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
      {"post-header-value-case",
       "POST",
       "/",
       {{"my-header1", "VALUE1"}},
       "",
       "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
      {"post-vanilla", "POST", "/", {}, "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"post-vanilla-query",
       "POST",
       "/?Param1=value1",
       {},
       "",
       "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
      {"post-x-www-form-urlencoded",
       "POST",
       "/",
       {{"content-type", "application/x-www-form-urlencoded"}},
       "Param1=value1",
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
      {"post-x-www-form-urlencoded-parameters",
       "POST",
       "/",
       {{"content-type", "application/x-www-form-urlencoded; charset=utf8"}},
       "Param1=value1",
       "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
  };
  return cases;
}

TEST(Signer, ReproducesTheSignaturesOfTheAwsTestSuite) {
  Signer signer({.region = "us-east-1", .service = "service"});
  for (const SuiteCase& test : suite()) {
    http::Request request = request_to("example.amazonaws.com", test.method, test.target);
    request.headers = test.headers;
    request.body = test.body;
    signer.sign(request, suite_credentials(), kSuiteTime);
    EXPECT_EQ(signature_in(request), test.signature) << test.name;
    EXPECT_EQ(header_of(request, "x-amz-date"), "20150830T123600Z");
  }
}

TEST(Signer, WritesTheAuthorizationHeaderInTheDocumentedForm) {
  Signer signer({.region = "us-east-1", .service = "service"});
  http::Request request = request_to("example.amazonaws.com", "GET", "/");
  signer.sign(request, suite_credentials(), kSuiteTime);
  EXPECT_EQ(
      header_of(request, "authorization"),
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
      "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST(Signer, SignsTheSessionTokenOfTemporaryCredentials) {  // the suite's post-sts-header-before
  Signer signer({.region = "us-east-1", .service = "service"});
  Credentials credentials = suite_credentials();
  credentials.session_token = Secret(
      "AQoDYXdzEPT//////////"
      "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthA"
      "x7mSEI/qkPpKPi/"
      "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9"
      "q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==");
  http::Request request = request_to("example.amazonaws.com", "POST", "/");
  signer.sign(request, credentials, kSuiteTime);
  EXPECT_EQ(header_of(request, "x-amz-security-token"), credentials.session_token.reveal());
  EXPECT_EQ(signature_in(request), "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
}

TEST(Signer, ReplacesAnEarlierSignatureWhenARequestIsSignedAgain) {
  Signer signer({.region = "us-east-1", .service = "service"});
  Credentials temporary = suite_credentials();
  temporary.session_token = Secret("old-token");
  http::Request request = request_to("example.amazonaws.com", "GET", "/");
  signer.sign(request, temporary, kSuiteTime - std::chrono::hours(30));
  signer.sign(request, suite_credentials(), kSuiteTime);
  EXPECT_EQ(signature_in(request), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  EXPECT_EQ(request.headers.size(), 2u);
}

TEST(Signer, DerivesANewKeyWhenTheDayOrTheSecretChanges) {
  Signer kept({.region = "us-east-1", .service = "service"});
  const auto sign_with = [](Signer& signer, const Credentials& credentials, WallTime time) {
    http::Request request = request_to("example.amazonaws.com", "GET", "/");
    signer.sign(request, credentials, time);
    return signature_in(request);
  };
  Credentials other = suite_credentials();
  other.secret_access_key = Secret("another");
  for (const auto& [credentials, time] : {std::pair{suite_credentials(), kSuiteTime}, std::pair{other, kSuiteTime},
                                          std::pair{other, kSuiteTime + std::chrono::days(1)}}) {
    Signer fresh({.region = "us-east-1", .service = "service"});
    EXPECT_EQ(sign_with(kept, credentials, time), sign_with(fresh, credentials, time));
  }
}

TEST(Signer, LeavesHeadersThatProxiesTouchOutOfTheSignature) {
  Signer signer({.region = "us-east-1", .service = "service"});
  http::Request request = request_to("example.amazonaws.com", "GET", "/");
  request.headers = {{"user-agent", "dynamirror"}, {"x-amzn-trace-id", "Root=1"}, {"connection", "keep-alive"}};
  signer.sign(request, suite_credentials(), kSuiteTime);
  EXPECT_EQ(signature_in(request), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

struct S3Case {
  const char* name;
  const char* method;
  const char* target;
  http::Headers headers;
  const char* body;
  const char* signature;
};

TEST(Signer, ReproducesTheExamplesOfTheS3Reference) {
  const std::vector<S3Case> cases{
      {"GET object",
       "GET",
       "/test.txt",
       {{"range", "bytes=0-9"}},
       "",
       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
      {"PUT object",
       "PUT",
       "/test%24file.text",
       {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
       "Welcome to Amazon S3.",
       "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
      {"GET bucket lifecycle",
       "GET",
       "/?lifecycle",
       {},
       "",
       "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
      {"list objects",
       "GET",
       "/?max-keys=2&prefix=J",
       {},
       "",
       "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
  };
  Signer signer({.region = "us-east-1", .service = "s3"});
  for (const S3Case& test : cases) {
    http::Request request = request_to("examplebucket.s3.amazonaws.com", test.method, test.target);
    request.headers = test.headers;
    request.body = test.body;
    signer.sign(request, s3_credentials(), kS3Time);
    EXPECT_EQ(signature_in(request), test.signature) << test.name;
  }
}

TEST(Signer, LeavesS3KeysWithDotsAndSlashesAsTheyAre) {
  // "a//b/../c" names an object of its own in S3; normalised, its signature would be that of another one.
  Signer s3({.region = "us-east-1", .service = "s3"});
  http::Request literal = request_to("b.s3.amazonaws.com", "GET", "/a//b/../c");
  http::Request normalised = request_to("b.s3.amazonaws.com", "GET", "/a/c");
  s3.sign(literal, s3_credentials(), kS3Time);
  s3.sign(normalised, s3_credentials(), kS3Time);
  EXPECT_NE(signature_in(literal), signature_in(normalised));
}

TEST(Signer, DoesNotReadTheBodyOfAnUnsignedPayload) {
  Signer signer({.region = "us-east-1", .service = "s3"});
  http::Request one = request_to("b.s3.amazonaws.com", "PUT", "/key");
  http::Request two = one;
  one.body = "one";
  two.body = "two";
  signer.sign(one, s3_credentials(), kS3Time, Signer::Payload::kUnsigned);
  signer.sign(two, s3_credentials(), kS3Time, Signer::Payload::kUnsigned);
  EXPECT_EQ(header_of(one, "x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
  EXPECT_EQ(signature_in(one), signature_in(two));
}

}  // namespace
}  // namespace dynamirror::aws
