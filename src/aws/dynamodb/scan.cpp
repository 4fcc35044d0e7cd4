// SPDX-License-Identifier: Apache-2.0
#include "aws/dynamodb/scan.hpp"

#include "json/read_into.hpp"
#include "json/writer.hpp"

namespace dynamirror::aws {
namespace {

Result<double> read_capacity_units(json::Value& capacity) {
  double units = 0;
  auto status = capacity.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "CapacityUnits") return json::read_into(units, member);
    return {};
  });
  if (!status) return std::unexpected(std::move(status.error()));
  return units;
}

}  // namespace

std::string scan_body(const TableName& table, const ScanOptions& options) {
  std::string body;
  json::Writer json(body);
  json.begin_object().name("TableName").string(table.str());
  if (options.segments > 1)
    json.name("Segment").integer(options.segment).name("TotalSegments").integer(options.segments);
  if (!options.start_key_json.empty()) json.name("ExclusiveStartKey").raw(options.start_key_json);
  if (options.limit > 0) json.name("Limit").integer(options.limit);
  if (options.consistent) json.name("ConsistentRead").boolean(true);
  json.name("ReturnConsumedCapacity").string("TOTAL").end_object();
  return body;
}

Result<ScanPage> ScanPage::parse(std::string body, json::Reader& reader) {
  ScanPage page;
  page.body_ = std::move(body);
  page.body_.reserve(page.body_.size() + json::Reader::kPadding);  // before spans are taken: they are offsets into it
  const char* const begin = page.body_.data();
  bool has_items = false;
  auto status = reader.read(page.body_, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name == "Items") {
        has_items = true;
        return member.for_each_element([&](json::Value& element) -> Status {
          const auto raw = element.raw();
          if (!raw) return std::unexpected(raw.error());
          page.spans_.emplace_back(raw->data() - begin, raw->size());
          return {};
        });
      }
      if (name == "LastEvaluatedKey") {
        const auto raw = member.raw();
        if (!raw) return std::unexpected(raw.error());
        page.last_key_json_ = *raw;
      } else if (name == "ConsumedCapacity") {
        const auto units = read_capacity_units(member);
        if (!units) return std::unexpected(units.error());
        page.consumed_units_ = *units;
      }
      return {};
    });
  });
  if (status && has_items) return page;
  return failure(ErrorClass::kFatal, {}, {}, status ? "the answer has no Items" : std::move(status.error().message));
}

}  // namespace dynamirror::aws
