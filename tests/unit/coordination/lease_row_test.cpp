// SPDX-License-Identifier: Apache-2.0
//
// Goal: every request says exactly what KCL's protocol wants, and every row of a lease table is read or left alone.
// Method: requests compared as text, as the service gets them; rows given in wire form.
#include "coordination/lease_row.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::coordination {
namespace {

using Kind = LeaseWrite::Kind;
using Operation = LeaseRequest::Operation;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kKeyJson = R"({"leaseKey":{"S":"shard-1"}})";

LeaseWrite write(Kind kind) { return {.kind = kind, .key = "shard-1", .counter = 7}; }

std::optional<Lease> parse(std::string_view row) {
  json::Reader reader;
  return parse_lease_row(row, reader);
}

/// A whole row with more attributes, or other values for them, at its end.
std::string row_with(const std::string& more) {
  return R"({"leaseKey":{"S":"shard-1"},"leaseCounter":{"N":"7"},"ownerSwitchesSinceCheckpoint":{"N":"0"},)"
         R"("checkpoint":{"S":"TRIM_HORIZON"})" +
         more + "}";
}

TEST(LeaseRequest, CreatesARowThatNobodyOwns) {
  auto create = write(Kind::kCreate);
  create.checkpoint = "TRIM_HORIZON";
  create.parents = {"b", "a", "b"};
  const auto request = lease_request(create);
  EXPECT_EQ(request.operation, Operation::kPut);
  EXPECT_EQ(request.item_json,
            R"({"leaseKey":{"S":"shard-1"},"leaseCounter":{"N":"0"},"ownerSwitchesSinceCheckpoint":{"N":"0"},)"
            R"("checkpoint":{"S":"TRIM_HORIZON"},"checkpointSubSequenceNumber":{"N":"0"},)"
            R"("parentShardId":{"SS":["a","b"]}})");
  EXPECT_EQ(request.condition_expression, "attribute_not_exists(#leaseKey)");
  EXPECT_EQ(request.names_json, R"({"#leaseKey":"leaseKey"})");
  EXPECT_THAT(request.update_expression, IsEmpty());
  EXPECT_THAT(request.values_json, IsEmpty());
}

TEST(LeaseRequest, LeavesParentsOutWhenThereAreNone) {
  auto create = write(Kind::kCreate);
  create.checkpoint = "LATEST";
  EXPECT_EQ(lease_request(create).item_json.find("parentShardId"), std::string::npos)
      << "the service knows no empty set";
}

TEST(LeaseRequest, KeepsTheHashKeysOfAShardOfKinesisBeside) {
  auto create = write(Kind::kCreate);
  create.checkpoint = "TRIM_HORIZON";
  create.hash_keys = model::HashKeyRange{"0", "340282366920938463463374607431768211455"};
  const auto request = lease_request(create);
  EXPECT_THAT(request.item_json,
              ::testing::EndsWith(R"("startingHashKey":{"S":"0"},)"
                                  R"("endingHashKey":{"S":"340282366920938463463374607431768211455"}})"));
  const auto row = parse(request.item_json);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->hash_keys, create.hash_keys);
  EXPECT_FALSE(parse(row_with(""))->hash_keys) << "rows of old versions of KCL have none";
  for (const Kind kind : {Kind::kRenew, Kind::kTake, Kind::kRelease, Kind::kSetChildren}) {
    auto later = write(kind);
    later.owner = "me";
    later.hash_keys = create.hash_keys;
    EXPECT_EQ(lease_request(later).update_expression.find("HashKey"), std::string::npos) << "they never change";
  }
}

TEST(LeaseRequest, RenewsOnlyWhatNobodyElseIsToGet) {
  const auto request = lease_request(write(Kind::kRenew));
  EXPECT_EQ(request.operation, Operation::kUpdate);
  EXPECT_EQ(request.item_json, kKeyJson);
  EXPECT_EQ(request.update_expression, "SET #leaseCounter = :next");
  EXPECT_EQ(request.condition_expression, "#leaseCounter = :counter AND attribute_not_exists(#checkpointOwner)");
  EXPECT_EQ(request.names_json, R"({"#checkpointOwner":"checkpointOwner","#leaseCounter":"leaseCounter"})");
  EXPECT_EQ(request.values_json, R"({":counter":{"N":"7"},":next":{"N":"8"}})");
}

TEST(LeaseRequest, RenewsOnTheCounterAloneWhileItHandsOver) {
  auto renew = write(Kind::kRenew);
  renew.handing_over = true;
  EXPECT_EQ(lease_request(renew).condition_expression, "#leaseCounter = :counter");
}

TEST(LeaseRequest, EndsAPendingCheckpointWithACheckpoint) {
  auto renew = write(Kind::kRenew);
  renew.checkpoint = "111";
  const auto request = lease_request(renew);
  EXPECT_EQ(request.update_expression,
            "SET #leaseCounter = :next, #checkpoint = :checkpoint, #checkpointSubSequenceNumber = :zero, "
            "#ownerSwitchesSinceCheckpoint = :zero "
            "REMOVE #pendingCheckpoint, #pendingCheckpointSubSequenceNumber, #pendingCheckpointState");
  EXPECT_EQ(request.values_json,
            R"({":checkpoint":{"S":"111"},":counter":{"N":"7"},":next":{"N":"8"},":zero":{"N":"0"}})");
}

TEST(LeaseRequest, WritesThePlaceWithinAnAggregatedRecordAsKclDoes) {
  auto renew = write(Kind::kRenew);
  renew.checkpoint = "111:7";
  const auto request = lease_request(renew);
  EXPECT_THAT(request.update_expression, ::testing::HasSubstr("#checkpointSubSequenceNumber = :sub, "));
  EXPECT_EQ(request.values_json, R"({":checkpoint":{"S":"111"},":counter":{"N":"7"},":next":{"N":"8"},)"
                                 R"(":sub":{"N":"7"},":zero":{"N":"0"}})");
  auto create = write(Kind::kCreate);
  create.checkpoint = "AT_TIMESTAMP:1646853580213456";
  EXPECT_THAT(lease_request(create).item_json,
              ::testing::HasSubstr(R"("checkpoint":{"S":"AT_TIMESTAMP"},"checkpointSubSequenceNumber":{"N":"0"})"));
  create.checkpoint = R"({"id":{"N":"1"}})";
  EXPECT_THAT(lease_request(create).item_json, ::testing::HasSubstr(R"({"S":"{\"id\":{\"N\":\"1\"}}"})"))
      << "of a segment";
}

TEST(LeaseRequest, TakesFromAnother) {
  auto take = write(Kind::kTake);
  take.owner = "me";
  take.from = "you";
  const auto request = lease_request(take);
  EXPECT_EQ(request.update_expression,
            "SET #leaseCounter = :next, #leaseOwner = :owner REMOVE #checkpointOwner "
            "ADD #ownerSwitchesSinceCheckpoint :one");
  EXPECT_EQ(request.condition_expression, "#leaseCounter = :counter") << "the counter is the only fence";
  EXPECT_EQ(request.values_json, R"({":counter":{"N":"7"},":next":{"N":"8"},":one":{"N":"1"},":owner":{"S":"me"}})");
}

TEST(LeaseRequest, CountsNoSwitchWhereThereIsNone) {
  auto take = write(Kind::kTake);
  take.owner = "me";
  for (const char* from : {"", "me"}) {
    take.from = from;
    EXPECT_EQ(lease_request(take).update_expression,
              "SET #leaseCounter = :next, #leaseOwner = :owner REMOVE #checkpointOwner");
  }
}

TEST(LeaseRequest, ReleasesToNobody) {
  auto release = write(Kind::kRelease);
  release.from = "me";
  const auto request = lease_request(release);
  EXPECT_EQ(request.update_expression, "SET #leaseCounter = :next REMOVE #leaseOwner, #checkpointOwner");
  EXPECT_EQ(request.condition_expression, "#leaseCounter = :counter AND #leaseOwner = :from");
}

TEST(LeaseRequest, ReleasesToAnotherWithAllThatIsDone) {
  auto release = write(Kind::kRelease);
  release.from = "me";
  release.owner = "you";
  release.checkpoint = "SHARD_END";
  release.children = {"d", "c"};
  const auto request = lease_request(release);
  EXPECT_EQ(
      request.update_expression,
      "SET #leaseCounter = :next, #leaseOwner = :owner, #childShardIds = :children, #checkpoint = :checkpoint, "
      "#checkpointSubSequenceNumber = :zero, #ownerSwitchesSinceCheckpoint = :one "
      "REMOVE #checkpointOwner, #pendingCheckpoint, #pendingCheckpointSubSequenceNumber, #pendingCheckpointState");
  EXPECT_EQ(request.values_json,
            R"({":checkpoint":{"S":"SHARD_END"},":children":{"SS":["c","d"]},":counter":{"N":"7"},":from":{"S":"me"},)"
            R"(":next":{"N":"8"},":one":{"N":"1"},":owner":{"S":"you"},":zero":{"N":"0"}})");
}

TEST(LeaseRequest, ReleasesWhatNobodyOwned) {
  EXPECT_EQ(lease_request(write(Kind::kRelease)).condition_expression,
            "#leaseCounter = :counter AND attribute_not_exists(#leaseOwner)");
}

TEST(LeaseRequest, StartsAHandOverWithoutMovingTheCounter) {
  auto start = write(Kind::kStartHandOver);
  start.owner = "you";
  start.from = "me";
  const auto request = lease_request(start);
  EXPECT_EQ(request.update_expression, "SET #leaseOwner = :owner, #checkpointOwner = :from");
  EXPECT_EQ(request.condition_expression,
            "#leaseOwner = :from AND attribute_not_exists(#checkpointOwner) AND #checkpoint <> :done");
  EXPECT_EQ(request.values_json, R"({":done":{"S":"SHARD_END"},":from":{"S":"me"},":owner":{"S":"you"}})");
}

TEST(LeaseRequest, SetsChildrenWithoutMovingTheCounter) {
  auto set = write(Kind::kSetChildren);
  set.children = {"c", "d"};
  const auto request = lease_request(set);
  EXPECT_EQ(request.update_expression, "SET #childShardIds = :children");
  EXPECT_EQ(request.condition_expression, "attribute_exists(#leaseKey)");
  set.children.clear();
  EXPECT_EQ(lease_request(set).update_expression, "REMOVE #childShardIds");
}

TEST(LeaseRequest, DeletesOnlyWhatIsDone) {
  const auto request = lease_request(write(Kind::kDelete));
  EXPECT_EQ(request.operation, Operation::kDelete);
  EXPECT_EQ(request.item_json, kKeyJson);
  EXPECT_EQ(request.condition_expression, "#leaseCounter = :counter AND #checkpoint = :done");
  EXPECT_EQ(request.values_json, R"({":counter":{"N":"7"},":done":{"S":"SHARD_END"}})");
}

TEST(LeaseRequest, RemovesWhatIsAsItWasRead) {
  auto remove = write(Kind::kRemove);
  EXPECT_EQ(lease_request(remove).operation, Operation::kDelete);
  EXPECT_EQ(lease_request(remove).condition_expression,
            "#leaseCounter = :counter AND attribute_not_exists(#leaseOwner)");
  remove.from = "me";
  EXPECT_EQ(lease_request(remove).condition_expression, "#leaseCounter = :counter AND #leaseOwner = :from");
  EXPECT_EQ(lease_request(remove).values_json, R"({":counter":{"N":"7"},":from":{"S":"me"}})");
}

TEST(LeaseRequest, QuotesWhatItIsGiven) {
  auto take = write(Kind::kTake);
  take.key = "a\"b";
  take.owner = "c\\d";
  const auto request = lease_request(take);
  EXPECT_EQ(request.item_json, R"({"leaseKey":{"S":"a\"b"}})");
  EXPECT_THAT(request.values_json, ::testing::HasSubstr(R"({"S":"c\\d"})"));
}

TEST(LeaseRow, ReadsAllThatALeaseHolds) {
  const auto lease = parse(
      R"({"checkpointOwner":{"S":"x"},"childShardIds":{"SS":["d","c"]},"parentShardId":{"SS":["b","a"]},)"
      R"("checkpointSubSequenceNumber":{"N":"0"},"checkpoint":{"S":"1"},"ownerSwitchesSinceCheckpoint":{"N":"2"},)"
      R"("leaseCounter":{"N":"9223372036854775807"},"leaseOwner":{"S":"w"},"leaseKey":{"S":"shard-1"},)"
      R"("entityType":{"S":"LEASE"}})");
  ASSERT_TRUE(lease);
  const Lease expected{.key = "shard-1",
                       .owner = "w",
                       .counter = 9223372036854775807u,
                       .owner_switches = 2,
                       .checkpoint = "1",
                       .parents = {"a", "b"},
                       .children = {"c", "d"},
                       .checkpoint_owner = "x"};
  EXPECT_EQ(*lease, expected);
}

TEST(LeaseRow, ReadsThePlaceWithinAnAggregatedRecord) {
  const auto with = [](const std::string& checkpoint, const std::string& sub) {
    return parse(R"({"leaseKey":{"S":"k"},"leaseCounter":{"N":"1"},"ownerSwitchesSinceCheckpoint":{"N":"0"},)"
                 R"("checkpointSubSequenceNumber":{"N":")" +
                 sub + R"("},"checkpoint":{"S":")" + checkpoint + R"("}})");
  };
  EXPECT_EQ(with("111", "7")->checkpoint, "111:7");
  EXPECT_EQ(with("111", "0")->checkpoint, "111");
  EXPECT_EQ(with("SHARD_END", "7")->checkpoint, "SHARD_END");
}

TEST(LeaseRow, LeavesAloneWhatLacksAMandatoryAttribute) {
  EXPECT_TRUE(parse(row_with("")));
  for (const std::string name : {"leaseKey", "leaseCounter", "ownerSwitchesSinceCheckpoint", "checkpoint"}) {
    std::string row = row_with("");
    row.replace(row.find('"' + name + '"'), name.size() + 2, "\"x" + name + '"');
    EXPECT_FALSE(parse(row)) << row;
  }
}

TEST(LeaseRow, LeavesAloneWhatHasAnotherType) {
  for (const char* more :
       {R"(,"leaseOwner":{"N":"1"})", R"(,"leaseOwner":{"NULL":true})", R"(,"parentShardId":{"S":"a"})",
        R"(,"parentShardId":{"L":[{"S":"a"}]})", R"(,"childShardIds":{"NS":["1"]})",
        R"(,"checkpointOwner":{"BOOL":true})", R"(,"checkpointSubSequenceNumber":{"S":"0"})",
        R"(,"leaseCounter":{"S":"7"})", R"(,"leaseCounter":{"N":"-1"})", R"(,"leaseCounter":{"N":"1.5"})",
        R"(,"leaseCounter":{"N":"9223372036854775808"})", R"(,"leaseCounter":{})", R"(,"checkpoint":{"N":"1"})",
        R"(,"checkpoint":"1")", R"(,"entityType":{"N":"1"})", R"(,"entityType":{"S":"STREAM"})"}) {
    EXPECT_FALSE(parse(row_with(more))) << more;
  }
}

TEST(LeaseRow, LeavesAloneWhatIsNoItem) {
  for (const char* row : {"", "[]", "null", "{", R"({"leaseKey")"}) EXPECT_FALSE(parse(row)) << row;
}

}  // namespace
}  // namespace dynamirror::coordination
