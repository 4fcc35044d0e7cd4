// SPDX-License-Identifier: Apache-2.0
//
// Goal: a table that is made from another's description has its keys, indexes and billing mode, and nothing else is
// asked. Method: a full description by hand; then a matrix of tables, each described, turned into a request, the
// request turned into the description that the service would answer, and both compared.
#include "aws/dynamodb/table_description.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dynamirror::aws {
namespace {

constexpr std::string_view kFull =
    R"({"ArchivalSummary":null,"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"},)"
    R"({"AttributeName":"time","AttributeType":"N"},{"AttributeName":"hash","AttributeType":"B"}],)"
    R"("BillingModeSummary":{"BillingMode":"PROVISIONED","LastUpdateToPayPerRequestDateTime":1.5E9},)"
    R"("CreationDateTime":1.421866952062E9,"DeletionProtectionEnabled":true,)"
    R"("GlobalSecondaryIndexes":[{"IndexArn":"arn:x","IndexName":"by-hash","IndexSizeBytes":0,"IndexStatus":"CREATING",)"
    R"("ItemCount":0,"KeySchema":[{"AttributeName":"hash","KeyType":"HASH"}],"Projection":{"NonKeyAttributes":["a","b"],)"
    R"("ProjectionType":"INCLUDE"},"ProvisionedThroughput":{"NumberOfDecreasesToday":0,"ReadCapacityUnits":3,)"
    R"("WriteCapacityUnits":4}}],"ItemCount":42,"KeySchema":[{"AttributeName":"time","KeyType":"RANGE"},)"
    R"({"AttributeName":"id","KeyType":"HASH"}],"LatestStreamArn":"arn:aws:dynamodb:eu-west-1:1:table/T/stream/2026",)"
    R"("LatestStreamLabel":"2026","LocalSecondaryIndexes":[{"IndexName":"local","KeySchema":[{"AttributeName":"id",)"
    R"("KeyType":"HASH"},{"AttributeName":"hash","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}],)"
    R"("ProvisionedThroughput":{"NumberOfDecreasesToday":0,"ReadCapacityUnits":1,"WriteCapacityUnits":2},)"
    R"("SSEDescription":{"KMSMasterKeyArn":"arn:k","SSEType":"KMS","Status":"ENABLED"},"StreamSpecification":)"
    R"({"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"},"TableArn":"arn:aws:dynamodb:eu-west-1:1:table/T",)"
    R"("TableClassSummary":{"TableClass":"STANDARD_INFREQUENT_ACCESS"},"TableId":"u","TableName":"T",)"
    R"("TableSizeBytes":4242,"TableStatus":"UPDATING"})";

TEST(TableDescription, ReadsEverythingWeUse) {
  const auto table = parse_table_description(kFull);
  ASSERT_TRUE(table) << to_line(table.error());
  EXPECT_EQ(table->arn, "arn:aws:dynamodb:eu-west-1:1:table/T");
  EXPECT_EQ(table->id, "u");
  EXPECT_EQ(table->name, TableName("T"));
  EXPECT_EQ(table->status, "UPDATING");
  EXPECT_FALSE(table->active());
  EXPECT_EQ(table->item_count, 42);
  EXPECT_EQ(table->size_bytes, 4242);
  EXPECT_EQ(table->key, (model::KeySchema{{"id", "S"}, model::KeyAttribute{"time", "N"}}));
  EXPECT_EQ(table->attributes.size(), 3u);
  EXPECT_EQ(table->billing_mode, BillingMode::kProvisioned);
  EXPECT_EQ(table->throughput, (Throughput{1, 2}));
  ASSERT_EQ(table->global_indexes.size(), 1u);
  EXPECT_EQ(table->global_indexes[0],
            (SecondaryIndex{"by-hash", {{"hash", "HASH"}}, {"INCLUDE", {"a", "b"}}, {3, 4}, "CREATING"}));
  ASSERT_EQ(table->local_indexes.size(), 1u);
  EXPECT_EQ(table->local_indexes[0],
            (SecondaryIndex{"local", {{"id", "HASH"}, {"hash", "RANGE"}}, {"KEYS_ONLY", {}}, {}, ""}));
  EXPECT_TRUE(table->stream.enabled);
  EXPECT_EQ(table->stream.view_type, "NEW_AND_OLD_IMAGES");
  EXPECT_EQ(table->stream.latest_arn, StreamArn("arn:aws:dynamodb:eu-west-1:1:table/T/stream/2026"));
  EXPECT_EQ(table->stream.latest_label, "2026");
  EXPECT_EQ(table->sse_type, "KMS");
  EXPECT_EQ(table->table_class, "STANDARD_INFREQUENT_ACCESS");
  EXPECT_TRUE(table->deletion_protection);
  EXPECT_EQ(table->raw, kFull);
}

TEST(TableDescription, TakesWhatIsAbsentForTheDocumentedDefault) {
  const auto table = parse_table_description(
      R"({"TableName":"T","TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],)"
      R"("AttributeDefinitions":[{"AttributeName":"id","AttributeType":"B"}],"GlobalSecondaryIndexes":null,)"
      R"("LatestStreamArn":"arn:old"})");
  ASSERT_TRUE(table) << to_line(table.error());
  EXPECT_TRUE(table->active());
  EXPECT_EQ(table->billing_mode, BillingMode::kProvisioned);
  EXPECT_FALSE(table->stream.enabled) << "the last stream of a table is named even when it is off";
  EXPECT_TRUE(table->stream.latest_arn);
  EXPECT_FALSE(table->key.range);
  EXPECT_EQ(table->id, "");
  EXPECT_FALSE(table->sse_type);
}

TEST(TableDescription, RefusesWhatIsNoTable) {
  const std::string head = R"({"TableName":"T","TableStatus":"ACTIVE",)";
  const std::string definitions = R"("AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],)";
  for (const std::string& bad : {
           std::string("{}"),
           std::string("[]"),
           std::string("nonsense"),
           R"({"TableStatus":"ACTIVE",)" + definitions + R"("KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]})",
           R"({"TableName":"T",)" + definitions + R"("KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]})",
           head + definitions + R"("KeySchema":[]})",
           head + definitions + R"("KeySchema":[{"AttributeName":"other","KeyType":"HASH"}]})",
           head + definitions + R"("KeySchema":[{"AttributeName":"id","KeyType":"RANGE"}]})",
           head + definitions +
               R"("KeySchema":[{"AttributeName":"id","KeyType":"HASH"},{"AttributeName":"id","KeyType":"HASH"}]})",
           head + definitions + R"("KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"ItemCount":"many"})",
       }) {
    const auto table = parse_table_description(bad);
    ASSERT_FALSE(table) << bad;
    EXPECT_EQ(table.error().error_class, ErrorClass::kFatal) << bad;
  }
}

TEST(CreateTable, AsksForKeysIndexesAndProvisionedUnits) {
  const auto description = parse_table_description(kFull);
  ASSERT_TRUE(description);
  CreateTableSpec spec = create_spec_from(*description, TableName("Copy"));
  EXPECT_FALSE(spec.stream_view_type) << "a copy has a stream only when somebody asks for it";
  spec.stream_view_type = "NEW_IMAGE";
  EXPECT_EQ(
      create_table_body(spec),
      R"({"TableName":"Copy","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"},)"
      R"({"AttributeName":"time","AttributeType":"N"},{"AttributeName":"hash","AttributeType":"B"}],)"
      R"("KeySchema":[{"AttributeName":"id","KeyType":"HASH"},{"AttributeName":"time","KeyType":"RANGE"}],)"
      R"("BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":2},)"
      R"("GlobalSecondaryIndexes":[{"IndexName":"by-hash","KeySchema":[{"AttributeName":"hash","KeyType":"HASH"}],)"
      R"("Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["a","b"]},)"
      R"("ProvisionedThroughput":{"ReadCapacityUnits":3,"WriteCapacityUnits":4}}],)"
      R"("LocalSecondaryIndexes":[{"IndexName":"local","KeySchema":[{"AttributeName":"id","KeyType":"HASH"},)"
      R"({"AttributeName":"hash","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}],)"
      R"("StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"}})");
}

/// What the service would answer for a CreateTable request: the same members but for the billing mode, and a status.
std::string described(const std::string& create_body) {
  std::string text = create_body;
  text.insert(1, R"("TableStatus":"ACTIVE",)");
  const std::string_view on_demand = R"("BillingMode":"PAY_PER_REQUEST")";
  if (const auto at = text.find(on_demand); at != std::string::npos) {
    text.replace(at, on_demand.size(),
                 R"("BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},)"
                 R"("ProvisionedThroughput":{"ReadCapacityUnits":0,"WriteCapacityUnits":0})");
  }
  return text;
}

struct Shape {
  bool composite;
  std::string key_type;
  std::string projection;  ///< of the indexes; empty: none
  BillingMode billing_mode;
};

TableDescription table_of(const Shape& shape) {
  TableDescription table;
  table.name = TableName("T");
  table.key.hash = {"id", shape.key_type};
  table.attributes.push_back({"id", shape.key_type});
  if (shape.composite) {
    table.key.range = model::KeyAttribute{"r \"q\"", shape.key_type};
    table.attributes.push_back({"r \"q\"", shape.key_type});
  }
  table.billing_mode = shape.billing_mode;
  const bool provisioned = shape.billing_mode == BillingMode::kProvisioned;
  if (provisioned) table.throughput = {5, 6};
  if (shape.projection.empty()) return table;
  table.attributes.push_back({"g", "N"});
  Projection projection{shape.projection, {}};
  if (shape.projection == "INCLUDE") projection.non_key_attributes = {"x", "é"};
  table.global_indexes.push_back({"G", {{"g", "HASH"}, {"id", "RANGE"}}, projection, {}, ""});
  if (provisioned) table.global_indexes[0].throughput = {7, 8};
  if (shape.composite) table.local_indexes.push_back({"L", {{"id", "HASH"}, {"g", "RANGE"}}, projection, {}, ""});
  return table;
}

TEST(CreateTable, ComesBackAsTheTableItWasMadeFromInEveryShape) {
  int shapes = 0;
  for (const bool composite : {false, true}) {
    for (const char* type : {"S", "N", "B"}) {
      for (const char* projection : {"", "ALL", "KEYS_ONLY", "INCLUDE"}) {
        for (const auto mode : {BillingMode::kProvisioned, BillingMode::kPayPerRequest}) {
          const TableDescription source = table_of({composite, type, projection, mode});
          const std::string body = create_table_body(create_spec_from(source, TableName("Copy")));
          const auto copy = parse_table_description(described(body));
          ASSERT_TRUE(copy) << body << ": " << to_line(copy.error());
          EXPECT_EQ(copy->name, TableName("Copy"));
          EXPECT_EQ(copy->key, source.key) << body;
          EXPECT_EQ(copy->attributes, source.attributes) << body;
          EXPECT_EQ(copy->billing_mode, source.billing_mode) << body;
          EXPECT_EQ(copy->throughput, source.throughput) << body;
          EXPECT_EQ(copy->global_indexes, source.global_indexes) << body;
          EXPECT_EQ(copy->local_indexes, source.local_indexes) << body;
          EXPECT_FALSE(copy->stream.enabled);
          EXPECT_EQ(body.find("ProvisionedThroughput") != std::string::npos, mode == BillingMode::kProvisioned)
              << "the service refuses units on an on-demand table";
          EXPECT_EQ(body.find("SecondaryIndexes\":[]"), std::string::npos) << "the service refuses empty lists";
          ++shapes;
        }
      }
    }
  }
  EXPECT_EQ(shapes, 48);
}

/// A table with every setting around its items.
constexpr std::string_view kFurnished =
    R"({"TableName":"T","TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],)"
    R"("AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],)"
    R"("BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},"ProvisionedThroughput":{"ReadCapacityUnits":0,)"
    R"("WriteCapacityUnits":0},"OnDemandThroughput":{"MaxReadRequestUnits":100,"MaxWriteRequestUnits":50},)"
    R"("GlobalSecondaryIndexes":[{"IndexName":"g","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],)"
    R"("Projection":{"ProjectionType":"ALL"},"OnDemandThroughput":{"MaxReadRequestUnits":-1,)"
    R"("MaxWriteRequestUnits":7},"WarmThroughput":{"ReadUnitsPerSecond":13000,"WriteUnitsPerSecond":4000}},)"
    R"({"IndexName":"h","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"},)"
    R"("OnDemandThroughput":null,"WarmThroughput":{"ReadUnitsPerSecond":12000,"WriteUnitsPerSecond":4000}}],)"
    R"("WarmThroughput":{"ReadUnitsPerSecond":12000,"WriteUnitsPerSecond":4001,"Status":"ACTIVE"},)"
    R"("SSEDescription":{"SSEType":"KMS"},"TableClassSummary":{"TableClass":"STANDARD_INFREQUENT_ACCESS"},)"
    R"("DeletionProtectionEnabled":true,"Replicas":[{"RegionName":"us-east-1","ReplicaStatus":"ACTIVE"},)"
    R"({"RegionName":"us-west-2"}]})";

TEST(CreateTable, KeepsTheLimitsOfOnDemandTablesAndIndexes) {
  const auto description = parse_table_description(kFurnished);
  ASSERT_TRUE(description) << to_line(description.error());
  const std::string body = create_table_body(create_spec_from(*description, TableName("Copy")));
  EXPECT_EQ(body, R"({"TableName":"Copy","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],)"
                  R"("KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST",)"
                  R"("OnDemandThroughput":{"MaxReadRequestUnits":100,"MaxWriteRequestUnits":50},)"
                  R"("GlobalSecondaryIndexes":[{"IndexName":"g","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],)"
                  R"("Projection":{"ProjectionType":"ALL"},"OnDemandThroughput":{"MaxWriteRequestUnits":7}},)"
                  R"({"IndexName":"h","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],)"
                  R"("Projection":{"ProjectionType":"ALL"}}]})");
}

TEST(LeftOutSettings, AreAllThatANewTableDoesNotGet) {
  const auto description = parse_table_description(kFurnished);
  ASSERT_TRUE(description);
  EXPECT_EQ(left_out_settings(*description),
            (std::vector<std::string>{"encryption KMS", "table class STANDARD_INFREQUENT_ACCESS", "deletion protection",
                                      "replicas in us-east-1 us-west-2", "warm throughput of the table",
                                      "warm throughput of index g"}));
  EXPECT_EQ(left_out_settings(table_of({false, "S", "ALL", BillingMode::kProvisioned})), std::vector<std::string>{});
}

}  // namespace
}  // namespace dynamirror::aws
