// SPDX-License-Identifier: Apache-2.0
//
// Goal: each call sends exactly the bytes the service expects, and every kind of answer ends as the header promises.
// Method: a scripted transport below the real ApiClient.
#include "aws/dynamodb/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/dynamodb/query.hpp"
#include "aws/errors.hpp"
#include "support/aws_stand_ins.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::aws {
namespace {

using support::run_task;
using ::testing::HasSubstr;

constexpr const char* kUrl = "https://dynamodb.eu-west-1.amazonaws.com/";
constexpr const char* kThrottle =
    R"({"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"})";
constexpr const char* kNotFound =
    R"({"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Table: Orders not found"})";
constexpr const char* kInUse =
    R"({"__type":"com.amazonaws.dynamodb.v20120810#ResourceInUseException","message":"Table already exists: Orders"})";
constexpr const char* kConditionFailed =
    R"({"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no"})";

std::string table(std::string_view status, std::string_view index_status = {}) {
  std::string text = R"({"TableName":"Orders","TableStatus":")" + std::string(status) +
                     R"(","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],)"
                     R"("AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}])";
  if (!index_status.empty()) {
    text += R"(,"GlobalSecondaryIndexes":[{"IndexName":"g","IndexStatus":")" + std::string(index_status) + "\"}]";
  }
  return text + "}";
}

class DynamoDbClientTest : public ::testing::Test {
 protected:
  static ApiClient::Options options() {
    ApiClient::Options options{.endpoint = {.tls = true, .host = "dynamodb.eu-west-1.amazonaws.com", .port = 443},
                               .region = Region("eu-west-1")};
    options.retry.max_attempts = 2;
    options.retry.backoff = {.base = std::chrono::milliseconds(1), .cap = std::chrono::milliseconds(1)};
    return options;
  }

  /// Expects one call; its body is compared byte for byte.
  support::ScriptedTransport::Exchange& expect(const std::string& operation, const std::string& body) {
    return transport_.expect("POST", kUrl)
        .with_header("x-amz-target", "DynamoDB_20120810." + operation)
        .with_body(body);
  }

  const TableName orders_{"Orders"};
  const model::KeySchema key_{{"id", "S"}, {}};
  support::ScriptedTransport transport_;
  support::StandInCredentials credentials_;
  ManualClock clock_;
  Random random_{1};
  ApiClient api_{options(), transport_, credentials_, clock_, random_};
  DynamoDbClient client_{api_, clock_};
};

TEST_F(DynamoDbClientTest, QueriesTheItemsOfOneHashValuePageByPage) {
  const std::string begin =
      R"({"TableName":"Orders","KeyConditionExpression":"#h = :h","ExpressionAttributeNames":{"#h":"id"},)"
      R"("ExpressionAttributeValues":{":h":{"S":"a"}},)";
  const std::string end = R"("ConsistentRead":true,"ReturnConsumedCapacity":"TOTAL"})";
  expect("Query", begin + end)
      .answer(200, R"({"Items":[{"id":{"S":"a"},"n":{"N":"1"}}],"LastEvaluatedKey":{"id":{"S":"a"},"n":{"N":"1"}}})");
  QueryOptions options{.hash_name = "id", .hash_value_json = R"({"S":"a"})"};
  const auto first = run_task(query(client_, orders_, options));
  ASSERT_TRUE(first) << to_line(first.error());
  ASSERT_EQ(first->size(), 1u);
  EXPECT_EQ(first->item(0), R"({"id":{"S":"a"},"n":{"N":"1"}})");
  options.start_key_json = first->last_key_json();
  expect("Query", begin + R"("ExclusiveStartKey":{"id":{"S":"a"},"n":{"N":"1"}},)" + end)
      .answer(200, R"({"Items":[]})");
  const auto last = run_task(query(client_, orders_, options));
  ASSERT_TRUE(last) << to_line(last.error());
  EXPECT_EQ(last->size(), 0u);
  EXPECT_TRUE(last->last_key_json().empty());
  expect("Query", begin + R"("ExclusiveStartKey":{"id":{"S":"a"},"n":{"N":"1"}},)" + end).answer(200, "{}");
  const auto unreadable = run_task(query(client_, orders_, options));
  ASSERT_FALSE(unreadable);
  EXPECT_EQ(unreadable.error().code, kUnreadableAnswer);
}

TEST_F(DynamoDbClientTest, DescribesATable) {
  expect("DescribeTable", R"({"TableName":"Orders"})").answer(200, "{\"Table\":" + table("ACTIVE") + "}");
  const auto described = run_task(client_.describe_table(orders_));
  ASSERT_TRUE(described) << to_line(described.error());
  EXPECT_TRUE(described->active());
  EXPECT_EQ(described->raw, table("ACTIVE"));
}

TEST_F(DynamoDbClientTest, SaysWhichTableIsMissing) {
  expect("DescribeTable", R"({"TableName":"Orders"})").answer(400, kNotFound);
  const auto described = run_task(client_.describe_table(orders_));
  ASSERT_FALSE(described);
  EXPECT_EQ(described.error().error_class, ErrorClass::kNotFound);
  EXPECT_EQ(described.error().resource, "eu-west-1/Orders");
}

TEST_F(DynamoDbClientTest, CallsAnAnswerItDoesNotUnderstandFatal) {
  for (const char* body : {"{}", R"({"Table":null})", R"({"Table":{}})", "{\"Table\":{\"TableName\":\"\xff\"}}", ""}) {
    expect("DescribeTable", R"({"TableName":"Orders"})").answer(200, body, {{"x-amzn-requestid", "R1"}});
    const auto described = run_task(client_.describe_table(orders_));
    ASSERT_FALSE(described) << body;
    EXPECT_EQ(described.error().error_class, ErrorClass::kFatal);
    EXPECT_EQ(described.error().code, kUnreadableAnswer) << "no bug of ours";
    EXPECT_EQ(described.error().doing, "read the answer of DescribeTable");
    EXPECT_EQ(described.error().resource, "eu-west-1/Orders");
    EXPECT_EQ(described.error().request_id, "R1");
  }
}

TEST_F(DynamoDbClientTest, CreatesATableAndWaitsForIt) {
  CreateTableSpec spec;
  spec.name = orders_;
  spec.key = key_;
  spec.attributes = {{"id", "S"}};
  const WaitOptions wait{.timeout = std::chrono::seconds(60), .pause = std::chrono::milliseconds(1)};
  const std::string body =
      R"({"TableName":"Orders","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],)"
      R"("KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"})";
  expect("CreateTable", body).answer(200, "{\"TableDescription\":" + table("CREATING") + "}");
  expect("DescribeTable", R"({"TableName":"Orders"})").answer(200, "{\"Table\":" + table("ACTIVE") + "}");
  EXPECT_EQ(run_task(client_.ensure_table(spec, wait))->status, "ACTIVE");

  expect("CreateTable", body).fail("Closed");  // the table may have been made all the same
  expect("CreateTable", body).answer(400, kInUse);
  expect("DescribeTable", R"({"TableName":"Orders"})").answer(200, "{\"Table\":" + table("CREATING") + "}");
  expect("DescribeTable", R"({"TableName":"Orders"})").answer(200, "{\"Table\":" + table("ACTIVE") + "}");
  EXPECT_EQ(run_task(client_.ensure_table(spec, wait))->status, "ACTIVE");
}

TEST_F(DynamoDbClientTest, EnablesAStream) {
  expect("UpdateTable",
         R"({"TableName":"Orders","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}})")
      .answer(200, "{\"TableDescription\":" + table("UPDATING") + "}");
  EXPECT_EQ(run_task(client_.enable_stream(orders_, "NEW_AND_OLD_IMAGES"))->status, "UPDATING");
}

TEST_F(DynamoDbClientTest, WaitsForATableThatIsBeingMadeEvenBeforeTheServiceKnowsIt) {
  const WaitOptions wait{.timeout = std::chrono::seconds(60), .pause = std::chrono::milliseconds(1)};
  expect("DescribeTable", R"({"TableName":"Orders"})").answer(400, kNotFound);
  expect("DescribeTable", R"({"TableName":"Orders"})").answer(200, "{\"Table\":" + table("CREATING") + "}");
  expect("DescribeTable", R"({"TableName":"Orders"})").answer(200, "{\"Table\":" + table("ACTIVE", "CREATING") + "}");
  EXPECT_TRUE(run_task(client_.wait_until_usable(orders_, wait))) << "indexes are built while the table is used";
}

TEST_F(DynamoDbClientTest, UsesATableThatIsBeingChanged) {
  const WaitOptions wait{.timeout = std::chrono::seconds(60), .pause = std::chrono::milliseconds(1)};
  expect("DescribeTable", R"({"TableName":"Orders"})").answer(200, "{\"Table\":" + table("UPDATING") + "}");
  EXPECT_EQ(run_task(client_.wait_until_usable(orders_, wait))->status, "UPDATING");
  expect("DescribeTable", R"({"TableName":"Orders"})").answer(200, "{\"Table\":" + table("UPDATING") + "}");
  expect("DescribeTable", R"({"TableName":"Orders"})").answer(200, "{\"Table\":" + table("ACTIVE") + "}");
  EXPECT_EQ(run_task(client_.wait_until_active(orders_, wait))->status, "ACTIVE");
}

TEST_F(DynamoDbClientTest, WaitsNoLongerThanItIsTold) {
  const WaitOptions wait{.timeout = std::chrono::milliseconds(0), .pause = std::chrono::milliseconds(1)};
  expect("DescribeTable", R"({"TableName":"Orders"})").answer(200, "{\"Table\":" + table("CREATING") + "}");
  const auto waited = run_task(client_.wait_until_active(orders_, wait));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, "Timeout");
  EXPECT_THAT(to_line(waited.error()), HasSubstr("still CREATING"));
}

TEST_F(DynamoDbClientTest, DoesNotWaitForATableThatIsGoingAway) {
  const WaitOptions wait;
  expect("DescribeTable", R"({"TableName":"Orders"})").answer(200, "{\"Table\":" + table("DELETING") + "}");
  const auto waited = run_task(client_.wait_until_active(orders_, wait));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().error_class, ErrorClass::kFatal);
  EXPECT_EQ(to_line(waited.error()), "wait for table eu-west-1/Orders: the table is DELETING");
}

TEST_F(DynamoDbClientTest, WritesABatchAndReportsWhatCameBack) {
  const model::Change put(R"({"id":{"S":"a"}})", R"({"id":{"S":"a"},"n":{"N":"1"}})", {}, {});
  const model::Change removal(R"({"id":{"S":"b"}})", {}, {}, {});
  const std::vector<const model::Change*> changes{&put, &removal};
  expect("BatchWriteItem", R"({"RequestItems":{"Orders":[{"PutRequest":{"Item":{"id":{"S":"a"},"n":{"N":"1"}}}},)"
                           R"({"DeleteRequest":{"Key":{"id":{"S":"b"}}}}]},"ReturnConsumedCapacity":"TOTAL"})")
      .answer(200, R"({"UnprocessedItems":{"Orders":[{"DeleteRequest":{"Key":{"id":{"S":"b"}}}}]},)"
                   R"("ConsumedCapacity":[{"TableName":"Orders","CapacityUnits":2.0}]})");
  const auto answer = run_task(client_.batch_write(orders_, key_, changes));
  ASSERT_TRUE(answer) << to_line(answer.error());
  EXPECT_EQ(answer->unprocessed, std::vector<std::size_t>{1});
  EXPECT_EQ(answer->consumed_units, 2.0);
}

TEST_F(DynamoDbClientTest, ReturnsThrottledWritesAtOnce) {
  const model::Change removal(R"({"id":{"S":"b"}})", {}, {}, {});
  const std::vector<const model::Change*> changes{&removal};
  transport_.expect("POST", kUrl).answer(400, kThrottle);
  EXPECT_EQ(run_task(client_.batch_write(orders_, key_, changes)).error().error_class, ErrorClass::kThrottled);
  transport_.expect("POST", kUrl).answer(400, kThrottle);
  EXPECT_EQ(run_task(client_.write(orders_, removal)).error().error_class, ErrorClass::kThrottled);
  EXPECT_EQ(transport_.requests().size(), 2u);
}

TEST_F(DynamoDbClientTest, WritesSingleChangesUnconditionally) {
  const model::Change put(R"({"id":{"S":"a"}})", R"({"id":{"S":"a"},"n":{"N":"1"}})", {}, {});
  const model::Change removal(R"({"id":{"S":"b"}})", {}, {}, {});
  expect("PutItem", R"({"TableName":"Orders","Item":{"id":{"S":"a"},"n":{"N":"1"}},"ReturnConsumedCapacity":"TOTAL"})")
      .answer(200, R"({"ConsumedCapacity":{"TableName":"Orders","CapacityUnits":1.0}})");
  EXPECT_EQ(run_task(client_.write(orders_, put))->consumed_units, 1.0);
  expect("DeleteItem", R"({"TableName":"Orders","Key":{"id":{"S":"b"}},"ReturnConsumedCapacity":"TOTAL"})")
      .fail("Closed");
  expect("DeleteItem", R"({"TableName":"Orders","Key":{"id":{"S":"b"}},"ReturnConsumedCapacity":"TOTAL"})")
      .answer(200, "{}");
  EXPECT_TRUE(run_task(client_.write(orders_, removal))) << "an unconditional write may be repeated";
}

TEST_F(DynamoDbClientTest, SendsConditionsAndReportsThatTheyDoNotHold) {
  const WriteOptions options{.condition_expression = "#id = :v AND attribute_not_exists(#id)",
                             .expression_names_json = R"({"#id":"id"})",
                             .expression_values_json = R"({":v":{"S":"\"x\""}})"};
  expect("PutItem", R"~({"TableName":"Orders","Item":{"id":{"S":"a"}},)~"
                    R"~("ConditionExpression":"#id = :v AND attribute_not_exists(#id)",)~"
                    R"("ExpressionAttributeNames":{"#id":"id"},"ExpressionAttributeValues":{":v":{"S":"\"x\""}},)"
                    R"("ReturnConsumedCapacity":"TOTAL"})")
      .answer(400, kConditionFailed);
  const auto put = run_task(client_.put_item(orders_, R"({"id":{"S":"a"}})", options));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().error_class, ErrorClass::kConflict);
  EXPECT_EQ(put.error().code, "ConditionalCheckFailedException");
}

TEST_F(DynamoDbClientTest, DoesNotRepeatAConditionalWriteThatMayHaveBeenApplied) {
  const WriteOptions options{.condition_expression = "attribute_not_exists(id)"};
  expect("DeleteItem",
         R"~({"TableName":"Orders","Key":{"id":{"S":"a"}},"ConditionExpression":"attribute_not_exists(id)",)~"
         R"("ReturnConsumedCapacity":"TOTAL"})")
      .fail("Timeout");
  EXPECT_FALSE(run_task(client_.delete_item(orders_, R"({"id":{"S":"a"}})", options)));
}

TEST_F(DynamoDbClientTest, GetsAnItemAsItsOwnText) {
  const GetItemOptions options;
  const std::string request =
      R"({"TableName":"Orders","Key":{"id":{"S":"a"}},"ConsistentRead":true,"ReturnConsumedCapacity":"TOTAL"})";
  expect("GetItem", request).answer(200, R"({"Item":{"id":{"S":"a"}},"ConsumedCapacity":{"CapacityUnits":1.0}})");
  const auto found = run_task(client_.get_item(orders_, R"({"id":{"S":"a"}})", options));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->item, R"({"id":{"S":"a"}})");
  expect("GetItem", request).answer(200, "{}");
  EXPECT_FALSE(run_task(client_.get_item(orders_, R"({"id":{"S":"a"}})", options))->item);
}

TEST_F(DynamoDbClientTest, UpdatesAnItemUnderACondition) {
  const std::string body =
      R"({"TableName":"Orders","Key":{"id":{"S":"a"}},"UpdateExpression":"SET #n = :n","ConditionExpression":"#n = :o",)"
      R"("ExpressionAttributeNames":{"#n":"n"},"ExpressionAttributeValues":{":n":{"N":"2"},":o":{"N":"1"}},)"
      R"("ReturnConsumedCapacity":"TOTAL"})";
  const WriteOptions options{.update_expression = "SET #n = :n",
                             .condition_expression = "#n = :o",
                             .expression_names_json = R"({"#n":"n"})",
                             .expression_values_json = R"({":n":{"N":"2"},":o":{"N":"1"}})"};
  const auto update = [&] { return run_task(client_.update_item(orders_, R"({"id":{"S":"a"}})", options)); };
  expect("UpdateItem", body).answer(200, R"({"ConsumedCapacity":{"TableName":"Orders","CapacityUnits":1.0}})");
  EXPECT_EQ(update()->consumed_units, 1.0);
  expect("UpdateItem", body).answer(400, kConditionFailed);
  EXPECT_EQ(update().error().error_class, ErrorClass::kConflict);
  expect("UpdateItem", body).answer(400, kThrottle);
  EXPECT_EQ(update().error().error_class, ErrorClass::kThrottled) << "the caller paces itself";
  expect("UpdateItem", body).fail("Closed");
  EXPECT_FALSE(update()) << "the first may have been applied: a second would fail on what it wrote";
}

/// A client of another account's tables.
class DynamoDbClientOfAnOwnerTest : public DynamoDbClientTest {
 protected:
  static constexpr const char* kOwner = "arn:aws:dynamodb:eu-west-1:999999999999:table/";
  /// `body` with the table's ARN for "ARN".
  support::ScriptedTransport::Exchange& expect_by_arn(const std::string& operation, std::string body) {
    body.replace(body.find("ARN"), 3, std::string(kOwner) + "Orders");
    return expect(operation, body);
  }
  static std::string described(const std::string& member, const std::string& arn) {
    return "{\"" + member + "\":{\"TableArn\":\"" + arn + "\"," + table("ACTIVE").substr(1) + "}";
  }

  DynamoDbClient owned_{api_, clock_, kOwner};
};

TEST_F(DynamoDbClientOfAnOwnerTest, NamesTheTableByItsArnInEveryCall) {
  const std::string arn = std::string(kOwner) + "Orders";
  const std::string item = R"({"id":{"S":"a"}})";
  const std::string capacity = R"(,"ReturnConsumedCapacity":"TOTAL"})";
  expect_by_arn("DescribeTable", R"({"TableName":"ARN"})").answer(200, described("Table", arn));
  EXPECT_TRUE(run_task(owned_.describe_table(orders_)));
  expect_by_arn("UpdateTable", R"({"TableName":"ARN","StreamSpecification":)"
                               R"({"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"}})")
      .answer(200, described("TableDescription", arn));
  EXPECT_TRUE(run_task(owned_.enable_stream(orders_, "NEW_IMAGE")));
  expect_by_arn("CreateTable", R"({"TableName":"ARN","AttributeDefinitions":[],)"
                               R"("KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],)"
                               R"("BillingMode":"PAY_PER_REQUEST"})")
      .answer(200, described("TableDescription", arn));
  expect_by_arn("DescribeTable", R"({"TableName":"ARN"})").answer(200, described("Table", arn));
  CreateTableSpec spec;
  spec.name = orders_;
  spec.key = key_;
  const WaitOptions wait;
  EXPECT_EQ(run_task(owned_.ensure_table(spec, wait))->name, orders_);
  expect_by_arn("PutItem", R"({"TableName":"ARN","Item":)" + item + capacity).answer(200, "{}");
  expect_by_arn("DeleteItem", R"({"TableName":"ARN","Key":)" + item + capacity).answer(200, "{}");
  expect_by_arn("UpdateItem", R"({"TableName":"ARN","Key":)" + item + R"(,"UpdateExpression":"REMOVE b")" + capacity)
      .answer(200, "{}");
  expect_by_arn("GetItem", R"({"TableName":"ARN","Key":)" + item + R"(,"ConsistentRead":true)" + capacity)
      .answer(200, "{}");
  EXPECT_TRUE(run_task(owned_.put_item(orders_, item, {})));
  EXPECT_TRUE(run_task(owned_.delete_item(orders_, item, {})));
  EXPECT_TRUE(run_task(owned_.update_item(orders_, item, {.update_expression = "REMOVE b"})));
  EXPECT_TRUE(run_task(owned_.get_item(orders_, item, {})));
  expect_by_arn("Scan", scan_body(TableName("ARN"), {})).answer(200, R"({"Items":[],"Count":0,"ScannedCount":0})");
  EXPECT_TRUE(run_task(owned_.scan(orders_, {})));
}

TEST_F(DynamoDbClientOfAnOwnerTest, KnowsWhatOfABatchCameBackByArnAndByName) {
  const model::Change removal(R"({"id":{"S":"b"}})", {}, {}, {});
  const std::vector<const model::Change*> changes{&removal};
  for (const std::string& name : {std::string(kOwner) + "Orders", std::string("Orders")}) {
    expect_by_arn("BatchWriteItem", R"({"RequestItems":{"ARN":[{"DeleteRequest":{"Key":{"id":{"S":"b"}}}}]},)"
                                    R"("ReturnConsumedCapacity":"TOTAL"})")
        .answer(200, R"({"UnprocessedItems":{")" + name + R"(":[{"DeleteRequest":{"Key":{"id":{"S":"b"}}}}]}})");
    const auto answer = run_task(owned_.batch_write(orders_, key_, changes));
    ASSERT_TRUE(answer) << to_line(answer.error());
    EXPECT_EQ(answer->unprocessed, std::vector<std::size_t>{0}) << name;
  }
}

TEST_F(DynamoDbClientOfAnOwnerTest, RefusesTheTableOfThatNameElsewhere) {
  for (const std::string arn : {"arn:aws:dynamodb:eu-west-1:123456789012:table/Orders",
                                "arn:aws:dynamodb:us-east-1:999999999999:table/Orders", ""}) {
    expect_by_arn("DescribeTable", R"({"TableName":"ARN"})").answer(200, described("Table", arn));
    const auto found = run_task(owned_.describe_table(orders_));
    ASSERT_FALSE(found) << arn;
    EXPECT_EQ(found.error().error_class, ErrorClass::kInvalid);
    EXPECT_THAT(to_line(found.error()), HasSubstr(arn));
    EXPECT_THAT(to_line(found.error()), HasSubstr("999999999999:table/Orders"));
  }
}

}  // namespace
}  // namespace dynamirror::aws
