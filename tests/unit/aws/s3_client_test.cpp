// SPDX-License-Identifier: Apache-2.0
//
// Goal: each call is written as S3 wants it, and each of S3's refusals gets its class and words that help.
// Method: a scripted transport; what a real server makes of the requests is checked by objects/s3_service_test.cpp.
#include "aws/s3/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/aws_stand_ins.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::aws {
namespace {

using support::run_task;
using ::testing::HasSubstr;

const std::string kHost = "https://orders.s3.eu-west-1.amazonaws.com";

std::string error_xml(const std::string& code, const std::string& more = {}) {
  return "<?xml version=\"1.0\"?>\n<Error><Code>" + code + "</Code><Message>words</Message>" + more + "</Error>";
}

class S3ClientTest : public ::testing::Test {
 protected:
  static S3Client::Options options() {
    S3Client::Options options{.endpoint = {.tls = true, .host = "s3.eu-west-1.amazonaws.com", .port = 443},
                              .region = Region("eu-west-1"),
                              .bucket = "orders"};
    options.retry.max_attempts = 3;
    options.retry.backoff = {.base = std::chrono::milliseconds(1), .cap = std::chrono::milliseconds(1)};
    return options;
  }
  Result<std::string> get(const std::string& key, S3Client::GetObject get = {}) {
    return run_task(client_.get_object(key, get));
  }
  Status complete() {
    const S3Client::Completion completion{
        .upload_id = "u/1", .parts = {{.number = 1, .etag = "\"a\""}, {.number = 2, .etag = "\"b\""}}, .size_bytes = 9};
    return run_task(client_.complete_multipart_upload("k", completion));
  }

  support::ScriptedTransport transport_;
  support::StandInCredentials credentials_;
  ManualClock clock_;
  Random random_{1};
  S3Client client_{options(), transport_, credentials_, clock_, random_};
};

TEST_F(S3ClientTest, SignsBodiesAndEncodesKeysOnce) {
  transport_.expect("GET", kHost + "/a/b%20%2B%C3%BC//..?versionId=v%2F1")
      .with_header("range", "bytes=5-9")
      .with_header("x-amz-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
      .with_header("authorization", HasSubstr("/20260101/eu-west-1/s3/aws4_request"))
      .answer(206, "56789");
  S3Client::GetObject fifth{.version_id = "v/1", .range = S3Client::Range{.first_byte = 5, .last_byte = 9}};
  EXPECT_EQ(get("a/b +ü//..", fifth), "56789");
}

TEST_F(S3ClientTest, PutsTheBucketIntoThePathWhenTold) {
  S3Client::Options in_path = options();
  in_path.path_style = true;
  S3Client client(in_path, transport_, credentials_, clock_, random_);
  transport_.expect("GET", "https://s3.eu-west-1.amazonaws.com/orders/k").answer(200, "x");
  transport_.expect("GET", "https://s3.eu-west-1.amazonaws.com/orders?list-type=2&encoding-type=url&prefix=a%2F")
      .answer(200, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
  EXPECT_TRUE(run_task(client.get_object("k", {})));
  EXPECT_TRUE(run_task(client.list_objects("a/", "")));
  EXPECT_EQ(client.describe("a/k"), "s3://orders/a/k");
}

TEST_F(S3ClientTest, GivesNewObjectsTheirSettings) {
  S3Client::Options with = options();
  with.settings = {.sse = "aws:kms", .kms_key_id = "key", .storage_class = "STANDARD_IA", .acl = "private"};
  S3Client client(with, transport_, credentials_, clock_, random_);
  for (const auto& [method, query] : {std::pair{"PUT", ""}, {"POST", "?uploads="}}) {
    transport_.expect(method, kHost + "/k" + query)
        .with_header("content-type", "text/plain")
        .with_header("content-encoding", "gzip")
        .with_header("x-amz-server-side-encryption", "aws:kms")
        .with_header("x-amz-server-side-encryption-aws-kms-key-id", "key")
        .with_header("x-amz-storage-class", "STANDARD_IA")
        .with_header("x-amz-acl", "private")
        .answer(200, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>");
  }
  transport_.expect("PUT", kHost + "/k?partNumber=1&uploadId=u")
      .without_header("x-amz-acl")
      .answer(200, "", {{"etag", "\"e\""}});
  const S3Client::ContentKind kind{.type = "text/plain", .encoding = "gzip"};
  EXPECT_TRUE(run_task(client.put_object("k", "body", kind)));
  EXPECT_EQ(run_task(client.create_multipart_upload("k", kind)), "u");
  EXPECT_EQ(run_task(client.upload_part("k", "u", 1, "body")), "\"e\"");
}

TEST_F(S3ClientTest, StatesAChecksumOfAllThatItStoresAsObjectLockWants) {
  // printf body | openssl md5 -binary | base64
  const std::string md5_of_body = "hBotaJrYa9FhFEdFPCLG/A==";
  transport_.expect("PUT", kHost + "/k").with_header("content-md5", md5_of_body).answer(200, "");
  transport_.expect("PUT", kHost + "/k?partNumber=1&uploadId=u")
      .with_header("content-md5", md5_of_body)
      .with_header("authorization", HasSubstr("content-md5"))
      .answer(200, "", {{"etag", "\"e\""}});
  const S3Client::ContentKind kind{.type = "text/plain"};
  EXPECT_TRUE(run_task(client_.put_object("k", "body", kind)));
  EXPECT_TRUE(run_task(client_.upload_part("k", "u", 1, "body")));
}

TEST_F(S3ClientTest, GoesFromPageToPageOfVersions) {
  transport_.expect("GET", kHost + "/?versions=&encoding-type=url&key-marker=a%26b&prefix=a&version-id-marker=v1")
      .answer(200, "<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>");
  transport_.expect("GET", kHost + "/?list-type=2&encoding-type=url&continuation-token=t%3D&prefix=a")
      .answer(200, "<html>a proxy's page</html>");
  transport_.expect("GET", kHost + "/?list-type=2&encoding-type=url&continuation-token=t%3D&prefix=a")
      .answer(200, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
  const S3VersionsPosition from{.key_marker = "a&b", .version_id_marker = "v1"};
  const auto versions = run_task(client_.list_object_versions("a", from));
  ASSERT_TRUE(versions);
  EXPECT_FALSE(versions->truncated);
  EXPECT_TRUE(run_task(client_.list_objects("a", "t="))) << "an answer that S3 did not write is asked for again";
}

TEST_F(S3ClientTest, ClassifiesRefusals) {
  for (const auto& [status, code, expected] : {std::tuple{404, "NoSuchKey", ErrorClass::kNotFound},
                                               {404, "NoSuchBucket", ErrorClass::kNotFound},
                                               {404, "NoSuchVersion", ErrorClass::kNotFound},
                                               {403, "AccessDenied", ErrorClass::kDenied},
                                               {403, "SignatureDoesNotMatch", ErrorClass::kExpiredCredentials},
                                               {403, "InvalidAccessKeyId", ErrorClass::kExpiredCredentials},
                                               {400, "InvalidToken", ErrorClass::kExpiredCredentials},
                                               {416, "InvalidRange", ErrorClass::kInvalid}}) {
    const int tries = expected == ErrorClass::kExpiredCredentials ? 4 : 1;
    transport_.expect("GET", kHost + "/k").answer(status, error_xml(code), {{"x-amz-request-id", "R7"}}).times(tries);
    const auto got = get("k");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().error_class, expected) << code;
    EXPECT_EQ(got.error().request_id, "R7");
    const std::string words =
        std::string_view(code) == "NoSuchBucket" ? "there is no such bucket; check its name" : "words";
    EXPECT_THAT(to_line(got.error()), HasSubstr("get object s3://orders/k: " + std::string(code) + ": " + words));
  }
}

TEST_F(S3ClientTest, RetriesWhatMayPass) {
  for (const auto& [status, code, expected] : {std::tuple{503, "SlowDown", ErrorClass::kThrottled},
                                               {503, "ServiceUnavailable", ErrorClass::kThrottled},
                                               {400, "KMS.ThrottlingException", ErrorClass::kThrottled},
                                               {500, "InternalError", ErrorClass::kTransient},
                                               {400, "RequestTimeout", ErrorClass::kTransient},
                                               {400, "XAmzContentSHA256Mismatch", ErrorClass::kTransient},
                                               {409, "OperationAborted", ErrorClass::kTransient}}) {
    transport_.expect("GET", kHost + "/k").answer(status, error_xml(code)).times(3);
    const auto got = get("k");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().error_class, expected) << code;
  }
}

TEST_F(S3ClientTest, NamesTheRegionOfTheBucket) {
  const std::string wanted = "the bucket is in region eu-central-1, not in eu-west-1; name eu-central-1 as its region";
  transport_.expect("GET", kHost + "/k")
      .answer(301, error_xml("PermanentRedirect"), {{"x-amz-bucket-region", "eu-central-1"}});
  transport_.expect("GET", kHost + "/k")
      .answer(400, error_xml("AuthorizationHeaderMalformed", "<Region>eu-central-1</Region>"));
  for (int i = 0; i < 2; ++i) {
    const auto got = get("k");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().error_class, ErrorClass::kInvalid);
    EXPECT_EQ(got.error().message, wanted);
  }
  transport_.expect("HEAD", kHost + "/k").answer(301, "", {{"x-amz-bucket-region", "eu-central-1"}});
  EXPECT_EQ(run_task(client_.head_object("k")).error().message, wanted);
}

TEST_F(S3ClientTest, ReadsTheHeadOfAnObject) {
  transport_.expect("HEAD", kHost + "/k")
      .answer(200, "",
              {{"content-length", "12"}, {"last-modified", "Thu, 01 Jan 2026 01:00:00 GMT"}, {"etag", "\"e\""}});
  const auto object = run_task(client_.head_object("k"));
  ASSERT_TRUE(object);
  EXPECT_EQ(object->size_bytes, 12u);
  EXPECT_EQ(object->modified, clock_.wall_now() + std::chrono::hours(1));
  transport_.expect("HEAD", kHost + "/k").answer(404, "");
  const auto absent = run_task(client_.head_object("k"));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().error_class, ErrorClass::kNotFound);
  EXPECT_THAT(absent.error().message, HasSubstr("no such object"));
}

TEST_F(S3ClientTest, AsksByGetForWhatHeadCannotTell) {
  credentials_.after_invalidation = credentials_.current;
  credentials_.after_invalidation->session_token = Secret("new-token");
  transport_.expect("HEAD", kHost + "/k").answer(400, "");
  transport_.expect("GET", kHost + "/k").with_header("range", "bytes=0-0").answer(400, error_xml("ExpiredToken"));
  transport_.expect("GET", kHost + "/k")
      .with_header("x-amz-security-token", "new-token")
      .answer(416, error_xml("InvalidRange"));
  transport_.expect("HEAD", kHost + "/k")
      .with_header("x-amz-security-token", "new-token")
      .answer(200, "", {{"content-length", "0"}, {"last-modified", "Thu, 01 Jan 2026 01:00:00 GMT"}});
  EXPECT_TRUE(run_task(client_.head_object("k")));

  transport_.expect("HEAD", kHost + "/k").answer(403, "");
  transport_.expect("GET", kHost + "/k").answer(403, error_xml("AccessDenied"));
  EXPECT_EQ(to_line(run_task(client_.head_object("k")).error()),
            "head object s3://orders/k: AccessDenied: words (HTTP 403)");
}

TEST_F(S3ClientTest, SignsWithTheServicesClockAfterARefusalForTheTime) {
  transport_.expect("GET", kHost + "/k")
      .answer(403, error_xml("RequestTimeTooSkewed"), {{"date", "Thu, 01 Jan 2026 01:00:00 GMT"}});
  transport_.expect("GET", kHost + "/k").with_header("x-amz-date", "20260101T010000Z").answer(200, "x");
  EXPECT_TRUE(get("k"));
}

TEST_F(S3ClientTest, NeitherSendsNorRepeatsAWriteAfterItsTime) {
  const S3Client::ContentKind kind{.type = "text/plain"};
  const SteadyTime until = clock_.steady_now();
  transport_.expect("PUT", kHost + "/k").answer(503, error_xml("SlowDown"));
  EXPECT_FALSE(run_task(client_.put_object("k", "body", kind, until)));
  EXPECT_EQ(transport_.send_options().back().not_after, until);
  transport_.expect("DELETE", kHost + "/k").answer(503, error_xml("SlowDown"));
  EXPECT_FALSE(run_task(client_.delete_object("k", until)));
  EXPECT_EQ(transport_.send_options().back().not_after, until);
}

TEST_F(S3ClientTest, DeletesWhatIsThereAndWhatIsNot) {
  transport_.expect("DELETE", kHost + "/k").answer(204, "");
  transport_.expect("DELETE", kHost + "/k").answer(404, error_xml("NoSuchKey"));
  transport_.expect("DELETE", kHost + "/k").answer(404, error_xml("NoSuchBucket"));
  EXPECT_TRUE(run_task(client_.delete_object("k")));
  EXPECT_TRUE(run_task(client_.delete_object("k")));
  EXPECT_FALSE(run_task(client_.delete_object("k")));
}

TEST_F(S3ClientTest, TakesAFailureInTheBodyOfASuccessForAFailure) {
  transport_.expect("POST", kHost + "/k?uploadId=u%2F1").answer(200, "\n  " + error_xml("InternalError").substr(22));
  transport_.expect("POST", kHost + "/k?uploadId=u%2F1")
      .with_body(HasSubstr("<Part><PartNumber>2</PartNumber><ETag>&quot;b&quot;</ETag></Part>"))
      .answer(200, "\n  <CompleteMultipartUploadResult><Key>k</Key></CompleteMultipartUploadResult>");
  const Status done = complete();
  EXPECT_TRUE(done) << to_line(done.error());
  transport_.expect("POST", kHost + "/k?uploadId=u%2F1").answer(200, error_xml("AccessDenied"));
  EXPECT_EQ(complete().error().error_class, ErrorClass::kDenied);
  transport_.expect("POST", kHost + "/k?uploadId=u%2F1")
      .answer(200, "<CompleteMultipartUploadResponse xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>");
  EXPECT_TRUE(complete()) << "as moto says it";
}

TEST_F(S3ClientTest, FindsThatALostAnswerHadCompletedTheUpload) {
  const std::string url = kHost + "/k?uploadId=u%2F1";
  const http::Headers whole{
      {"content-length", "9"}, {"last-modified", "Thu, 01 Jan 2026 01:00:00 GMT"}, {"etag", "\"0f-2\""}};
  transport_.expect("POST", url).fail("Closed");
  transport_.expect("POST", url).answer(404, error_xml("NoSuchUpload"));
  transport_.expect("HEAD", kHost + "/k").answer(200, "", whole);
  EXPECT_TRUE(complete());

  http::Headers other = whole;
  other[0].second = "8";
  transport_.expect("POST", url).answer(404, error_xml("NoSuchUpload"));
  transport_.expect("HEAD", kHost + "/k").answer(200, "", other);
  EXPECT_EQ(complete().error().code, "NoSuchUpload");
}

TEST_F(S3ClientTest, CountsAnUploadThatIsGoneAsAborted) {
  transport_.expect("DELETE", kHost + "/k?uploadId=u").answer(404, error_xml("NoSuchUpload"));
  transport_.expect("DELETE", kHost + "/k?uploadId=u").answer(403, error_xml("AccessDenied"));
  EXPECT_TRUE(run_task(client_.abort_multipart_upload("k", "u")));
  EXPECT_FALSE(run_task(client_.abort_multipart_upload("k", "u")));
}

}  // namespace
}  // namespace dynamirror::aws
