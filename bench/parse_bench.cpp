// SPDX-License-Identifier: Apache-2.0
//
// What it costs to read a page of stream records: the first step of every change's way.
// The plan's figure is 0.45 µs a record; the target is 0.6 µs for records of 600 bytes.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "aws/streams/records_page.hpp"
#include "json/reader.hpp"
#include "model/key.hpp"

namespace dynamirror {
namespace {

constexpr int kRecords = 1000;

/// A record as DynamoDB Streams sends it, of an order with a few attributes; about 600 bytes with `images` 1 and 1000
/// with 2.
std::string record(int number, std::string_view keys, std::string_view customer, int images) {
  const std::string image = fmt::format(
      R"({{"customer":{{"S":"{2}"}},"order":{{"N":"{0}"}},"status":{{"S":"SHIPPED"}},"total":{{"N":"1299.{1:02}"}},)"
      R"("lines":{{"L":[{{"M":{{"sku":{{"S":"A-{0:06}"}},"count":{{"N":"2"}}}}}}]}},"paid":{{"BOOL":true}},)"
      R"("note":{{"S":"leave at the \"back\" door"}}}})",
      number, number % 100, customer);
  std::string text = fmt::format(
      R"({{"eventID":"{0:032x}","eventName":"MODIFY","eventVersion":"1.1","eventSource":"aws:dynamodb",)"
      R"("awsRegion":"eu-west-1","dynamodb":{{"ApproximateCreationDateTime":1.7956224E9,"Keys":{1},"NewImage":{2},)",
      number, keys, image);
  if (images == 2) text += "\"OldImage\":" + image + ",";
  return text + fmt::format(R"("SequenceNumber":"{0:021}","SizeBytes":312,"StreamViewType":"NEW_IMAGE"}}}})", number);
}

enum class KeyForm { kHash, kComposite, kReversed, kEscaped };

std::string customer(int number, KeyForm form) {
  return fmt::format(R"(cust{}{:08})", form == KeyForm::kEscaped ? "\\/" : "-", number);
}

std::string keys(int number, KeyForm form) {
  switch (form) {
    case KeyForm::kHash:
      return fmt::format(R"({{"customer":{{"S":"cust-{:08}"}}}})", number);
    case KeyForm::kComposite:
      return fmt::format(R"({{"customer":{{"S":"cust-{0:08}"}},"order":{{"N":"{0}"}}}})", number);
    case KeyForm::kReversed:
      return fmt::format(R"({{"order":{{"N":"{0}"}},"customer":{{"S":"cust-{0:08}"}}}})", number);
    case KeyForm::kEscaped:
      return fmt::format(R"({{"customer":{{"S":"cust\/{0:08}"}},"order":{{"N":"{0}"}}}})", number);
  }
  return {};
}

void parse_page(benchmark::State& state, KeyForm form, int images) {
  model::KeySchema schema{{"customer", "S"}, {}};
  if (form != KeyForm::kHash) schema.range = model::KeyAttribute{"order", "N"};
  std::string body = R"({"NextShardIterator":"arn:aws:dynamodb:eu-west-1:1:table/T|1|iterator","Records":[)";
  for (int i = 0; i < kRecords; ++i) body += (i == 0 ? "" : ",") + record(i, keys(i, form), customer(i, form), images);
  body += "]}";
  body.reserve(body.size() + json::Reader::kPadding);
  json::Reader reader;
  for (auto _ : state) {
    auto page = aws::parse_records_page(body, schema, reader);
    if (!page || page->changes.size() != kRecords) return state.SkipWithError("the page does not parse");
    benchmark::DoNotOptimize(page);
  }
  state.SetItemsProcessed(state.iterations() * kRecords);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
  state.counters["bytes_per_record"] = static_cast<double>(body.size()) / kRecords;
}

BENCHMARK_CAPTURE(parse_page, hash_key, KeyForm::kHash, 1);
BENCHMARK_CAPTURE(parse_page, composite_key, KeyForm::kComposite, 1);
BENCHMARK_CAPTURE(parse_page, composite_key_in_reverse, KeyForm::kReversed, 1);
BENCHMARK_CAPTURE(parse_page, composite_key_with_escapes, KeyForm::kEscaped, 1);
BENCHMARK_CAPTURE(parse_page, both_images, KeyForm::kHash, 2);

}  // namespace
}  // namespace dynamirror

BENCHMARK_MAIN();
