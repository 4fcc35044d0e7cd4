// SPDX-License-Identifier: Apache-2.0
//
// Goal: the S3 store and a real S3 server understand each other.
// Method: real requests, when DYNAMIRROR_S3_ENDPOINT names a server on which everything may be written;
// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are the key for it, DYNAMIRROR_S3_ROLE a role it may take on (there may
// be none). `tests/services/rgw.sh start` boots such a server. Without one, each test says that it is skipped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>

#include "aws/signed_caller.hpp"
#include "http/beast_transport.hpp"
#include "objects/open_store.hpp"
#include "objects/s3_store.hpp"
#include "support/aws_stand_ins.hpp"

namespace dynamirror::objects {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

class S3Service : public ::testing::Test {
 protected:
  void SetUp() override {
    if (endpoint_.empty()) GTEST_SKIP() << "DYNAMIRROR_S3_ENDPOINT names no server";
    for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}) {
      environment_.variables[name] = variable(name);
    }
    if (!variable("DYNAMIRROR_S3_ROLE").empty()) environment_.variables["AWS_ENDPOINT_URL_STS"] = endpoint_;
    transport_ = std::move(http::BeastTransport::make(loop_.get_executor(), {}).value());
    bucket_ = "test-" + std::to_string(random_seed());
    send("PUT", "/" + bucket_, "");
    send("PUT", "/" + bucket_ + "?versioning=",
         "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/"
         "2006-03-01/\"><Status>Enabled</Status></VersioningConfiguration>");
    store_ = open({});
  }

  template <class T>
  T run(async::Task<T> task) {
    std::optional<T> result;
    boost::asio::co_spawn(loop_, std::move(task), [&](std::exception_ptr thrown, T value) {
      if (thrown) std::rethrow_exception(thrown);
      result.emplace(std::move(value));
      loop_.stop();  // idle connections would keep it running
    });
    loop_.restart();
    loop_.run();
    return std::move(*result);
  }

  /// What the store has no call for.
  http::Response send(std::string method, std::string target, std::string body) {
    http::Request request{
        .endpoint = http::parse_url(endpoint_)->endpoint, .method = std::move(method), .target = std::move(target)};
    request.body = std::move(body);
    support::StandInCredentials credentials;
    credentials.current.access_key_id = variable("AWS_ACCESS_KEY_ID");
    credentials.current.secret_access_key = Secret(variable("AWS_SECRET_ACCESS_KEY"));
    aws::SignedCaller::Options options{.region = Region("us-east-1"), .service = "s3"};
    aws::SignedCaller caller(options, *transport_, credentials, system_clock(), random_);
    const auto accept = [](http::Response& response) -> Status {
      if (response.status / 100 == 2) return {};
      return failure(ErrorClass::kFatal, "set up", "", response.body);
    };
    const aws::SignedCaller::Call call{.operation = "SetUp", .resource = "", .request = request, .accept = accept};
    auto response = run(caller.call(call));
    EXPECT_TRUE(response) << to_line(response.error());
    return response.value_or(http::Response{});
  }

  std::unique_ptr<ObjectStore> open(StoreOptions options, const std::string& prefix = "a prefix/") {
    options.endpoint = endpoint_;
    auto store = open_object_store(S3Address{.bucket = bucket_, .prefix = prefix}, std::move(options),
                                   {*transport_, environment_, system_clock(), random_});
    EXPECT_TRUE(store) << to_line(store.error());
    return std::move(*store);
  }

  void put(const std::string& key, const std::string& body) {
    const Status status = run(store_->put(key, body, {}));
    ASSERT_TRUE(status) << to_line(status.error());
  }

  std::string uploads_left() { return send("GET", "/" + bucket_ + "?uploads=", "").body; }

  const std::string endpoint_ = variable("DYNAMIRROR_S3_ENDPOINT");
  boost::asio::io_context loop_{1};
  Random random_{random_seed()};
  support::MapEnvironment environment_;
  std::unique_ptr<http::BeastTransport> transport_;
  std::string bucket_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(S3Service, KeepsObjectsUnderEveryKey) {
  for (const std::string& key : std::vector<std::string>{"plain", "a/b/c", "a b", "a+b%20&=?#c", "ümlaut/日本", "~-._",
                                                         "a//b", "quote\"<>&'", "line\nbreak\x01", "dot/./../x"}) {
    put(key, "body of " + key);
    EXPECT_EQ(run(store_->get(key, {})).value_or("nothing"), "body of " + key);
    const auto info = run(store_->head(key));
    ASSERT_TRUE(info) << to_line(info.error());
    EXPECT_EQ(info->size_bytes, 8 + key.size());
    const auto page = run(store_->list(key, ""));
    ASSERT_TRUE(page) << to_line(page.error());
    ASSERT_FALSE(page->objects.empty()) << key;
    EXPECT_EQ(page->objects[0].key, key);
    EXPECT_TRUE(run(store_->remove(key)));
    EXPECT_EQ(run(store_->get(key, {})).error().error_class, ErrorClass::kNotFound);
  }
}

TEST_F(S3Service, GivesRangesAndSizes) {
  put("digits", "0123456789");
  put("empty", "");
  const GetOptions middle{.first_byte = 2, .last_byte = 4};
  const GetOptions end{.first_byte = 8, .last_byte = 100};
  const GetOptions behind{.first_byte = 10};
  EXPECT_EQ(run(store_->get("digits", middle)), "234");
  EXPECT_EQ(run(store_->get("digits", end)), "89");
  EXPECT_EQ(run(store_->get("digits", behind)).error().error_class, ErrorClass::kInvalid);
  EXPECT_EQ(run(store_->get("empty", {})), "");
  EXPECT_EQ(run(store_->head("empty"))->size_bytes, 0u);
  EXPECT_EQ(run(store_->head("absent")).error().error_class, ErrorClass::kNotFound);
  EXPECT_TRUE(run(store_->remove("absent")));
}

TEST_F(S3Service, ListsPageAfterPageInOrder) {
  for (int i = 0; i < 1'005; ++i) put("many/" + std::to_string(10'000 + i), "x");
  put("other", "x");
  const auto first = run(store_->list("many/", ""));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->objects.size(), 1'000u);
  const auto second = run(store_->list("many/", first->next));
  ASSERT_TRUE(second);
  ASSERT_EQ(second->objects.size(), 5u);
  EXPECT_EQ(second->objects[0].key, "many/11000");
  EXPECT_EQ(second->next, "");

  const auto versions = run(store_->list_versions("many/", ""));
  ASSERT_TRUE(versions);
  EXPECT_EQ(versions->versions.size(), 1'000u);
  const auto rest = run(store_->list_versions("many/", versions->next));
  ASSERT_TRUE(rest);
  ASSERT_EQ(rest->versions.size(), 5u);
  EXPECT_EQ(rest->versions[0].key, "many/11000");
  EXPECT_EQ(rest->next, "");
}

TEST_F(S3Service, ListsVersionsAndGivesEach) {
  put("item", "one");
  put("item", "second");
  ASSERT_TRUE(run(store_->remove("item")));
  put("item+", "other key");
  const auto page = run(store_->list_versions("item", ""));
  ASSERT_TRUE(page) << to_line(page.error());
  ASSERT_EQ(page->versions.size(), 4u);
  const auto& [deleted, second, first, other] =
      std::tie(page->versions[0], page->versions[1], page->versions[2], page->versions[3]);
  EXPECT_TRUE(deleted.is_delete_marker);
  EXPECT_TRUE(deleted.is_latest);
  EXPECT_FALSE(second.is_latest);
  EXPECT_EQ(second.size_bytes, 6u);
  EXPECT_GE(deleted.modified, second.modified);
  EXPECT_GE(second.modified, first.modified);
  EXPECT_EQ(other.key, "item+");
  const GetOptions of_first{.version_id = first.version_id};
  const GetOptions of_second{.version_id = second.version_id};
  EXPECT_EQ(run(store_->get("item", of_first)), "one");
  EXPECT_EQ(run(store_->get("item", of_second)), "second");
}

async::Task<Result<std::unique_ptr<Upload>>> upload_pieces(ObjectStore& store, std::string key, std::size_t pieces) {
  const PutOptions options;
  auto upload = co_await store.start_upload(key, options);
  for (std::size_t i = 0; upload && i < pieces; ++i) {
    const Status written = co_await (*upload)->write(std::string(1'000'003, static_cast<char>('a' + i % 26)));
    if (!written) co_return std::unexpected(written.error());
  }
  co_return upload;
}

async::Task<Status> upload_whole(ObjectStore& store, std::string key, std::size_t pieces) {
  auto upload = co_await upload_pieces(store, key, pieces);
  if (!upload) co_return std::unexpected(upload.error());
  co_return co_await (*upload)->finish();
}

async::Task<Status> upload_and_abort(ObjectStore& store, std::string key, std::size_t pieces) {
  auto upload = co_await upload_pieces(store, key, pieces);
  if (!upload) co_return std::unexpected(upload.error());
  co_return co_await (*upload)->abort();
}

TEST_F(S3Service, UploadsFiftyMegabytesInParts) {
  const std::uint64_t before = store_->requests();
  const SteadyTime begun = system_clock().steady_now();
  const Status done = run(upload_whole(*store_, "big", 50));
  ASSERT_TRUE(done) << to_line(done.error());
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().steady_now() - begun);
  EXPECT_EQ(store_->requests() - before, 1u + 6u + 1u);
  EXPECT_EQ(run(store_->head("big"))->size_bytes, 50'000'150u);
  const GetOptions seam{.first_byte = 8'388'600, .last_byte = 8'388'615};
  EXPECT_EQ(run(store_->get("big", seam)), "iiiiiiiiiiiiiiii");
  const auto whole = run(store_->get("big", {}));
  ASSERT_TRUE(whole) << to_line(whole.error());
  for (std::size_t i = 0; i < whole->size(); i += 999'983) {
    ASSERT_EQ((*whole)[i], static_cast<char>('a' + i / 1'000'003 % 26)) << i;
  }
  EXPECT_THAT(uploads_left(), ::testing::Not(HasSubstr("<UploadId>")));
  std::cout << "50 MB in parts: " << took.count() << " ms\n";
}

TEST_F(S3Service, UploadsWhatIsSmallInOneRequest) {
  const std::uint64_t before = store_->requests();
  EXPECT_TRUE(run(upload_whole(*store_, "small", 3)));
  EXPECT_TRUE(run(upload_whole(*store_, "nothing", 0)));
  EXPECT_EQ(store_->requests() - before, 2u);
  EXPECT_EQ(run(store_->head("small"))->size_bytes, 3'000'009u);
  EXPECT_EQ(run(store_->head("nothing"))->size_bytes, 0u);
}

TEST_F(S3Service, LeavesNothingOfAnAbortedUpload) {
  EXPECT_TRUE(run(upload_and_abort(*store_, "aborted", 30)));
  EXPECT_EQ(run(store_->head("aborted")).error().error_class, ErrorClass::kNotFound);
  EXPECT_THAT(uploads_left(), ::testing::Not(HasSubstr("<UploadId>")));
}

TEST_F(S3Service, TakesOnARoleForItsCredentials) {
  const std::string role = variable("DYNAMIRROR_S3_ROLE");
  if (role.empty()) GTEST_SKIP() << "DYNAMIRROR_S3_ROLE names no role";
  StoreOptions options;
  options.side.role_arn = role;
  const auto store = open(options);
  const Status status = run(store->put("by role", "x", {}));
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_EQ(run(store_->get("by role", {})), "x");
  EXPECT_TRUE(run(upload_whole(*store, "big by role", 12)));
}

TEST_F(S3Service, SaysWhatIsRefused) {
  environment_.variables["AWS_SECRET_ACCESS_KEY"] = "wrong";
  const auto wrong_secret = open({});
  const auto put = run(wrong_secret->put("a", "x", {}));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().error_class, ErrorClass::kDenied);
  // Ceph calls everything it does not know AccessDenied.
  const auto refused = AnyOf("SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied");
  EXPECT_THAT(put.error().code, refused);
  EXPECT_NE(put.error().request_id, "");
  const auto head = run(wrong_secret->head("a"));
  ASSERT_FALSE(head);
  EXPECT_THAT(head.error().code, refused) << "a GET has told what HEAD could not";

  environment_.variables["AWS_ACCESS_KEY_ID"] = "AKIAUNKNOWN";
  const auto unknown = run(open({})->get("a", {}));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().error_class, ErrorClass::kDenied);
  EXPECT_THAT(unknown.error().code, refused);
}

TEST_F(S3Service, SaysThatTheBucketIsNotThere) {
  bucket_ += "-absent";
  const auto store = open({});
  const auto listed = run(store->list("", ""));
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().error_class, ErrorClass::kNotFound);
  EXPECT_EQ(listed.error().code, "NoSuchBucket");
  EXPECT_EQ(run(store->put("a", "x", {})).error().code, "NoSuchBucket");
  EXPECT_EQ(run(store->remove("a")).error().code, "NoSuchBucket");
  EXPECT_EQ(run(upload_whole(*store, "a", 12)).error().code, "NoSuchBucket");
}

}  // namespace
}  // namespace dynamirror::objects
