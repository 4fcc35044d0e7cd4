// SPDX-License-Identifier: Apache-2.0
#include "aws/dynamodb/answers.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "json/read_into.hpp"
#include "model/key_canonicalizer.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::string_view kPut = R"({"PutRequest":{"Item":)";
constexpr std::string_view kDelete = R"({"DeleteRequest":{"Key":)";
constexpr std::string_view kEndOfRequest = "}}";

std::unexpected<Error> refuse(std::string message) {
  return failure(ErrorClass::kFatal, "read answer", {}, std::move(message));
}

/// A reader's complaint about an answer: not the user's request is invalid, the service is not understood.
std::unexpected<Error> as_fatal(Error error) {
  error.error_class = ErrorClass::kFatal;
  error.doing = "read answer";
  return std::unexpected(std::move(error));
}

/// Adds the CapacityUnits of one ConsumedCapacity object.
Status add_units(double& units, json::Value& value) {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name != "CapacityUnits") return {};
    double more = 0;
    auto status = json::read_into(more, member);
    units += more;
    return status;
  });
}

/// Collects which changes came back.
class Unprocessed {
 public:
  Unprocessed(const model::KeySchema& key, std::span<const model::Change* const> changes)
      : keys_(key), changes_(changes), found_(changes.size(), false) {}

  /// `{"PutRequest":{"Item":{…}}}` or `{"DeleteRequest":{"Key":{…}}}`. One without item must not pass as nothing.
  Status take_request(json::Value& request) {
    bool marked = false;
    auto status = request.for_each_member([&](std::string_view kind, json::Value& content) -> Status {
      const bool put = kind == "PutRequest";
      if (!put && kind != "DeleteRequest") return refuse("an unprocessed item of the kind " + std::string(kind));
      return content.for_each_member([&](std::string_view name, json::Value& member) -> Status {
        if (name != (put ? "Item" : "Key")) return {};
        marked = true;
        return take_item(member, put);
      });
    });
    if (status && !marked) return refuse("an unprocessed request without item");
    return status;
  }

  [[nodiscard]] std::vector<std::size_t> indexes() const {
    std::vector<std::size_t> indexes;
    for (std::size_t i = 0; i < found_.size(); ++i) {
      if (found_[i]) indexes.push_back(i);
    }
    return indexes;
  }

 private:
  Status take_item(json::Value& item, bool put) {
    const auto text = item.raw();
    if (!text) return std::unexpected(text.error());
    const auto key = put ? keys_.from_item(*text) : keys_.from_key(*text);
    if (!key) return std::unexpected(key.error());
    return mark(*key, put);
  }

  Status mark(std::string_view key, bool put) {
    for (std::size_t i = 0; i < changes_.size(); ++i) {  // at most 25 changes: a search is quick enough
      const model::Change& change = *changes_[i];
      if (found_[i] || change.is_delete() == put || change.key() != key) continue;
      found_[i] = true;
      return {};
    }
    return refuse("an unprocessed item that was not sent: " + std::string(key.substr(0, 200)));
  }

  model::KeyCanonicalizer keys_;
  std::span<const model::Change* const> changes_;
  std::vector<bool> found_;
};

/// The name in an ARN of a table; a name stays as it is. Which of them an answer has need not be what was sent.
std::string_view name_of(std::string_view name_or_arn) { return name_or_arn.substr(name_or_arn.rfind('/') + 1); }

/// `{"Table":[request, …]}`, nearly always empty. The canonicalizer behind `Unprocessed` is made for the rare full one.
Status read_unprocessed(BatchWriteAnswer& answer, json::Value& value, const TableName& table,
                        const model::KeySchema& key, std::span<const model::Change* const> changes) {
  std::optional<Unprocessed> unprocessed;
  auto status = value.for_each_member([&](std::string_view name, json::Value& requests) -> Status {
    if (name_of(name) != name_of(table.str())) {
      return refuse("unprocessed items of another table, " + std::string(name));
    }
    if (!unprocessed) unprocessed.emplace(key, changes);
    return requests.for_each_element([&](json::Value& request) { return unprocessed->take_request(request); });
  });
  if (status && unprocessed) answer.unprocessed = unprocessed->indexes();
  return status;
}

}  // namespace

std::string batch_write_body(const TableName& table, std::span<const model::Change* const> changes) {
  constexpr std::string_view kTail = R"(]},"ReturnConsumedCapacity":"TOTAL"})";
  std::string body = R"({"RequestItems":{)";
  append_json_quoted(body, table.str());
  body += ":[";

  std::size_t size = body.size() + kTail.size();
  for (const model::Change* change : changes) {
    size += change->is_delete() ? kDelete.size() + change->key().size() : kPut.size() + change->image().size();
    size += kEndOfRequest.size() + 1;
  }
  body.reserve(size);
  for (const model::Change* change : changes) {
    if (change != changes.front()) body += ',';
    body += change->is_delete() ? kDelete : kPut;
    body += change->is_delete() ? change->key() : change->image();
    body += kEndOfRequest;
  }
  body += kTail;
  return body;
}

Result<BatchWriteAnswer> parse_batch_write_answer(std::string& body, const TableName& table,
                                                  const model::KeySchema& key,
                                                  std::span<const model::Change* const> changes, json::Reader& reader) {
  BatchWriteAnswer answer;
  auto status = reader.read(body, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      const bool unprocessed = name == "UnprocessedItems";
      if ((!unprocessed && name != "ConsumedCapacity") || member.consume_null()) return {};
      if (unprocessed) return read_unprocessed(answer, member, table, key, changes);
      return member.for_each_element([&](json::Value& capacity) { return add_units(answer.consumed_units, capacity); });
    });
  });
  if (!status) return as_fatal(std::move(status.error()));
  return answer;
}

Result<WriteAnswer> parse_write_answer(std::string& body, json::Reader& reader) {
  WriteAnswer answer;
  auto status = reader.read(body, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name != "ConsumedCapacity" || member.consume_null()) return {};
      return add_units(answer.consumed_units, member);
    });
  });
  if (!status) return as_fatal(std::move(status.error()));
  return answer;
}

Result<GetItemAnswer> parse_get_item_answer(std::string& body, json::Reader& reader) {
  GetItemAnswer answer;
  auto status = reader.read(body, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      const bool item = name == "Item";
      if ((!item && name != "ConsumedCapacity") || member.consume_null()) return {};
      if (!item) return add_units(answer.consumed_units, member);
      const auto text = member.raw();
      if (!text) return std::unexpected(text.error());
      answer.item = *text;
      return {};
    });
  });
  if (!status) return as_fatal(std::move(status.error()));
  return answer;
}

}  // namespace dynamirror::aws
