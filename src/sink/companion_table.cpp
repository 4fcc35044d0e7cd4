// SPDX-License-Identifier: Apache-2.0
#include "sink/companion_table.hpp"

#include <utility>
#include <vector>

#include "base/text.hpp"
#include "json/writer.hpp"
#include "multimaster/item_state.hpp"
#include "sink/conflict_row.hpp"

namespace dynamirror::sink {
namespace {

using multimaster::Conflict;
using multimaster::Tombstone;
using multimaster::Version;

std::string row_key(std::string_view key_json, std::string_view what) {
  return R"({"key":{"S":)" + json_quoted(key_json) + R"(},"what":{"S":)" + json_quoted(what) + "}}";
}

std::string text_value(std::string_view text) { return R"({"S":)" + json_quoted(text) + "}"; }

/// Assignments and the condition of one update; a placeholder is the attribute's own name.
struct Update {
  ItemUpdate update{};
  std::string removed{};
  std::string condition{};

  void set(std::string_view name, const std::string& value_json) {
    add(update.expression, update.expression.empty() ? "SET " : ", ",
        "#" + std::string(name) + " = :" + std::string(name));
    add_name(name);
    add(update.values_json, update.values_json.empty() ? "{" : ",", "\":" + std::string(name) + "\":" + value_json);
  }
  void remove(std::string_view name) {
    add(removed, removed.empty() ? " REMOVE " : ", ", "#" + std::string(name));
    add_name(name);
  }
  void only_if_absent_or_smaller(const std::string& name) {
    add(condition, condition.empty() ? "" : " AND ",
        "(attribute_not_exists(#" + name + ") OR #" + name + " < :" + name + ")");
  }
  [[nodiscard]] ItemUpdate end() {
    update.expression += removed;
    update.names_json += "}";
    update.values_json += "}";
    return update;
  }

 private:
  static void add(std::string& text, std::string_view separator, const std::string& part) {
    text.append(separator).append(part);
  }
  void add_name(std::string_view name) {
    add(update.names_json, update.names_json.empty() ? "{" : ",",
        "\"#" + std::string(name) + "\":" + json_quoted(name));
  }
};

std::string conflict_id(const Conflict& conflict) {
  return std::string(CompanionTable::kConflict) + "#" + conflict.loser.text() + "#" + conflict.winner.text();
}

}  // namespace

model::KeySchema CompanionTable::schema() { return {.hash = {"key", "S"}, .range = model::KeyAttribute{"what", "S"}}; }

CompanionTable::CompanionTable(Options options, aws::DynamoDbClient& client, const Clock& clock, Random& random)
    : options_(std::move(options)),
      clock_(clock),
      reader_({.table = options_.table, .key = schema()}, client, clock, random),
      writer_(options_.table, std::nullopt, client, clock) {}

std::string CompanionTable::expiry() const {
  const auto end =
      std::chrono::duration_cast<std::chrono::seconds>((clock_.wall_now() + options_.kept).time_since_epoch());
  return R"({"N":")" + std::to_string(end.count()) + "\"}";
}

async::Task<Result<std::optional<Tombstone>>> CompanionTable::tombstone(std::string key_json, SteadyTime not_after) {
  const std::string key = row_key(key_json, kTombstone);
  std::vector<std::string_view> keys{key};
  auto rows = co_await reader_.read(std::move(keys), not_after);
  if (!rows) co_return std::unexpected(std::move(rows.error()));
  auto& row = rows->front();
  if (!row) co_return std::unexpected(std::move(row.error()));
  if (!*row) co_return std::optional<Tombstone>();
  auto texts = row_texts(**row);
  if (!texts) co_return std::unexpected(std::move(texts.error()));
  auto version = Version::parse((*texts)["version"]);
  if (!version) {
    co_return failure(ErrorClass::kFatal, "read tombstone", reader_.describe(),
                      "the row of " + key_json + " has no version; it is not ours");
  }
  Tombstone tombstone{.version = std::move(*version)};
  tombstone.base = Version::parse((*texts)["base"]);
  if (const auto image = texts->find("image"); image != texts->end()) tombstone.image = std::move(image->second);
  auto floor = Version::parse((*texts)["floor"]);
  auto floor_at = multimaster::parse_sortable((*texts)["floor_at"]);
  if (floor && floor_at) tombstone.floor = Tombstone::Floor{std::move(*floor), *floor_at};
  co_return std::optional<Tombstone>(std::move(tombstone));
}

async::Task<Result<bool>> CompanionTable::bury(std::string key_json, multimaster::Burial burial, SteadyTime not_after) {
  Update update;
  if (burial.version) {
    update.set("version", text_value(burial.version->text()));
    update.only_if_absent_or_smaller("version");
    update.set("at", text_value(format_time(clock_.wall_now())));
    if (burial.base) update.set("base", text_value(burial.base->text()));
    if (!burial.base) update.remove("base");
    if (burial.image) update.set("image", text_value(*burial.image));
    if (!burial.image) update.remove("image");
  }
  if (burial.floor) {
    update.set("floor", text_value(burial.floor->version.text()));
    update.set("floor_at", text_value(multimaster::sortable(burial.floor->at)));
    update.only_if_absent_or_smaller("floor_at");
  }
  update.set(kExpires, expiry());
  const std::string key = row_key(key_json, kTombstone);
  const model::Change row(key, burial.image ? *burial.image : key, {}, {});
  ItemUpdate written = update.end();
  aws::ItemCondition condition{.expression = update.condition, .names_json = {}, .values_json = {}};
  co_return co_await writer_.update(row, std::move(written), std::move(condition), not_after);
}

async::Task<Status> CompanionTable::note(std::string key_json, Conflict conflict, SteadyTime not_after) {
  const std::string key = row_key(key_json, conflict_id(conflict));
  std::string row;
  json::Writer json(row);
  json.begin_object().name("key").raw(text_value(key_json)).name("what").raw(text_value(conflict_id(conflict)));
  json.name("winner").raw(text_value(conflict.winner.text())).name("loser").raw(text_value(conflict.loser.text()));
  json.name("kind").raw(text_value(multimaster::kind_of(conflict)));
  if (!conflict.winner_image.empty()) {
    json.name("winner_image").raw(text_value(multimaster::without_marks(conflict.winner_image)));
  }
  if (!conflict.loser_image.empty()) {
    json.name("loser_image").raw(text_value(multimaster::without_marks(conflict.loser_image)));
  }
  json.name("rule").raw(text_value("last-writer")).name("at").raw(text_value(format_time(clock_.wall_now())));
  json.name(kExpires).raw(expiry()).end_object();
  const model::Change change(key, row, {}, {});
  aws::ItemCondition always;
  auto written = co_await writer_.write(change, row, std::move(always), not_after);
  if (!written) co_return std::unexpected(std::move(written.error()));
  co_return Status{};
}

async::Task<Status> CompanionTable::take_back(std::string key_json, Conflict conflict, SteadyTime not_after) {
  const std::string key = row_key(key_json, conflict_id(conflict));
  const model::Change change(key, {}, {}, {});
  aws::ItemCondition always;
  auto written = co_await writer_.write(change, std::string(), std::move(always), not_after);
  if (!written) co_return std::unexpected(std::move(written.error()));
  co_return Status{};
}

}  // namespace dynamirror::sink
