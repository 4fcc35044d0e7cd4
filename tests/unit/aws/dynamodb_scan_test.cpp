// SPDX-License-Identifier: Apache-2.0
//
// Goal: a Scan asks for what it was told to, and a page gives back the service's items byte for byte.
#include "aws/dynamodb/scan.hpp"

#include <gtest/gtest.h>

namespace dynamirror::aws {
namespace {

TEST(ScanBody, OfAWholeTableNamesNoSegment) {
  EXPECT_EQ(scan_body(TableName("Items"), {}), R"({"TableName":"Items","ReturnConsumedCapacity":"TOTAL"})");
}

TEST(ScanBody, HasEveryOptionThatWasGiven) {
  const ScanOptions options{
      .segment = 2, .segments = 5, .start_key_json = R"({"id":{"S":"a"}})", .limit = 7, .consistent = true};
  EXPECT_EQ(scan_body(TableName("Items"), options),
            R"({"TableName":"Items","Segment":2,"TotalSegments":5,"ExclusiveStartKey":{"id":{"S":"a"}},"Limit":7,)"
            R"("ConsistentRead":true,"ReturnConsumedCapacity":"TOTAL"})");
}

TEST(ScanPage, KeepsItemsByteForByte) {
  json::Reader reader;
  const auto page = ScanPage::parse(
      R"({"Count":2,"Items":[{"id" : {"S":"\u00e9"}},{"id":{"S":"b"}}],"LastEvaluatedKey":{"id":{"S":"b"}},)"
      R"("ConsumedCapacity":{"TableName":"Items","CapacityUnits":1.5},"ScannedCount":2})",
      reader);
  ASSERT_TRUE(page) << to_line(page.error());
  ASSERT_EQ(page->size(), 2u);
  EXPECT_EQ(page->item(0), R"({"id" : {"S":"\u00e9"}})");
  EXPECT_EQ(page->item(1), R"({"id":{"S":"b"}})");
  EXPECT_EQ(page->last_key_json(), R"({"id":{"S":"b"}})");
  EXPECT_EQ(page->consumed_units(), 1.5);
}

TEST(ScanPage, ThatIsMovedKeepsItsItems) {
  json::Reader reader;
  auto page = ScanPage::parse(R"({"Items":[{"a":{"N":"1"}}]})", reader);
  ASSERT_TRUE(page);
  const ScanPage moved = std::move(*page);
  EXPECT_EQ(moved.item(0), R"({"a":{"N":"1"}})");
  EXPECT_TRUE(moved.last_key_json().empty());
}

TEST(ScanPage, RefusesWhatIsNoPage) {
  json::Reader reader;
  for (const char* text : {"", "{}", "[]", R"({"Items":{}})", R"({"Items":[{"a")"}) {
    const auto page = ScanPage::parse(text, reader);
    ASSERT_FALSE(page) << text;
    EXPECT_EQ(page.error().error_class, ErrorClass::kFatal);
  }
}

}  // namespace
}  // namespace dynamirror::aws
