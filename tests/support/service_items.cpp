// SPDX-License-Identifier: Apache-2.0
//
// PutItem, DeleteItem, UpdateItem, GetItem, Scan.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "support/condition.hpp"
#include "support/service.hpp"
#include "support/service_members.hpp"
#include "support/update.hpp"

namespace dynamirror::support {

namespace json = boost::json;

namespace {

/// The member "ConsumedCapacity" with its leading comma, or nothing.
std::string capacity_member(bool wanted, const std::string& table, double units, bool first) {
  if (!wanted) return {};
  const std::string text = text_of({{"TableName", table}, {"CapacityUnits", units}});
  return std::string(first ? "" : ",") + "\"ConsumedCapacity\":" + text;
}

Expected<void> check_return_values(const json::object& body) {
  const auto wish = optional_string(body, "ReturnValues");
  if (!wish) return std::unexpected(wish.error());
  if (*wish && **wish != "NONE") return client_bug("ValidationException", "stand-in: ReturnValues " + **wish);
  return {};
}

/// Errors: ConditionalCheckFailedException, with the old item when the caller asked for it.
Expected<void> check_condition(const json::object& body, const ItemPointer& old) {
  const auto condition = Condition::read(body);
  if (!condition) return std::unexpected(condition.error());
  if (condition->holds(old)) return {};
  return refuse("ConditionalCheckFailedException", "The conditional request failed");
}

/// One unit per started 4 KiB (one at least), half of that when not strongly consistent.
double read_units(std::size_t size_bytes, bool consistent) {
  const auto blocks = static_cast<double>(std::max<std::size_t>(1, (size_bytes + 4095) / 4096));
  return consistent ? blocks : blocks / 2;
}

std::size_t larger(const ItemPointer& before, std::size_t after) {
  return std::max(before ? before->size_bytes : 0, after);
}

}  // namespace

/// What the table's throughput and the scripts say of a write that is otherwise fine.
Expected<void> Service::admit_write(TableState& table, const std::string& key, double units) {
  const auto throttled = throttled_keys_.find(key);
  if (throttled != throttled_keys_.end()) {
    if (--throttled->second == 0) throttled_keys_.erase(throttled);
    return refuse("ProvisionedThroughputExceededException",
                  "The level of configured provisioned throughput for the table was exceeded.");
  }
  if (!table.take_write_units(units, clock_.steady_now())) {
    return refuse("ProvisionedThroughputExceededException",
                  "The level of configured provisioned throughput for the table was exceeded. Consider increasing your "
                  "provisioning level with the UpdateTable API.");
  }
  return {};
}

/// Puts the item, or deletes the key when there is none.
void Service::apply(TableState& table, const std::string& key, ItemPointer item, double units) {
  if (item) {
    table.put(key, std::move(item), clock_);
  } else {
    table.remove(key, clock_);
  }
  consumed_write_units_ += units;
  last_written_.push_back(table.spec.name + key);
}

Service::Answer Service::put_item(const Object& body) {
  if (auto known = only_members(body, {"TableName", "Item", "ConditionExpression", "ExpressionAttributeNames",
                                       "ExpressionAttributeValues", "ReturnConsumedCapacity", "ReturnValues"});
      !known) {
    return std::unexpected(known.error());
  }
  const auto table = table_of(body);
  if (!table) return std::unexpected(table.error());
  const auto item = required_object(body, "Item");
  if (!item) return std::unexpected(item.error());
  if (auto fine = check_return_values(body); !fine) return std::unexpected(fine.error());
  const auto wanted = wants_capacity(body);
  if (!wanted) return std::unexpected(wanted.error());
  const auto key = key_of_item(**item, (*table)->spec.key);
  if (!key) return std::unexpected(key.error());
  if (refused_keys_.contains(*key)) return invalid("One or more parameter values were invalid: refused by the script");
  auto stored = read_attributes(**item);
  if (!stored) return std::unexpected(stored.error());
  if (stored->size_bytes > kMaxItemBytes) return invalid("Item size has exceeded the maximum allowed size");

  const ItemPointer old = (*table)->find(*key);
  const double units = write_units(larger(old, stored->size_bytes));
  if (auto admitted = admit_write(**table, *key, units); !admitted) return std::unexpected(admitted.error());
  if (auto fine = check_condition(body, old); !fine) return std::unexpected(fine.error());
  apply(**table, *key, std::make_shared<const StoredItem>(std::move(*stored)), units);
  return "{" + capacity_member(*wanted, (*table)->spec.name, units, true) + "}";
}

Service::Answer Service::delete_item(const Object& body) {
  if (auto known = only_members(body, {"TableName", "Key", "ConditionExpression", "ExpressionAttributeNames",
                                       "ExpressionAttributeValues", "ReturnConsumedCapacity", "ReturnValues"});
      !known) {
    return std::unexpected(known.error());
  }
  const auto table = table_of(body);
  if (!table) return std::unexpected(table.error());
  const auto given = required_object(body, "Key");
  if (!given) return std::unexpected(given.error());
  if (auto fine = check_return_values(body); !fine) return std::unexpected(fine.error());
  const auto wanted = wants_capacity(body);
  if (!wanted) return std::unexpected(wanted.error());
  const auto key = key_of_key(**given, (*table)->spec.key);
  if (!key) return std::unexpected(key.error());
  if (refused_keys_.contains(*key)) return invalid("One or more parameter values were invalid: refused by the script");

  const ItemPointer old = (*table)->find(*key);
  const double units = write_units(larger(old, 0));
  if (auto admitted = admit_write(**table, *key, units); !admitted) return std::unexpected(admitted.error());
  if (auto fine = check_condition(body, old); !fine) return std::unexpected(fine.error());
  apply(**table, *key, nullptr, units);
  return "{" + capacity_member(*wanted, (*table)->spec.name, units, true) + "}";
}

Service::Answer Service::update_item(const Object& body) {
  if (auto known =
          only_members(body, {"TableName", "Key", "UpdateExpression", "ConditionExpression", "ExpressionAttributeNames",
                              "ExpressionAttributeValues", "ReturnConsumedCapacity", "ReturnValues"});
      !known) {
    return std::unexpected(known.error());
  }
  const auto table = table_of(body);
  if (!table) return std::unexpected(table.error());
  const model::KeySchema& schema = (*table)->spec.key;
  const auto given = required_object(body, "Key");
  if (!given) return std::unexpected(given.error());
  if (auto fine = check_return_values(body); !fine) return std::unexpected(fine.error());
  const auto wanted = wants_capacity(body);
  if (!wanted) return std::unexpected(wanted.error());
  const auto key = key_of_key(**given, schema);
  if (!key) return std::unexpected(key.error());
  const auto expression = required_string(body, "UpdateExpression");
  if (!expression) return std::unexpected(expression.error());
  auto placeholders = Placeholders::read(body);
  if (!placeholders) return std::unexpected(placeholders.error());
  const auto update = Update::read(*expression, *placeholders, schema);
  if (!update) return std::unexpected(update.error());
  const auto condition = Condition::read(body, *placeholders);
  if (!condition) return std::unexpected(condition.error());
  if (auto used = placeholders->check_all_used(); !used) return std::unexpected(used.error());
  if (refused_keys_.contains(*key)) return invalid("One or more parameter values were invalid: refused by the script");

  const ItemPointer old = (*table)->find(*key);
  if (auto admitted = admit_write(**table, *key, write_units(larger(old, 0))); !admitted) {
    return std::unexpected(admitted.error());
  }
  if (!condition->holds(old)) return refuse("ConditionalCheckFailedException", "The conditional request failed");
  const auto after = update->apply(old ? parse_object(old->text).value() : **given);
  if (!after) return std::unexpected(after.error());
  auto stored = read_attributes(*after);
  if (!stored) return std::unexpected(stored.error());
  if (stored->size_bytes > kMaxItemBytes) return invalid("Item size to update has exceeded the maximum allowed size");
  const double units = write_units(larger(old, stored->size_bytes));
  apply(**table, *key, std::make_shared<const StoredItem>(std::move(*stored)), units);
  return "{" + capacity_member(*wanted, (*table)->spec.name, units, true) + "}";
}

Service::Answer Service::get_item(const Object& body) {
  if (auto known = only_members(body, {"TableName", "Key", "ConsistentRead", "ReturnConsumedCapacity"}); !known) {
    return std::unexpected(known.error());
  }
  const auto table = table_of(body);
  if (!table) return std::unexpected(table.error());
  const auto given = required_object(body, "Key");
  if (!given) return std::unexpected(given.error());
  const auto wanted = wants_capacity(body);
  if (!wanted) return std::unexpected(wanted.error());
  const auto consistent = optional_bool(body, "ConsistentRead");
  if (!consistent) return std::unexpected(consistent.error());
  const auto key = key_of_key(**given, (*table)->spec.key);
  if (!key) return std::unexpected(key.error());

  const ItemPointer item = (*table)->find(*key);
  const double units = read_units(item ? item->size_bytes : 0, consistent->value_or(false));
  const std::string shown = item ? "\"Item\":" + item->text : "";
  return "{" + shown + capacity_member(*wanted, (*table)->spec.name, units, shown.empty()) + "}";
}

Service::Answer Service::scan(const Object& body) {
  if (auto known = only_members(body, {"TableName", "Limit", "ExclusiveStartKey", "Segment", "TotalSegments",
                                       "ConsistentRead", "ReturnConsumedCapacity"});
      !known) {
    return std::unexpected(known.error());
  }
  const auto table = table_of(body);
  if (!table) return std::unexpected(table.error());
  const auto limit = optional_integer(body, "Limit", 1, std::numeric_limits<std::int64_t>::max());
  const auto total = optional_integer(body, "TotalSegments", 1, 1'000'000);
  const auto segment = optional_integer(body, "Segment", 0, 999'999);
  const auto wanted = wants_capacity(body);
  if (!limit || !total || !segment || !wanted)
    return unreadable("stand-in: Limit, Segment or TotalSegments out of range");
  if (total->has_value() != segment->has_value() || (*total && **segment >= **total)) {
    return client_bug("ValidationException", "The Segment parameter must be less than TotalSegments, and both given");
  }
  const auto segments = static_cast<std::uint64_t>(total->value_or(1));
  const auto number = static_cast<std::uint64_t>(segment->value_or(0));
  std::string start;
  if (body.contains("ExclusiveStartKey")) {
    const auto given = required_object(body, "ExclusiveStartKey");
    if (!given) return std::unexpected(given.error());
    const auto key = key_of_key(**given, (*table)->spec.key);
    if (!key) return std::unexpected(key.error());
    start = *key;
    if (TableState::segment_of(start, segments) != number) {
      return client_bug("ValidationException", "The provided starting key is outside of the segment");
    }
  }
  const auto consistent = optional_bool(body, "ConsistentRead");
  if (!consistent) return std::unexpected(consistent.error());

  const auto& items = (*table)->segment(segments, number);
  std::string shown;
  std::size_t bytes = 0;
  std::int64_t count = 0;
  std::string last;
  auto next = std::ranges::upper_bound(items, start, {}, [](const auto* entry) -> const auto& { return entry->first; });
  if (start.empty()) next = items.begin();
  for (; next != items.end(); ++next) {
    const auto& [key, item] = **next;
    if ((*limit && count == **limit) || bytes >= options_.scan_page_bytes) break;
    shown.append(count == 0 ? "" : ",").append(item->text);
    bytes += item->size_bytes;
    ++count;
    last = key;
  }
  const std::string counts = std::to_string(count);
  std::string answer = "{\"Count\":" + counts + ",\"ScannedCount\":" + counts + ",\"Items\":[" + shown + "]";
  if (next != items.end()) answer += ",\"LastEvaluatedKey\":" + last;
  answer += capacity_member(*wanted, (*table)->spec.name, read_units(bytes, consistent->value_or(false)), false);
  return answer + "}";
}

}  // namespace dynamirror::support
