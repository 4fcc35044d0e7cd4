// SPDX-License-Identifier: Apache-2.0
#include "support/service.hpp"

#include <boost/json/object.hpp>
#include <cassert>

#include "support/service_members.hpp"

namespace dynamirror::support {

namespace json = boost::json;

double write_units(std::size_t size_bytes) {
  return size_bytes == 0 ? 1.0 : static_cast<double>((size_bytes + 1023) / 1024);
}

Service::Service(Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), random_(options_.seed) {}

TableState& Service::add_table(TableSpec spec) {
  const std::string name = spec.name;
  const std::string arn = "arn:aws:dynamodb:" + options_.region + ":" + options_.account_id + ":table/" + name;
  auto table = std::make_unique<TableState>(std::move(spec), arn, options_.seed);
  const std::string number = std::to_string(++tables_made_);
  table->id = "12345678-0123-4567-8901-" + std::string(12 - number.size(), '0') + number;
  if (table->spec.stream_view) table->enable_stream(*table->spec.stream_view, clock_.wall_now());
  auto& slot = tables_[name];
  assert(slot == nullptr);
  slot = std::move(table);
  return *slot;
}

TableState* Service::table(std::string_view name_or_arn) {
  const std::size_t slash = name_or_arn.rfind("table/");
  if (slash != std::string_view::npos) name_or_arn.remove_prefix(slash + 6);
  const auto found = tables_.find(std::string(name_or_arn));
  return found == tables_.end() ? nullptr : found->second.get();
}

void Service::refuse_key(std::string key, bool refused) {
  if (refused) {
    refused_keys_.insert(std::move(key));
  } else {
    refused_keys_.erase(key);
  }
}

Expected<TableState*> Service::table_of(const Object& body, bool any_state) {
  const auto name = required_string(body, "TableName");
  if (!name) return std::unexpected(name.error());
  TableState* found = table(*name);
  if (found == nullptr || (!any_state && !found->active())) {
    return not_found(any_state ? "Requested resource not found: Table: " + *name + " not found"
                               : "Requested resource not found");
  }
  return found;
}

Expected<std::string> Service::call(std::string_view target, std::string_view body, std::optional<FaultKind> fault) {
  using Operation = Answer (Service::*)(const Object&);
  static const std::map<std::string_view, Operation> operations{
      {"DynamoDB_20120810.DescribeTable", &Service::describe_table},
      {"DynamoDB_20120810.CreateTable", &Service::create_table},
      {"DynamoDB_20120810.UpdateTable", &Service::update_table},
      {"DynamoDB_20120810.PutItem", &Service::put_item},
      {"DynamoDB_20120810.DeleteItem", &Service::delete_item},
      {"DynamoDB_20120810.UpdateItem", &Service::update_item},
      {"DynamoDB_20120810.GetItem", &Service::get_item},
      {"DynamoDB_20120810.Scan", &Service::scan},
      {"DynamoDB_20120810.BatchWriteItem", &Service::batch_write_item},
      {"DynamoDBStreams_20120810.ListStreams", &Service::list_streams},
      {"DynamoDBStreams_20120810.DescribeStream", &Service::describe_stream},
      {"DynamoDBStreams_20120810.GetShardIterator", &Service::get_shard_iterator},
      {"DynamoDBStreams_20120810.GetRecords", &Service::get_records},
  };
  last_written_.clear();
  fault_ = fault;
  const auto operation = operations.find(target);
  if (operation == operations.end()) {
    return client_bug("UnknownOperationException", "stand-in: no operation " + std::string(target));
  }
  const auto object = parse_object(body);
  if (!object) return std::unexpected(object.error());
  return (this->*operation->second)(*object);
}

}  // namespace dynamirror::support
