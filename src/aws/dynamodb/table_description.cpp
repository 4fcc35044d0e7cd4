// SPDX-License-Identifier: Apache-2.0
#include "aws/dynamodb/table_description.hpp"

#include <algorithm>
#include <utility>

#include "json/read_into.hpp"
#include "json/writer.hpp"

namespace dynamirror::aws {

using json::read_into;

// Not in an unnamed namespace: json::read_into of a list finds the one of its element by argument-dependent lookup.

static Status read_into(KeyElement& element, json::Value& value) {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "AttributeName") return read_into(element.name, member);
    if (name == "KeyType") return read_into(element.role, member);
    return {};
  });
}

static Status read_into(AttributeDefinition& attribute, json::Value& value) {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "AttributeName") return read_into(attribute.name, member);
    if (name == "AttributeType") return read_into(attribute.type, member);
    return {};
  });
}

static Status read_into(Throughput& throughput, json::Value& value) {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    const bool reads = name == "ReadCapacityUnits" || name == "ReadUnitsPerSecond";
    if (reads) return read_into(throughput.read_units, member);
    const bool writes = name == "WriteCapacityUnits" || name == "WriteUnitsPerSecond";
    if (writes) return read_into(throughput.write_units, member);
    return {};
  });
}

static Status read_into(OnDemandLimits& limits, json::Value& value) {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "MaxReadRequestUnits") return read_into(limits.read_units, member);
    if (name == "MaxWriteRequestUnits") return read_into(limits.write_units, member);
    return {};
  });
}

static Status read_into(Projection& projection, json::Value& value) {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "ProjectionType") return read_into(projection.type, member);
    if (name == "NonKeyAttributes") return read_into(projection.non_key_attributes, member);
    return {};
  });
}

static Status read_into(SecondaryIndex& index, json::Value& value) {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (member.consume_null()) return {};
    if (name == "IndexName") return read_into(index.name, member);
    if (name == "KeySchema") return read_into(index.key, member);
    if (name == "Projection") return read_into(index.projection, member);
    if (name == "ProvisionedThroughput") return read_into(index.throughput, member);
    if (name == "IndexStatus") return read_into(index.status, member);
    if (name == "OnDemandThroughput") return read_into(index.on_demand, member);
    if (name == "WarmThroughput") return read_into(index.warm, member);
    return {};
  });
}

namespace {

constexpr std::string_view kOnDemand = "PAY_PER_REQUEST";

std::unexpected<Error> refuse(std::string message) {
  return failure(ErrorClass::kFatal, "read table description", {}, std::move(message));
}

Status read_stream(StreamSummary& stream, json::Value& value) {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "StreamEnabled") return read_into(stream.enabled, member);
    if (name == "StreamViewType") return read_into(stream.view_type, member);
    return {};
  });
}

/// One member of an object that we keep as text.
template <class T>
Status read_only_member(std::string_view wanted, T& out, json::Value& value) {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    return name == wanted ? read_into(out, member) : Status{};
  });
}

Status read_billing_mode(BillingMode& mode, json::Value& value) {
  std::string text;
  auto status = read_only_member("BillingMode", text, value);
  if (text == kOnDemand) mode = BillingMode::kPayPerRequest;
  return status;
}

Status read_replicas(std::vector<std::string>& regions, json::Value& value) {
  return value.for_each_element(
      [&](json::Value& replica) { return read_only_member("RegionName", regions.emplace_back(), replica); });
}

/// The members that describe the data.
Status read_data_member(TableDescription& table, std::vector<KeyElement>& key, std::string_view name,
                        json::Value& member) {
  if (name == "KeySchema") return read_into(key, member);
  if (name == "AttributeDefinitions") return read_into(table.attributes, member);
  if (name == "GlobalSecondaryIndexes") return read_into(table.global_indexes, member);
  if (name == "LocalSecondaryIndexes") return read_into(table.local_indexes, member);
  if (name == "ItemCount") return read_into(table.item_count, member);
  if (name == "TableSizeBytes") return read_into(table.size_bytes, member);
  return {};
}

/// The members that say what the table bears and costs.
Status read_capacity_member(TableDescription& table, std::string_view name, json::Value& member) {
  if (name == "BillingModeSummary") return read_billing_mode(table.billing_mode, member);
  if (name == "ProvisionedThroughput") return read_into(table.throughput, member);
  if (name == "OnDemandThroughput") return read_into(table.on_demand, member);
  if (name == "WarmThroughput") return read_into(table.warm, member);
  return {};
}

/// The members that describe the table around it. Any of them may be null.
Status read_member(TableDescription& table, std::vector<KeyElement>& key, std::string_view name, json::Value& member) {
  if (member.consume_null()) return {};
  if (name == "TableArn") return read_into(table.arn, member);
  if (name == "TableId") return read_into(table.id, member);
  if (name == "TableStatus") return read_into(table.status, member);
  if (name.ends_with("Throughput") || name == "BillingModeSummary") return read_capacity_member(table, name, member);
  if (name == "Replicas") return read_replicas(table.replicas, member);
  if (name == "StreamSpecification") return read_stream(table.stream, member);
  if (name == "LatestStreamLabel") return read_into(table.stream.latest_label, member);
  if (name == "SSEDescription") return read_only_member("SSEType", table.sse_type, member);
  if (name == "TableClassSummary") return read_only_member("TableClass", table.table_class, member);
  if (name == "DeletionProtectionEnabled") return read_into(table.deletion_protection, member);
  if (name == "TableName" || name == "LatestStreamArn") {
    const auto text = member.string();
    if (!text) return std::unexpected(text.error());
    if (name == "TableName") table.name = TableName(std::string(*text));
    if (name == "LatestStreamArn") table.stream.latest_arn = StreamArn(std::string(*text));
    return {};
  }
  return read_data_member(table, key, name, member);
}

/// Joins the key's names with their types, which the service lists apart.
Result<model::KeyAttribute> key_attribute(const TableDescription& table, const KeyElement& element) {
  const auto attribute =
      std::find_if(table.attributes.begin(), table.attributes.end(),
                   [&](const AttributeDefinition& attribute) { return attribute.name == element.name; });
  if (attribute == table.attributes.end()) return refuse("the key attribute " + element.name + " has no definition");
  return model::KeyAttribute{attribute->name, attribute->type};
}

Status join_key(TableDescription& table, const std::vector<KeyElement>& key) {
  bool has_hash = false;
  for (const KeyElement& element : key) {
    auto attribute = key_attribute(table, element);
    if (!attribute) return std::unexpected(std::move(attribute.error()));
    if (element.role == "HASH" && !has_hash) {
      table.key.hash = std::move(*attribute);
      has_hash = true;
    } else if (element.role == "RANGE" && !table.key.range) {
      table.key.range = std::move(*attribute);
    } else {
      return refuse("the key attribute " + element.name + " has the role \"" + element.role + "\"");
    }
  }
  if (!has_hash) return refuse("the key has no hash attribute");
  return {};
}

void write_key(json::Writer& json, const std::vector<KeyElement>& key) {
  json.name("KeySchema").begin_array();
  for (const KeyElement& element : key) {
    json.begin_object().name("AttributeName").string(element.name).name("KeyType").string(element.role).end_object();
  }
  json.end_array();
}

void write_throughput(json::Writer& json, const Throughput& throughput) {
  json.name("ProvisionedThroughput").begin_object();
  json.name("ReadCapacityUnits").integer(throughput.read_units);
  json.name("WriteCapacityUnits").integer(throughput.write_units);
  json.end_object();
}

void write_limits(json::Writer& json, const OnDemandLimits& limits) {
  if (limits == OnDemandLimits{}) return;  // servers that know none need not be asked
  json.name("OnDemandThroughput").begin_object();
  if (limits.read_units >= 0) json.name("MaxReadRequestUnits").integer(limits.read_units);
  if (limits.write_units >= 0) json.name("MaxWriteRequestUnits").integer(limits.write_units);
  json.end_object();
}

/// `mode`: of the table; nothing for local indexes, which share its capacity.
void write_indexes(json::Writer& json, std::string_view member, const std::vector<SecondaryIndex>& indexes,
                   std::optional<BillingMode> mode) {
  if (indexes.empty()) return;  // the service refuses empty lists
  json.name(member).begin_array();
  for (const SecondaryIndex& index : indexes) {
    json.begin_object().name("IndexName").string(index.name);
    write_key(json, index.key);
    json.name("Projection").begin_object().name("ProjectionType").string(index.projection.type);
    if (!index.projection.non_key_attributes.empty()) {
      json.name("NonKeyAttributes").begin_array();
      for (const std::string& name : index.projection.non_key_attributes) json.string(name);
      json.end_array();
    }
    json.end_object();
    if (mode == BillingMode::kProvisioned) write_throughput(json, index.throughput);
    if (mode == BillingMode::kPayPerRequest) write_limits(json, index.on_demand);
    json.end_object();
  }
  json.end_array();
}

/// Source: "Understanding DynamoDB warm throughput": every new on-demand table bears 12,000 reads and 4,000 writes.
bool is_warmer(const Throughput& warm, const Throughput& provisioned) {
  return warm.read_units > std::max<std::int64_t>(12'000, provisioned.read_units) ||
         warm.write_units > std::max<std::int64_t>(4'000, provisioned.write_units);
}

}  // namespace

Result<TableDescription> parse_table_description(std::string_view json) {
  TableDescription table;
  std::vector<KeyElement> key;
  json::Reader reader;
  auto status = reader.read_copy(json, [&](json::Value& root) {
    return root.for_each_member(
        [&](std::string_view name, json::Value& member) { return read_member(table, key, name, member); });
  });
  if (!status) return refuse(status.error().message);
  if (table.name.empty()) return refuse("it has no TableName");
  if (table.status.empty()) return refuse("it has no TableStatus");
  if (auto joined = join_key(table, key); !joined) return std::unexpected(std::move(joined.error()));
  table.raw = json;
  return table;
}

CreateTableSpec create_spec_from(const TableDescription& description, TableName new_name) {
  CreateTableSpec spec;
  spec.name = std::move(new_name);
  spec.key = description.key;
  spec.attributes = description.attributes;
  spec.billing_mode = description.billing_mode;
  spec.throughput = description.throughput;
  spec.on_demand = description.on_demand;
  spec.global_indexes = description.global_indexes;
  spec.local_indexes = description.local_indexes;
  return spec;
}

std::vector<std::string> left_out_settings(const TableDescription& description) {
  std::vector<std::string> left_out;
  if (description.sse_type) left_out.push_back("encryption " + *description.sse_type);
  if (description.table_class && *description.table_class != "STANDARD") {
    left_out.push_back("table class " + *description.table_class);
  }
  if (description.deletion_protection) left_out.emplace_back("deletion protection");
  std::string regions;
  for (const std::string& region : description.replicas) regions += (regions.empty() ? "" : " ") + region;
  if (!regions.empty()) left_out.push_back("replicas in " + regions);
  if (is_warmer(description.warm, description.throughput)) left_out.push_back("warm throughput of the table");
  for (const SecondaryIndex& index : description.global_indexes) {
    if (is_warmer(index.warm, index.throughput)) left_out.push_back("warm throughput of index " + index.name);
  }
  return left_out;
}

std::string create_table_body(const CreateTableSpec& spec) {
  const bool provisioned = spec.billing_mode == BillingMode::kProvisioned;
  std::vector<KeyElement> key{{spec.key.hash.name, "HASH"}};
  if (spec.key.range) key.push_back({spec.key.range->name, "RANGE"});

  std::string body;
  json::Writer json(body);
  json.begin_object().name("TableName").string(spec.name.str());
  json.name("AttributeDefinitions").begin_array();
  for (const AttributeDefinition& attribute : spec.attributes) {
    json.begin_object().name("AttributeName").string(attribute.name);
    json.name("AttributeType").string(attribute.type).end_object();
  }
  json.end_array();
  write_key(json, key);
  json.name("BillingMode").string(provisioned ? "PROVISIONED" : kOnDemand);
  if (provisioned) {
    write_throughput(json, spec.throughput);
  } else {
    write_limits(json, spec.on_demand);
  }
  write_indexes(json, "GlobalSecondaryIndexes", spec.global_indexes, spec.billing_mode);
  write_indexes(json, "LocalSecondaryIndexes", spec.local_indexes, std::nullopt);
  if (spec.stream_view_type) {
    json.name("StreamSpecification").begin_object().name("StreamEnabled").boolean(true);
    json.name("StreamViewType").string(*spec.stream_view_type).end_object();
  }
  json.end_object();
  return body;
}

}  // namespace dynamirror::aws
