// SPDX-License-Identifier: Apache-2.0
//
// Goal: a listing that a server makes endless or senseless ends with a line that says so.
// Method: DescribeStream answers by a script, below the real clients.
#include "source/shard_lister.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/errors.hpp"
#include "source/table_stream.hpp"
#include "support/aws_stand_ins.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::source {
namespace {

using ::testing::HasSubstr;

class ShardListerTest : public ::testing::Test {
 protected:
  /// `shards`: ids with their parents; `last`: of LastEvaluatedShardId, empty for the last page.
  void answer(const std::vector<std::pair<std::string, std::string>>& shards, const std::string& last) {
    std::string body = R"({"StreamDescription":{"StreamStatus":"ENABLED","Shards":[)";
    for (const auto& [id, parent] : shards) {
      if (!body.ends_with('[')) body += ',';
      body += R"({"ShardId":")" + id + "\"";
      if (!parent.empty()) body += R"(,"ParentShardId":")" + parent + "\"";
      body += "}";
    }
    body += "]";
    if (!last.empty()) body += R"(,"LastEvaluatedShardId":")" + last + "\"";
    transport_.expect("POST", "https://streams.dynamodb.eu-west-1.amazonaws.com/").answer(200, body + "}}");
  }

  [[nodiscard]] Result<ShardLister::Listing> list() { return support::run_task(lister_.list()); }

  support::ScriptedTransport transport_;
  support::StandInCredentials credentials_;
  ManualClock clock_;
  Random random_{1};
  aws::ApiClient api_{{.endpoint = {.tls = true, .host = "streams.dynamodb.eu-west-1.amazonaws.com", .port = 443},
                       .region = Region("eu-west-1"),
                       .target_prefix = "DynamoDBStreams_20120810"},
                      transport_,
                      credentials_,
                      clock_,
                      random_};
  aws::StreamsClient client_{api_};
  const TableStream stream_{client_,
                            StreamArn("arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/label"),
                            {.hash = {"id", "S"}, .range = std::nullopt}};
  ShardLister lister_{stream_, random_, {.pause_between_pages = std::chrono::milliseconds(0)}};
};

TEST_F(ShardListerTest, TakesAnyFamilyThatHasABeginning) {
  answer({{"a", "trimmed"}, {"b", "a"}, {"c", "a"}}, "c");
  answer({{"d", "b"}, {"e", "c"}, {"f", ""}}, "");
  const auto listing = list();
  ASSERT_TRUE(listing) << to_line(listing.error());
  EXPECT_TRUE(listing->complete);
  EXPECT_EQ(listing->shards.size(), 6u);
}

TEST_F(ShardListerTest, EndsWhenAPageNamesItselfAsTheNextOne) {
  answer({{"a", ""}}, "a");
  answer({{"a", ""}}, "a");
  const auto listing = list();
  ASSERT_FALSE(listing);
  EXPECT_EQ(listing.error().code, aws::kUnreadableAnswer);
  EXPECT_THAT(to_line(listing.error()), HasSubstr("eu-west-1/Orders stream label"));
}

TEST_F(ShardListerTest, NamesShardsThatAreEachOthersParents) {
  answer({{"root", ""}, {"a", "c"}, {"b", "a"}, {"c", "b"}, {"child", "c"}}, "");
  const auto listing = list();
  ASSERT_FALSE(listing);
  EXPECT_EQ(listing.error().code, aws::kUnreadableAnswer);
  EXPECT_THAT(to_line(listing.error()), HasSubstr("shards are their own ancestors: a -> c -> b -> a"));
}

TEST_F(ShardListerTest, NamesAShardThatIsItsOwnParent) {
  answer({{"a", "a"}}, "");
  const auto listing = list();
  ASSERT_FALSE(listing);
  EXPECT_THAT(listing.error().message, HasSubstr("a -> a"));
}

}  // namespace
}  // namespace dynamirror::source
