// SPDX-License-Identifier: Apache-2.0
#include "aws/dynamodb/batch_get.hpp"

#include <unordered_map>
#include <utility>

#include "json/read_into.hpp"
#include "json/writer.hpp"
#include "model/key_canonicalizer.hpp"

namespace dynamirror::aws {
namespace {

std::unexpected<Error> refuse(std::string message) {
  return failure(ErrorClass::kFatal, "read answer", {}, std::move(message));
}

/// The name in an ARN of a table; a name stays as it is.
std::string_view name_of(std::string_view name_or_arn) { return name_or_arn.substr(name_or_arn.rfind('/') + 1); }

/// Puts together what one answer says of each key.
class Answers {
 public:
  Answers(const TableName& table, const model::KeySchema& schema, std::span<const std::string_view> keys)
      : table_(table), canonical_(schema), answered_(keys.size(), false) {
    answer_.items.resize(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) index_.emplace(keys[i], i);
  }

  Status take(std::string_view name, json::Value& member) {
    if (name == "Responses") return take_responses(member);
    if (member.consume_null()) return {};
    if (name == "UnprocessedKeys") return take_unprocessed(member);
    if (name != "ConsumedCapacity") return {};
    return member.for_each_element([&](json::Value& capacity) { return add_units(capacity); });
  }

  [[nodiscard]] Result<BatchGetAnswer> end() {
    for (std::size_t i = 0; i < unprocessed_.size(); ++i) {
      if (unprocessed_[i]) answer_.unprocessed.push_back(i);
    }
    // Without the list of items nobody could tell a key without item from one that was forgotten.
    const bool all_left = answer_.unprocessed.size() == answered_.size();
    if (!listed_ && !all_left) return refuse("the answer has no list of items of the table " + table_.str());
    return std::move(answer_);
  }

 private:
  Status take_responses(json::Value& tables) {
    return tables.for_each_member([&](std::string_view name, json::Value& items) -> Status {
      if (name_of(name) != name_of(table_.str())) return refuse("items of another table, " + std::string(name));
      if (std::exchange(listed_, true)) return refuse("the table's items are listed twice");
      return items.for_each_element([&](json::Value& item) -> Status {
        const auto text = item.raw();
        if (!text) return std::unexpected(text.error());
        const auto index = index_of(canonical_.from_item(*text));
        if (!index) return std::unexpected(index.error());
        answer_.items[*index].emplace(*text);
        return {};
      });
    });
  }

  Status take_unprocessed(json::Value& tables) {
    return tables.for_each_member([&](std::string_view name, json::Value& request) -> Status {
      if (name_of(name) != name_of(table_.str())) return refuse("keys of another table, " + std::string(name));
      return request.for_each_member([&](std::string_view part, json::Value& keys) -> Status {
        if (part != "Keys") return {};
        return keys.for_each_element([&](json::Value& key) { return take_unprocessed_key(key); });
      });
    });
  }

  Status take_unprocessed_key(json::Value& key) {
    const auto text = key.raw();
    if (!text) return std::unexpected(text.error());
    const auto index = index_of(canonical_.from_key(*text));
    if (!index) return std::unexpected(index.error());
    unprocessed_.resize(answered_.size());
    unprocessed_[*index] = true;
    return {};
  }

  Result<std::size_t> index_of(const Result<std::string_view>& key) {
    if (!key) return std::unexpected(key.error());
    const auto asked = index_.find(*key);
    if (asked == index_.end()) return refuse("a key that was not asked for: " + std::string(key->substr(0, 200)));
    if (answered_[asked->second]) return refuse("a key is answered twice: " + std::string(key->substr(0, 200)));
    answered_[asked->second] = true;
    return asked->second;
  }

  Status add_units(json::Value& capacity) {
    return capacity.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name != "CapacityUnits") return {};
      double more = 0;
      auto status = json::read_into(more, member);
      answer_.consumed_units += more;
      return status;
    });
  }

  const TableName& table_;
  model::KeyCanonicalizer canonical_;
  std::unordered_map<std::string_view, std::size_t> index_;
  std::vector<bool> answered_;
  std::vector<bool> unprocessed_;
  bool listed_ = false;
  BatchGetAnswer answer_;
};

}  // namespace

std::string batch_get_body(const TableName& table, std::span<const std::string_view> keys, bool consistent) {
  std::string body;
  std::size_t size = 128 + table.str().size();
  for (const std::string_view key : keys) size += key.size() + 1;
  body.reserve(size);
  json::Writer json(body);
  json.begin_object().name("RequestItems").begin_object().name(table.str()).begin_object();
  json.name("Keys").begin_array();
  for (const std::string_view key : keys) json.raw(key);
  json.end_array().name("ConsistentRead").boolean(consistent).end_object().end_object();
  json.name("ReturnConsumedCapacity").string("TOTAL").end_object();
  return body;
}

Result<BatchGetAnswer> parse_batch_get_answer(std::string& body, const TableName& table, const model::KeySchema& schema,
                                              std::span<const std::string_view> keys, json::Reader& reader) {
  Answers answers(table, schema, keys);
  auto status = reader.read(body, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) { return answers.take(name, member); });
  });
  auto answer = status ? answers.end() : Result<BatchGetAnswer>(std::unexpected(std::move(status.error())));
  if (answer) return answer;
  // Not the user's request is invalid, the service is not understood.
  answer.error().error_class = ErrorClass::kFatal;
  answer.error().doing = "read answer";
  return answer;
}

}  // namespace dynamirror::aws
