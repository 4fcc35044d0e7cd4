// SPDX-License-Identifier: Apache-2.0
#include "jobs/item_backup/item_folder.hpp"

#include <utility>

#include "aws/dynamodb/table_description.hpp"
#include "aws/dynamodb/table_settings.hpp"
#include "base/log.hpp"
#include "sink/item_objects.hpp"

namespace dynamirror::jobs {
namespace {

/// No table's name has an "@" in it.
constexpr std::string_view kSettingsFolder = "@tables/";
constexpr std::string_view kSettingsEnd = ".table.json";
constexpr int kMaxLooksForKey = 3;  ///< at the first objects; a folder may hold others than items

/// A role may have been given less than this look needs, and a server may not know versions.
bool cannot_look(const Error& error) {
  return error.error_class == ErrorClass::kDenied || error.error_class == ErrorClass::kInvalid ||
         error.error_class == ErrorClass::kNotFound;
}

/// Whether there is, or was, an object whose name begins so; nothing when that cannot be seen.
async::Task<Result<std::optional<bool>>> has_versions(objects::ObjectStore& store, std::string prefix) {
  auto page = co_await store.list_versions(std::move(prefix), {});
  if (page) co_return std::optional(!page->versions.empty());
  if (cannot_look(page.error())) co_return std::optional<bool>();
  co_return std::unexpected(std::move(page.error()));
}

std::string settings_name(std::string_view folder) {
  const bool doubled = folder.starts_with('/');
  if (doubled) folder.remove_prefix(1);
  std::string name(doubled ? "/" : "");
  return name.append(kSettingsFolder).append(folder).append("/settings").append(kSettingsEnd);
}

async::Task<Result<std::optional<std::string>>> get_if_there(objects::ObjectStore& store, std::string name) {
  const objects::GetOptions newest;
  auto body = co_await store.get(std::move(name), newest);
  if (body) co_return std::optional(std::move(*body));
  if (body.error().error_class == ErrorClass::kNotFound) co_return std::optional<std::string>();
  co_return std::unexpected(std::move(body.error()));
}

std::optional<model::KeySchema> key_in(const std::string& settings_json) {
  const auto settings = aws::parse_table_settings(settings_json);
  if (!settings) return std::nullopt;
  auto table = aws::parse_table_description(settings->description_json);
  if (!table) return std::nullopt;
  return std::move(table->key);
}

}  // namespace

async::Task<Result<std::string>> find_item_folder(objects::ObjectStore& store, std::string table) {
  const std::string plain = table + "/";
  const auto listed = co_await store.list(plain, {});
  if (!listed && !cannot_look(listed.error())) co_return std::unexpected(listed.error());
  if (!listed || !listed->objects.empty()) co_return table;
  const std::string doubled = "/" + plain;
  const auto there = co_await has_versions(store, doubled);
  if (!there) co_return std::unexpected(there.error());
  if (!there->value_or(false)) co_return table;
  const auto deleted = co_await has_versions(store, plain);
  if (!deleted) co_return std::unexpected(deleted.error());
  if (deleted->value_or(false)) co_return table;
  log::info("the objects stand behind an empty part of the name, as mapbox's tools write them: going on there",
            {{"objects", store.describe(doubled)}});
  co_return "/" + table;
}

async::Task<Status> save_item_settings(TableSide& table, objects::ObjectStore& store, std::string folder) {
  auto settings = co_await aws::read_settings(table.dynamodb(), table.address().table);
  if (!settings) co_return std::unexpected(std::move(settings.error()));
  const objects::PutOptions json;
  co_return co_await store.put(settings_name(folder), aws::to_json(*settings), json);
}

async::Task<Result<std::optional<std::string>>> read_item_settings(objects::ObjectStore& store, std::string folder) {
  auto settings = co_await get_if_there(store, settings_name(folder));
  if (!settings || *settings) co_return settings;
  co_return co_await get_if_there(store, folder.append(kSettingsEnd));
}

bool is_item_settings(std::string_view name) { return name.ends_with(kSettingsEnd); }

async::Task<Result<std::optional<model::KeySchema>>> find_item_key(objects::ObjectStore& store, std::string folder) {
  auto settings = co_await read_item_settings(store, folder);
  if (!settings) co_return std::unexpected(std::move(settings.error()));
  if (*settings) {
    auto key = key_in(**settings);
    if (key) co_return key;
  }
  // Versions, too: all items may be deleted now.
  folder += '/';
  auto page = co_await store.list_versions(folder, {});
  if (!page) co_return std::unexpected(std::move(page.error()));
  int looks = 0;
  for (const objects::ObjectVersion& version : page->versions) {
    if (version.is_delete_marker) continue;
    objects::GetOptions options;
    options.version_id = version.version_id;
    const auto item = co_await store.get(version.key, options);
    if (!item && item.error().retryable()) co_return std::unexpected(item.error());
    auto key = item ? sink::find_key(std::string_view(version.key).substr(folder.size()), *item) : std::nullopt;
    if (key) co_return key;
    if (++looks == kMaxLooksForKey) break;
  }
  co_return std::optional<model::KeySchema>();
}

}  // namespace dynamirror::jobs
