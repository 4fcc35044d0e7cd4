// SPDX-License-Identifier: Apache-2.0
//
// DescribeTable, CreateTable, UpdateTable.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "support/service.hpp"
#include "support/service_members.hpp"

namespace dynamirror::support {

namespace json = boost::json;

namespace {

double epoch_seconds(WallTime time) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count()) /
         1e3;
}

/// The attribute's type in AttributeDefinitions. Errors: not defined there.
Expected<std::string> defined_type(const json::array& definitions, const std::string& name) {
  for (const json::value& each : definitions) {
    const json::object* definition = each.if_object();
    if (definition == nullptr) return unreadable("AttributeDefinitions must hold objects");
    if (auto known = only_members(*definition, {"AttributeName", "AttributeType"}); !known) {
      return std::unexpected(known.error());
    }
    const auto defined = required_string(*definition, "AttributeName");
    if (defined && *defined == name) return required_string(*definition, "AttributeType");
  }
  return invalid(
      "One or more parameter values were invalid: Some index key attributes are not defined in "
      "AttributeDefinitions. Keys: [" +
      name + "]");
}

Expected<model::KeySchema> read_key_schema(const json::object& body, const json::array& definitions) {
  const json::value* value = body.if_contains("KeySchema");
  if (value == nullptr || !value->is_array()) return unreadable("KeySchema must be an array");
  const json::array& keys = value->get_array();
  if (keys.empty() || keys.size() > 2) return invalid("KeySchema must have 1 or 2 elements");
  model::KeySchema schema;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const json::object* key = keys[i].if_object();
    if (key == nullptr) return unreadable("KeySchema must hold objects");
    if (auto known = only_members(*key, {"AttributeName", "KeyType"}); !known) return std::unexpected(known.error());
    const auto name = required_string(*key, "AttributeName");
    const auto kind = required_string(*key, "KeyType");
    if (!name || !kind) return std::unexpected(name ? kind.error() : name.error());
    if (*kind != (i == 0 ? "HASH" : "RANGE")) return invalid("Invalid KeySchema: HASH first, then RANGE");
    const auto type = defined_type(definitions, *name);
    if (!type) return std::unexpected(type.error());
    if (*type != "S" && *type != "N" && *type != "B") return invalid("AttributeType must be one of S, N, B");
    if (i == 0) schema.hash = {*name, *type};
    if (i == 1) schema.range = model::KeyAttribute{*name, *type};
  }
  return schema;
}

/// The names that the table's and its indexes' key schemas use, sorted.
std::vector<std::string> key_attribute_names(const json::object& body) {
  std::vector<std::string> names;
  const auto add = [&](const json::value& schema) {
    for (const json::value& key : schema.as_array()) names.emplace_back(key.at("AttributeName").as_string().c_str());
  };
  add(body.at("KeySchema"));
  for (const char* kind : {"GlobalSecondaryIndexes", "LocalSecondaryIndexes"}) {
    const json::value* indexes = body.if_contains(kind);
    if (indexes == nullptr) continue;
    for (const json::value& index : indexes->as_array()) add(index.at("KeySchema"));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

/// Index definitions as CreateTable takes them: members of descriptions (status, sizes, ARNs) are refused.
Expected<json::array> read_indexes(const json::object& body, const char* member, bool global) {
  const json::value* value = body.if_contains(member);
  if (value == nullptr) return json::array{};
  if (!value->is_array()) return unreadable(std::string(member) + " must be an array");
  if (value->get_array().empty())
    return invalid(std::string("One or more parameter values were invalid: ") + member + " is empty");
  for (const json::value& each : value->get_array()) {
    const json::object* index = each.if_object();
    if (index == nullptr) return unreadable(std::string(member) + " must hold objects");
    auto known = global ? only_members(*index, {"IndexName", "KeySchema", "Projection", "ProvisionedThroughput",
                                                "OnDemandThroughput", "WarmThroughput"})
                        : only_members(*index, {"IndexName", "KeySchema", "Projection"});
    if (!known) return std::unexpected(known.error());
    if (auto name = required_string(*index, "IndexName"); !name) return std::unexpected(name.error());
    const auto projection = required_object(*index, "Projection");
    if (!projection) return std::unexpected(projection.error());
    const json::value* schema = index->if_contains("KeySchema");
    if (schema == nullptr || !schema->is_array()) return unreadable("KeySchema must be an array");
  }
  return value->get_array();
}

/// The view type when StreamSpecification turns a stream on; nothing when it is absent or turns it off.
Expected<std::optional<std::string>> read_stream_specification(const json::object& body) {
  if (!body.contains("StreamSpecification")) return std::nullopt;
  const auto object = required_object(body, "StreamSpecification");
  if (!object) return std::unexpected(object.error());
  if (auto known = only_members(**object, {"StreamEnabled", "StreamViewType"}); !known) {
    return std::unexpected(known.error());
  }
  const auto enabled = optional_bool(**object, "StreamEnabled");
  if (!enabled) return std::unexpected(enabled.error());
  const auto view = optional_string(**object, "StreamViewType");
  if (!view) return std::unexpected(view.error());
  if (!enabled->value_or(false)) return std::nullopt;
  if (!*view)
    return invalid("One or more parameter values were invalid: StreamViewType is required when StreamEnabled is true");
  const std::vector<std::string> types{"NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY"};
  if (std::find(types.begin(), types.end(), **view) == types.end()) return invalid("unknown StreamViewType " + **view);
  return *view;
}

json::array described_indexes(const json::array& indexes, const std::string& table_arn, bool active) {
  json::array described;
  for (const json::value& index : indexes) {
    json::object each = index.get_object();
    each["IndexArn"] = table_arn + "/index/" + each["IndexName"].get_string().c_str();
    each["IndexSizeBytes"] = 0;
    each["ItemCount"] = 0;
    if (active) each["IndexStatus"] = "ACTIVE";
    described.push_back(std::move(each));
  }
  return described;
}

}  // namespace

Service::Object Service::description_of(TableState& table) {
  Object description{
      {"AttributeDefinitions", table.attribute_definitions},
      {"TableName", table.spec.name},
      {"KeySchema", key_schema_json(table.spec.key)},
      {"TableStatus", !table.active()                            ? "CREATING"
                      : table.describes_until_stream_enabled > 0 ? "UPDATING"
                                                                 : "ACTIVE"},
      {"CreationDateTime", epoch_seconds(clock_.wall_now())},
      {"TableSizeBytes", 0},
      {"ItemCount", table.items().size()},
      {"TableArn", table.arn},
      {"TableId", table.id},
      {"DeletionProtectionEnabled", false},
      {"ProvisionedThroughput", Object{{"NumberOfDecreasesToday", 0},
                                       {"ReadCapacityUnits", table.pay_per_request ? 0 : 5},
                                       {"WriteCapacityUnits", table.pay_per_request ? 0 : 5}}},
  };
  if (table.pay_per_request) description["BillingModeSummary"] = Object{{"BillingMode", "PAY_PER_REQUEST"}};
  if (!table.global_indexes.empty()) {
    description["GlobalSecondaryIndexes"] = described_indexes(table.global_indexes, table.arn, table.active());
  }
  if (!table.local_indexes.empty()) {
    description["LocalSecondaryIndexes"] = described_indexes(table.local_indexes, table.arn, false);
  }
  if (const StreamLog* live = table.live_stream(); live != nullptr) {
    description["StreamSpecification"] = Object{{"StreamEnabled", true}, {"StreamViewType", live->options().view_type}};
  }
  // A disabled stream stays the latest one until a new one is made; readers may drain it for a day.
  if (!table.streams.empty()) {
    description["LatestStreamArn"] = table.streams.back()->options().arn;
    description["LatestStreamLabel"] = table.streams.back()->options().label;
  }
  return description;
}

Service::Answer Service::describe_table(const Object& body) {
  if (auto known = only_members(body, {"TableName"}); !known) return std::unexpected(known.error());
  const auto table = table_of(body, true);
  if (!table) return std::unexpected(table.error());
  std::string answer = text_of({{"Table", description_of(**table)}});
  if ((*table)->describes_until_active > 0) --(*table)->describes_until_active;
  if ((*table)->describes_until_stream_enabled > 0) --(*table)->describes_until_stream_enabled;
  return answer;
}

Service::Answer Service::create_table(const Object& body) {
  if (auto known = only_members(body, {"TableName", "AttributeDefinitions", "KeySchema", "BillingMode",
                                       "ProvisionedThroughput", "GlobalSecondaryIndexes", "LocalSecondaryIndexes",
                                       "StreamSpecification", "Tags", "DeletionProtectionEnabled"});
      !known) {
    return std::unexpected(known.error());
  }
  const auto name = required_string(body, "TableName");
  if (!name) return std::unexpected(name.error());
  if (name->size() < 3) return invalid("TableName must be at least 3 characters long and at most 255 characters long");
  if (table(*name) != nullptr) return refuse("ResourceInUseException", "Table already exists: " + *name);
  const json::value* definitions = body.if_contains("AttributeDefinitions");
  if (definitions == nullptr || !definitions->is_array()) return unreadable("AttributeDefinitions must be an array");
  const auto schema = read_key_schema(body, definitions->get_array());
  if (!schema) return std::unexpected(schema.error());
  const auto global = read_indexes(body, "GlobalSecondaryIndexes", true);
  const auto local = read_indexes(body, "LocalSecondaryIndexes", false);
  if (!global || !local) return std::unexpected(global ? local.error() : global.error());
  if (key_attribute_names(body).size() != definitions->get_array().size()) {
    return invalid(
        "One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match "
        "number of attributes defined in AttributeDefinitions");
  }
  const auto mode = optional_string(body, "BillingMode");
  if (!mode) return std::unexpected(mode.error());
  const bool pay_per_request = *mode == "PAY_PER_REQUEST";
  if (pay_per_request == body.contains("ProvisionedThroughput")) {
    return invalid(
        "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be "
        "specified for PROVISIONED, and neither for PAY_PER_REQUEST");
  }
  const auto view = read_stream_specification(body);
  if (!view) return std::unexpected(view.error());

  TableState& table = add_table({.name = *name, .key = *schema, .stream_view = *view});
  table.attribute_definitions = definitions->get_array();
  table.global_indexes = *global;
  table.local_indexes = *local;
  table.pay_per_request = pay_per_request;
  table.describes_until_active = options_.describes_until_active;
  return text_of({{"TableDescription", description_of(table)}});
}

Service::Answer Service::update_table(const Object& body) {
  if (auto known = only_members(body, {"TableName", "StreamSpecification"}); !known)
    return std::unexpected(known.error());
  const auto table = table_of(body);
  if (!table) return std::unexpected(table.error());
  const auto view = read_stream_specification(body);
  if (!view) return std::unexpected(view.error());
  StreamLog* live = (*table)->live_stream();
  if (*view) {
    if (live != nullptr) return invalid("Table already has an enabled stream: TableName: " + (*table)->spec.name);
    (*table)->enable_stream(**view, clock_.wall_now());
    (*table)->describes_until_stream_enabled = options_.describes_until_active;
  } else {
    if (live == nullptr) return invalid("Table is already not streaming: TableName: " + (*table)->spec.name);
    live->disable(clock_.wall_now());
  }
  return text_of({{"TableDescription", description_of(**table)}});
}

}  // namespace dynamirror::support
