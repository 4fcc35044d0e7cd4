// SPDX-License-Identifier: Apache-2.0
//
// Goal: keys stay relative to the store's prefix, and an upload is sent in parts, bounded, whole or not at all.
// Method: a scripted transport; part of it holds its answers back, to see how much is under way.
#include "objects/s3_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "async/task_group.hpp"
#include "objects/impl/s3_upload.hpp"
#include "support/aws_stand_ins.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::objects {
namespace {

using support::run_task;
using ::testing::SizeIs;

constexpr std::size_t kPart = 8u << 20;
const std::string kBucket = "https://orders.s3.eu-west-1.amazonaws.com";
const std::string kBig = kBucket + "/backups/big";

class S3StoreTest : public ::testing::Test {
 protected:
  void expect_created() {
    transport_.expect("POST", kBig + "?uploads=")
        .answer(200, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>");
  }
  support::ScriptedTransport::Exchange& expect_part(int number, std::size_t size) {
    return transport_.expect("PUT", kBig + "?partNumber=" + std::to_string(number) + "&uploadId=u")
        .with_body(SizeIs(size))
        .answer(200, "", {{"etag", "\"e" + std::to_string(number) + "\""}});
  }
  void expect_completed() {
    transport_.expect("POST", kBig + "?uploadId=u").answer(200, "<CompleteMultipartUploadResult/>");
  }
  void expect_aborted() { transport_.expect("DELETE", kBig + "?uploadId=u").answer(204, ""); }

  support::ScriptedTransport transport_;
  ManualClock clock_;
  Random random_{1};
  aws::S3Client::Options options_{.endpoint = {.tls = true, .host = "s3.eu-west-1.amazonaws.com", .port = 443},
                                  .region = Region("eu-west-1"),
                                  .bucket = "orders"};
  S3Store store_{std::make_shared<S3Access>(options_, std::make_unique<support::StandInCredentials>(), transport_,
                                            clock_, random_),
                 "backups/"};
};

TEST_F(S3StoreTest, KeepsKeysRelativeToItsPrefix) {
  transport_.expect("GET", kBucket + "/?list-type=2&encoding-type=url&prefix=backups%2Fa")
      .answer(200,
              "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
              "<Contents><Key>backups/a/1</Key><LastModified>2026-01-31T00:00:00Z</LastModified><Size>3</Size>"
              "</Contents></ListBucketResult>");
  const auto page = run_task(store_.list("a", ""));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->objects.at(0).key, "a/1");
  EXPECT_EQ(page->next, "t");
  EXPECT_EQ(store_.describe("a/1"), "s3://orders/backups/a/1");
  EXPECT_EQ(store_.describe(""), "s3://orders/backups");
  EXPECT_EQ(store_.requests(), 1u);
}

TEST_F(S3StoreTest, ComesBackToTheVersionWhereThePageEnded) {
  transport_.expect("GET", kBucket + "/?versions=&encoding-type=url&prefix=backups%2Fa")
      .answer(200,
              "<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>backups/a:1</NextKeyMarker>"
              "<NextVersionIdMarker>v:1</NextVersionIdMarker></ListVersionsResult>");
  transport_
      .expect("GET", kBucket +
                         "/?versions=&encoding-type=url&key-marker=backups%2Fa%3A1&prefix=backups%2Fa"
                         "&version-id-marker=v%3A1")
      .answer(200, "<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>");
  const auto first = run_task(store_.list_versions("a", ""));
  ASSERT_TRUE(first);
  const auto second = run_task(store_.list_versions("a", first->next));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->next, "");
  EXPECT_FALSE(run_task(store_.list_versions("a", "99:short")));
}

async::Task<Status> write_in_pieces(Upload& upload, std::size_t size) {
  constexpr std::size_t kPiece = 3u << 20;
  for (std::size_t sent = 0; sent < size;) {
    const std::size_t piece = std::min(kPiece, size - sent);
    const Status written = co_await upload.write(std::string(piece, 'x'));
    if (!written) co_return written;
    sent += piece;
  }
  co_return Status{};
}

async::Task<Status> upload_whole(S3Store& store, std::size_t size) {
  const PutOptions options;
  auto upload = co_await store.start_upload("big", options);
  const Status written = co_await write_in_pieces(**upload, size);
  if (!written) {
    const Status aborted = co_await (*upload)->abort();
    EXPECT_TRUE(aborted);
    co_return written;
  }
  co_return co_await (*upload)->finish();
}

TEST_F(S3StoreTest, SendsASmallObjectInOneRequest) {
  transport_.expect("PUT", kBig).with_body(SizeIs(kPart)).with_header("content-type", "application/json");
  EXPECT_TRUE(run_task(upload_whole(store_, kPart)));
  transport_.expect("PUT", kBig).with_body("");
  EXPECT_TRUE(run_task(upload_whole(store_, 0)));
}

TEST_F(S3StoreTest, SendsALargerOneInParts) {
  expect_created();
  expect_part(1, kPart);
  expect_part(2, 1);
  expect_completed();
  EXPECT_TRUE(run_task(upload_whole(store_, kPart + 1)));
  EXPECT_EQ(transport_.requests().back().body,
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            "<Part><PartNumber>1</PartNumber><ETag>&quot;e1&quot;</ETag></Part>"
            "<Part><PartNumber>2</PartNumber><ETag>&quot;e2&quot;</ETag></Part></CompleteMultipartUpload>");
}

TEST_F(S3StoreTest, RemovesAllPartsWhenOneFails) {
  const std::string denied = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
  expect_created();
  expect_part(1, kPart);
  expect_part(2, kPart).answer(403, denied);
  expect_part(3, 1);
  expect_aborted();
  const Status done = run_task(upload_whole(store_, 2 * kPart + 1));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "AccessDenied");
  EXPECT_EQ(done.error().doing, "upload part");
}

TEST_F(S3StoreTest, RemovesAllPartsWhenTheyCannotBecomeAnObject) {
  expect_created();
  expect_part(1, kPart);
  expect_part(2, 1);
  transport_.expect("POST", kBig + "?uploadId=u")
      .answer(200, "<Error><Code>InvalidPart</Code><Message>no</Message></Error>");
  expect_aborted();
  // A code that is not known, within a 200, may pass: it is tried again until the attempts are used up.
  options_.retry.max_attempts = 1;
  S3Store store(std::make_shared<S3Access>(options_, std::make_unique<support::StandInCredentials>(), transport_,
                                           clock_, random_),
                "backups/");
  EXPECT_FALSE(run_task(upload_whole(store, kPart + 1)));
}

async::Task<> drop(S3Store& store, std::size_t size) {
  const PutOptions options;
  auto upload = co_await store.start_upload("big", options);
  const Status written = co_await write_in_pieces(**upload, size);
  EXPECT_TRUE(written);
}

TEST_F(S3StoreTest, AbortsAnUploadThatIsDropped) {
  expect_created();
  expect_part(1, kPart);
  expect_aborted();
  run_task(drop(store_, kPart + 1));
}

async::Task<> drop_soon(S3Store& store, std::unique_ptr<Upload>& kept) {
  const PutOptions options;
  auto upload = co_await store.start_upload("big", options);
  kept = std::move(*upload);
  const Status written = co_await write_in_pieces(*kept, 6 * kPart + 1);
  EXPECT_TRUE(written);
  const Status finished = co_await kept->finish();
  EXPECT_TRUE(finished);
}

TEST_F(S3StoreTest, HasAtMostFourPartsUnderWay) {
  expect_created();
  for (int number = 1; number <= 6; ++number) expect_part(number, kPart).held();
  expect_part(7, 1);
  expect_completed();
  boost::asio::io_context loop;
  std::unique_ptr<Upload> upload;
  boost::asio::co_spawn(loop, drop_soon(store_, upload), boost::asio::detached);
  loop.poll();
  EXPECT_EQ(transport_.holding(), 4);
  EXPECT_EQ(transport_.requests().size(), 1u + 4u);
  transport_.release();
  loop.run();
  EXPECT_EQ(transport_.requests().size(), 1u + 7u + 1u);
}

TEST_F(S3StoreTest, EndsWhatIsUnderWayWhenAnUploadIsDropped) {
  expect_created();
  for (int number = 1; number <= 4; ++number) expect_part(number, kPart).held();
  expect_aborted();
  boost::asio::io_context loop;
  async::Task<> writing = drop(store_, 6 * kPart);
  async::TaskGroup group(loop.get_executor());
  group.spawn(std::move(writing));
  loop.poll();
  EXPECT_EQ(transport_.holding(), 4);
  group.cancel();
  loop.restart();
  loop.run();
  EXPECT_EQ(group.size(), 0u);
}

TEST(S3PartSize, HoldsTheLargestObjectOfS3WithinItsLimits) {
  double total = 0;
  for (int number = 1; number <= 10'000; ++number) total += static_cast<double>(part_size(number));
  EXPECT_GE(total, 5e12 * 1.1);
  EXPECT_EQ(part_size(1), kPart);
  EXPECT_EQ(part_size(1'000), kPart);
  EXPECT_EQ(part_size(1'001), 2 * kPart);
  EXPECT_LE(part_size(10'000), std::size_t{5} << 30);
}

}  // namespace
}  // namespace dynamirror::objects
