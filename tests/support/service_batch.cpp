// SPDX-License-Identifier: Apache-2.0
//
// BatchWriteItem.
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <set>

#include "support/service.hpp"
#include "support/service_members.hpp"

namespace dynamirror::support {

namespace json = boost::json;

namespace {
constexpr std::size_t kMaxBatchWrites = 25;
}

struct Service::BatchWrite {
  TableState* table = nullptr;
  std::string key;
  ItemPointer item;                      ///< null: a delete
  const json::value* request = nullptr;  ///< to hand back as unprocessed
  double units = 0;
};

Expected<Service::BatchWrite> Service::read_batch_write(TableState& table, const json::value& request) {
  const json::object* object = request.if_object();
  if (object == nullptr || object->size() != 1) {
    return client_bug("ValidationException",
                      "Supplied WriteRequest must contain exactly one of PutRequest, DeleteRequest");
  }
  if (auto known = only_members(*object, {"PutRequest", "DeleteRequest"}); !known)
    return std::unexpected(known.error());
  BatchWrite write;
  write.table = &table;
  write.request = &request;
  const bool is_put = object->contains("PutRequest");
  const auto inner = required_object(*object, is_put ? "PutRequest" : "DeleteRequest");
  if (!inner) return std::unexpected(inner.error());
  if (auto known = only_members(**inner, {is_put ? "Item" : "Key"}); !known) return std::unexpected(known.error());
  const auto attributes = required_object(**inner, is_put ? "Item" : "Key");
  if (!attributes) return std::unexpected(attributes.error());
  auto key = is_put ? key_of_item(**attributes, table.spec.key) : key_of_key(**attributes, table.spec.key);
  if (!key) return std::unexpected(key.error());
  write.key = std::move(*key);
  if (refused_keys_.contains(write.key))
    return invalid("One or more parameter values were invalid: refused by the script");
  const ItemPointer old = table.find(write.key);
  std::size_t size_bytes = old ? old->size_bytes : 0;
  if (is_put) {
    auto stored = read_attributes(**attributes);
    if (!stored) return std::unexpected(stored.error());
    if (stored->size_bytes > kMaxItemBytes) return invalid("Item size has exceeded the maximum allowed size");
    size_bytes = std::max(size_bytes, stored->size_bytes);
    write.item = std::make_shared<const StoredItem>(std::move(*stored));
  }
  write.units = write_units(size_bytes);
  return write;
}

Expected<std::vector<Service::BatchWrite>> Service::read_batch(const Object& request_items) {
  std::vector<BatchWrite> writes;
  std::set<std::pair<const TableState*, std::string>> keys;
  for (const auto& each : request_items) {
    const std::string name(each.key().data(), each.key().size());
    TableState* found = table(name);
    if (found == nullptr || !found->active()) return not_found("Requested resource not found");
    const json::array* requests = each.value().if_array();
    if (requests == nullptr) return unreadable("RequestItems must hold arrays");
    if (requests->empty()) {
      return client_bug("ValidationException", "The batch write request list for a table cannot be null or empty");
    }
    if (writes.size() + requests->size() > kMaxBatchWrites) {
      return client_bug("ValidationException", "Too many items requested for the BatchWriteItem call");
    }
    for (const json::value& request : *requests) {
      auto write = read_batch_write(*found, request);
      if (!write) return std::unexpected(write.error());
      if (!keys.emplace(found, write->key).second) {
        return client_bug("ValidationException", "Provided list of item keys contains duplicates");
      }
      writes.push_back(std::move(*write));
    }
  }
  return writes;
}

/// False when the write is to be handed back.
bool Service::process(const BatchWrite& write) {
  if (fault_ == FaultKind::kUnprocessedAll) return false;
  if (fault_ == FaultKind::kUnprocessedSome && random_.chance(0.5)) return false;
  if (!admit_write(*write.table, write.key, write.units)) return false;
  apply(*write.table, write.key, write.item, write.units);
  return true;
}

Service::Answer Service::batch_write_item(const Object& body) {
  if (auto known = only_members(body, {"RequestItems", "ReturnConsumedCapacity"}); !known) {
    return std::unexpected(known.error());
  }
  const auto wanted = wants_capacity(body);
  if (!wanted) return std::unexpected(wanted.error());
  const auto request_items = required_object(body, "RequestItems");
  if (!request_items) return std::unexpected(request_items.error());
  if ((*request_items)->empty()) {
    return client_bug("ValidationException", "The requestItems parameter is required for BatchWriteItem");
  }
  // All or nothing up to here: one invalid write refuses the whole batch, as in the real service.
  const auto writes = read_batch(**request_items);
  if (!writes) return std::unexpected(writes.error());

  std::map<std::string, json::array> unprocessed;
  std::map<std::string, double> consumed;
  for (const BatchWrite& write : *writes) {
    consumed[write.table->spec.name] += 0;
    if (process(write)) {
      consumed[write.table->spec.name] += write.units;
    } else {
      unprocessed[write.table->spec.name].push_back(*write.request);
    }
  }
  // A batch of which nothing could be written is an error, unless an unprocessed-all fault wants it otherwise.
  const bool nothing = last_written_.empty() && fault_ != FaultKind::kUnprocessedAll;
  if (nothing && fault_ != FaultKind::kUnprocessedSome) {
    return refuse("ProvisionedThroughputExceededException",
                  "The level of configured provisioned throughput for the table was exceeded.");
  }
  json::object left;
  for (auto& [name, requests] : unprocessed) left[name] = std::move(requests);
  json::object answer{{"UnprocessedItems", std::move(left)}};
  if (*wanted) {
    json::array capacity;
    for (const auto& [name, units] : consumed) {
      capacity.push_back(json::object{{"TableName", name}, {"CapacityUnits", units}});
    }
    answer["ConsumedCapacity"] = std::move(capacity);
  }
  return text_of(answer);
}

}  // namespace dynamirror::support
