// SPDX-License-Identifier: Apache-2.0
//
// Goal: what the user and the environment say leads to the right server, bucket and identity, or to words that help.
// Method: one request through the opened store, looked at in a scripted transport.
#include "objects/open_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/aws_stand_ins.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"
#include "support/temp_folder.hpp"

namespace dynamirror::objects {
namespace {

using support::run_task;
using ::testing::HasSubstr;

class OpenStoreTest : public ::testing::Test {
 protected:
  OpenStoreTest() {
    environment_.variables = {
        {"AWS_ACCESS_KEY_ID", "AKID"}, {"AWS_SECRET_ACCESS_KEY", "secret"}, {"AWS_REGION", "eu-west-1"}};
  }
  Result<std::unique_ptr<ObjectStore>> open(const std::string& address, StoreOptions options = {}) {
    return open_object_store(parse_object_address(address).value(), std::move(options),
                             {transport_, environment_, clock_, random_});
  }
  /// The URL that object "k" is read from, and the scope it is signed for.
  void expect_read_from(const std::string& url, const std::string& scope, const std::string& address,
                        StoreOptions options = {}) {
    auto store = open(address, std::move(options));
    ASSERT_TRUE(store) << to_line(store.error());
    transport_.expect("GET", url).with_header("authorization", HasSubstr("/" + scope + "/s3/aws4_request"));
    EXPECT_TRUE(run_task((*store)->get("k", {})));
  }
  std::string complaint(const std::string& address, StoreOptions options = {}) {
    const auto store = open(address, std::move(options));
    return store ? "opened" : to_line(store.error());
  }

  support::ScriptedTransport transport_;
  support::MapEnvironment environment_;
  ManualClock clock_;
  Random random_{1};
};

TEST_F(OpenStoreTest, FindsTheBucketInItsRegion) {
  expect_read_from("https://my-bucket.s3.eu-west-1.amazonaws.com/a/k", "eu-west-1", "s3://my-bucket/a/");
  expect_read_from("https://my-bucket.s3.cn-north-1.amazonaws.com.cn/k", "cn-north-1", "s3://my-bucket",
                   {.region = "cn-north-1"});
  environment_.variables["AWS_USE_DUALSTACK_ENDPOINT"] = "true";
  environment_.variables["AWS_USE_FIPS_ENDPOINT"] = "true";
  expect_read_from("https://my-bucket.s3-fips.dualstack.us-gov-west-1.amazonaws.com/k", "us-gov-west-1",
                   "s3://my-bucket", {.region = "us-gov-west-1"});
}

TEST_F(OpenStoreTest, GoesToTheRegionThatTheAddressNames) {
  expect_read_from("https://my-bucket.s3.us-west-2.amazonaws.com/a/k", "us-west-2",
                   "https://my-bucket.s3.us-west-2.amazonaws.com/a");
  expect_read_from("https://my-bucket.s3.eu-west-1.amazonaws.com/k", "eu-west-1", "https://s3.amazonaws.com/my-bucket");
  const char* access_point = "s3://arn:aws:s3:us-west-2:123456789012:accesspoint/my-point/a";
  expect_read_from("https://my-point-123456789012.s3-accesspoint.us-west-2.amazonaws.com/a/k", "us-west-2",
                   access_point);
  environment_.variables["AWS_USE_FIPS_ENDPOINT"] = "true";
  environment_.variables["AWS_USE_DUALSTACK_ENDPOINT"] = "true";
  expect_read_from("https://my-point-123456789012.s3-accesspoint-fips.dualstack.us-west-2.amazonaws.com/a/k",
                   "us-west-2", access_point);
}

TEST_F(OpenStoreTest, PutsBucketsThatNoCertificateCoversIntoThePath) {
  expect_read_from("https://s3.eu-west-1.amazonaws.com/my.bucket/k", "eu-west-1", "s3://my.bucket");
  expect_read_from("https://s3.eu-west-1.amazonaws.com/Old_Bucket/k", "eu-west-1", "s3://Old_Bucket");
  expect_read_from("https://s3.eu-west-1.amazonaws.com/my-bucket/k", "eu-west-1", "s3://my-bucket",
                   {.path_style = true});
}

TEST_F(OpenStoreTest, GoesToTheEndpointItIsTold) {
  expect_read_from("http://127.0.0.1:9000/my-bucket/k", "eu-west-1", "s3://my-bucket",
                   {.endpoint = "http://127.0.0.1:9000"});
  expect_read_from("https://my-bucket.storage.example/k", "eu-west-1", "s3://my-bucket",
                   {.endpoint = "https://storage.example/", .path_style = false});
  expect_read_from("https://s3.us-west-2.amazonaws.com/my-bucket/k", "us-west-2", "s3://my-bucket",
                   {.endpoint = "https://s3.us-west-2.amazonaws.com"});
  environment_.variables["AWS_ENDPOINT_URL"] = "http://localhost:8000";
  expect_read_from("http://localhost:8000/my-bucket/k", "eu-west-1", "s3://my-bucket");
  environment_.variables["AWS_ENDPOINT_URL_S3"] = "http://localhost:9000";
  expect_read_from("http://localhost:9000/my-bucket/k", "eu-west-1", "s3://my-bucket");
  environment_.variables.erase("AWS_REGION");
  expect_read_from("http://localhost:9000/my-bucket/k", "us-east-1", "s3://my-bucket");
}

TEST_F(OpenStoreTest, SendsNothingUnencryptedToOtherMachinesUnlessAllowed) {
  EXPECT_THAT(complaint("s3://my-bucket", {.endpoint = "http://storage.example"}), HasSubstr("--allow-insecure"));
  environment_.variables["AWS_ENDPOINT_URL_S3"] = "http://storage.example";
  EXPECT_THAT(complaint("s3://my-bucket"), HasSubstr("--allow-insecure"));
  environment_.plain_http = true;
  expect_read_from("http://storage.example/my-bucket/k", "eu-west-1", "s3://my-bucket");
}

TEST_F(OpenStoreTest, SaysWhatCannotBeUsed) {
  EXPECT_THAT(complaint("s3://my-bucket", {.endpoint = "ftp://x"}), HasSubstr("the S3 endpoint: it is no URL"));
  EXPECT_THAT(complaint("s3://my-bucket", {.endpoint = "https://x/path"}), HasSubstr("has a path"));
  EXPECT_THAT(complaint("s3://my-bucket", {.sse = "rot13"}), HasSubstr("it is AES256 or aws:kms"));
  EXPECT_THAT(complaint("s3://my-bucket", {.sse = "AES256", .kms_key_id = "k"}), HasSubstr("must be aws:kms"));
  EXPECT_THAT(complaint("s3://my-bucket", {.region = "nowhere"}), HasSubstr("not an AWS region"));
  environment_.variables.erase("AWS_REGION");
  EXPECT_THAT(complaint("s3://my-bucket"), HasSubstr("open s3://my-bucket: no region is known"));
}

TEST_F(OpenStoreTest, TakesAKeyForKmsEncryption) {
  auto store = open("s3://my-bucket", {.kms_key_id = "key-1"});
  ASSERT_TRUE(store);
  transport_.expect("PUT", "https://my-bucket.s3.eu-west-1.amazonaws.com/k")
      .with_header("x-amz-server-side-encryption", "aws:kms")
      .with_header("x-amz-server-side-encryption-aws-kms-key-id", "key-1");
  EXPECT_TRUE(run_task((*store)->put("k", "x", {})));
}

TEST_F(OpenStoreTest, OpensFoldersWithoutAnyOfThis) {
  environment_.variables.clear();
  const test::TempFolder temp;
  auto store = open("file:" + temp.path().string());
  ASSERT_TRUE(store);
  EXPECT_TRUE(run_task((*store)->put("k", "x", {})));
  EXPECT_EQ(run_task((*store)->get("k", {})), "x");
}

}  // namespace
}  // namespace dynamirror::objects
