// SPDX-License-Identifier: Apache-2.0
//
// Goal: a batch says exactly what is to be written, and what came back unprocessed is found among what was sent.
// Method: exact bytes of requests; answers in every spelling; random batches of which a random part comes back
// respelled.
#include "aws/dynamodb/answers.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/text.hpp"

namespace dynamirror::aws {
namespace {

const TableName kTable("Orders");
const model::KeySchema kHash{{"id", "S"}, {}};
const model::KeySchema kComposite{{"id", "S"}, model::KeyAttribute{"n", "N"}};

/// Changes and the span of pointers that the calls take.
class Batch {
 public:
  Batch& put(std::string_view key, std::string_view image) {
    changes_.emplace_back(key, image, model::SequenceNumber{}, WallTime{});
    return *this;
  }
  Batch& remove(std::string_view key) { return put(key, {}); }

  std::span<const model::Change* const> span() {
    pointers_.clear();
    for (const auto& change : changes_) pointers_.push_back(&change);
    return pointers_;
  }

 private:
  std::vector<model::Change> changes_;
  std::vector<const model::Change*> pointers_;
};

Result<BatchWriteAnswer> parse(std::string body, Batch& batch, const model::KeySchema& key = kHash) {
  static json::Reader reader;
  return parse_batch_write_answer(body, kTable, key, batch.span(), reader);
}

std::string unprocessed(std::string_view requests) {
  return R"({"UnprocessedItems":{"Orders":[)" + std::string(requests) + "]}}";
}

using Indexes = std::vector<std::size_t>;

TEST(BatchWriteBody, SplicesImagesAndKeysAsTheyAre) {
  Batch batch;
  batch.put(R"({"id":{"S":"a"}})", R"({"id":{"S":"a"}, "n":{"N":"1.00"}})").remove(R"({"id":{"S":"b"}})");
  const std::string body = batch_write_body(kTable, batch.span());
  EXPECT_EQ(body, R"({"RequestItems":{"Orders":[{"PutRequest":{"Item":{"id":{"S":"a"}, "n":{"N":"1.00"}}}},)"
                  R"({"DeleteRequest":{"Key":{"id":{"S":"b"}}}}]},"ReturnConsumedCapacity":"TOTAL"})");
}

TEST(BatchWriteBody, IsMadeInOneAllocation) {
  Batch batch;
  for (int i = 0; i < 25; ++i) {
    const std::string key = R"({"id":{"S":")" + std::to_string(i) + "\"}}";
    i % 2 == 0 ? batch.put(key, key) : batch.remove(key);
  }
  const std::string body = batch_write_body(kTable, batch.span());
  EXPECT_LE(body.capacity(), body.size() + 1);
}

TEST(BatchWriteAnswer, IsEmptyWhenEverythingWasWritten) {
  Batch batch;
  batch.remove(R"({"id":{"S":"a"}})");
  for (const std::string_view body : {R"({"UnprocessedItems":{}})", "{}", R"({"UnprocessedItems":null})",
                                      R"({"UnprocessedItems":{"Orders":[]},"ItemCollectionMetrics":{"x":[1]}})"}) {
    const auto answer = parse(std::string(body), batch);
    ASSERT_TRUE(answer) << body;
    EXPECT_TRUE(answer->unprocessed.empty());
    EXPECT_EQ(answer->consumed_units, 0);
  }
}

TEST(BatchWriteAnswer, AddsTheConsumedUnitsUp) {
  Batch batch;
  batch.remove(R"({"id":{"S":"a"}})");
  const auto answer = parse(
      R"({"ConsumedCapacity":[{"CapacityUnits":6.0,"TableName":"Orders"},{"TableName":"Orders","CapacityUnits":0.5,)"
      R"("Table":{"CapacityUnits":99.0}}],"UnprocessedItems":{}})",
      batch);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->consumed_units, 6.5);
}

TEST(BatchWriteAnswer, FindsWhatCameBackWhateverItsSpelling) {
  Batch batch;
  batch.put(R"({"id":{"S":"a"},"n":{"N":"1"}})", R"({"id":{"S":"a"},"n":{"N":"1"},"x":{"S":"v"}})");
  batch.remove(R"({"id":{"S":"é"},"n":{"N":"20"}})");
  batch.remove(R"({"id":{"S":"a"},"n":{"N":"3"}})");
  batch.put(R"({"id":{"S":"a"},"n":{"N":"-4"}})", R"({"id":{"S":"a"},"n":{"N":"-4"}})");

  EXPECT_EQ(
      parse(unprocessed(R"({"PutRequest":{"Item":{"x":{"S":"v"},"n":{"N":"1"},"id":{"S":"a"}}}})"), batch, kComposite)
          ->unprocessed,
      Indexes{0});
  EXPECT_EQ(parse(unprocessed(R"({"DeleteRequest":{"Key":{"n":{"N":"20"},"id":{"S":"\u00e9"}}}})"), batch, kComposite)
                ->unprocessed,
            Indexes{1});
  EXPECT_EQ(parse(unprocessed(R"({"DeleteRequest":{"Key":{ "id" : {"S":"a"}, "n":{"N":"3.0"} }}})"), batch, kComposite)
                ->unprocessed,
            Indexes{2});
  EXPECT_EQ(parse(unprocessed(R"({"PutRequest":{"Item":{"id":{"S":"a"},"n":{"N":"-0.4E1"}}}},)"
                              R"({"DeleteRequest":{"Key":{"id":{"S":"a"},"n":{"N":"3"}}}})"),
                  batch, kComposite)
                ->unprocessed,
            (Indexes{2, 3}));
}

TEST(BatchWriteAnswer, FindsBinaryKeys) {
  const model::KeySchema schema{{"b", "B"}, {}};
  Batch batch;
  batch.remove(R"({"b":{"B":"AAH/"}})").remove(R"({"b":{"B":"AAH+"}})");
  EXPECT_EQ(parse(unprocessed(R"({"DeleteRequest":{"Key":{"b":{"B":"AAH\/"}}}})"), batch, schema)->unprocessed,
            Indexes{0});
}

TEST(BatchWriteAnswer, RefusesWhatWasNotSent) {
  Batch batch;
  batch.put(R"({"id":{"S":"a"}})", R"({"id":{"S":"a"}})").remove(R"({"id":{"S":"b"}})");
  for (const std::string& body : {
           unprocessed(R"({"PutRequest":{"Item":{"id":{"S":"z"}}}})"),
           unprocessed(R"({"DeleteRequest":{"Key":{"id":{"S":"a"}}}})"),  // was a put
           unprocessed(R"({"PutRequest":{"Item":{"id":{"S":"b"}}}})"),    // was a deletion
           unprocessed(R"({"PutRequest":{"Item":{"id":{"S":"a"}}}},{"PutRequest":{"Item":{"id":{"S":"a"}}}})"),
           unprocessed(R"({"PutRequest":{"Item":{"x":{"S":"a"}}}})"),
           unprocessed(R"({"DeleteRequest":{"Key":{"id":{"S":"b"},"x":{"S":"c"}}}})"),
           unprocessed(R"({"UpdateRequest":{"Key":{"id":{"S":"b"}}}})"),
           std::string(R"({"UnprocessedItems":{"Other":[{"DeleteRequest":{"Key":{"id":{"S":"b"}}}}]}})"),
           std::string(R"({"UnprocessedItems":[]})"),
           std::string(R"({"ConsumedCapacity":[{"CapacityUnits":"1"}]})"),
           std::string("<html>"),
       }) {
    const auto answer = parse(body, batch);
    ASSERT_FALSE(answer) << body;
    EXPECT_EQ(answer.error().error_class, ErrorClass::kFatal) << body;
  }
}

TEST(BatchWriteAnswer, DoesNotOverlookAnUnprocessedRequestWithoutItem) {
  Batch batch;
  batch.remove(R"({"id":{"S":"b"}})");
  for (const std::string_view request :
       {"{}", R"({"DeleteRequest":{}})", R"({"PutRequest":{"Key":{"id":{"S":"b"}}}})"}) {
    EXPECT_FALSE(parse(unprocessed(request), batch)) << request;
  }
}

TEST(BatchWriteAnswer, FindsEveryRandomSubsetAgain) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    Batch batch;
    std::string requests;
    Indexes expected;
    const auto count = 1 + random.below(25);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string id = "\"id\":{\"S\":" + json_quoted("k\"" + std::to_string(random.next())) + "}";
      const std::string n = "\"n\":{\"N\":\"" + std::to_string(i);
      const std::string key = "{" + id + "," + n + "\"}}";
      const bool removal = random.chance(0.5);
      removal ? batch.remove(key) : batch.put(key, "{\"z\":{\"L\":[]}," + key.substr(1));
      if (random.chance(0.5)) continue;
      expected.push_back(i);
      const std::string respelled = "{" + n + (random.chance(0.5) ? ".0" : "") + "\"}, " + id + "}";
      const std::string request = removal ? R"({"DeleteRequest":{"Key":)" : R"({"PutRequest":{"Item":)";
      requests.insert(0, request + respelled + "}}" + (requests.empty() ? "" : ","));
    }
    const auto answer = parse(unprocessed(requests), batch, kComposite);
    ASSERT_TRUE(answer) << "seed " << seed << ": " << to_line(answer.error());
    ASSERT_EQ(answer->unprocessed, expected) << "seed " << seed;
  }
}

TEST(WriteAnswer, ReadsConsumedUnitsWhereTheyAreGiven) {
  json::Reader reader;
  std::string body =
      R"({"Attributes":{"CapacityUnits":{"N":"9"}},"ConsumedCapacity":{"CapacityUnits":3.0,"TableName":"T"}})";
  EXPECT_EQ(parse_write_answer(body, reader)->consumed_units, 3.0);
  body = "{}";
  EXPECT_EQ(parse_write_answer(body, reader)->consumed_units, 0.0);
  body = "";
  EXPECT_FALSE(parse_write_answer(body, reader));
}

TEST(GetItemAnswer, TellsAnItemFromNone) {
  json::Reader reader;
  std::string body = R"({"ConsumedCapacity":{"CapacityUnits":0.5},"Item": {"id":{"S":"a"}, "n":{"N":"1"}} })";
  const auto found = parse_get_item_answer(body, reader);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->item, R"({"id":{"S":"a"}, "n":{"N":"1"}})");
  EXPECT_EQ(found->consumed_units, 0.5);
  body = R"({"ConsumedCapacity":{"CapacityUnits":0.5}})";
  EXPECT_FALSE(parse_get_item_answer(body, reader)->item);
}

}  // namespace
}  // namespace dynamirror::aws
