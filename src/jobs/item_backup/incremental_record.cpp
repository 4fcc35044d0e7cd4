// SPDX-License-Identifier: Apache-2.0
#include "jobs/item_backup/incremental_record.hpp"

#include <utility>

#include "model/item_difference.hpp"
#include "sink/object_sink.hpp"

namespace dynamirror::jobs {
namespace {

const objects::GetOptions kNewest;

async::Task<Result<std::optional<std::string>>> read_table(TableSide& table, std::string key) {
  const aws::GetItemOptions consistent;
  auto answer = co_await table.dynamodb().get_item(table.address().table, key, consistent);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return std::move(answer->item);
}

/// When an object was written; nothing when it is not there. S3 denies to say of an absent object that it is, to those
/// who may not list everything.
async::Task<Result<std::optional<WallTime>>> written_at(objects::ObjectStore& store, std::string name) {
  const auto info = co_await store.head(std::move(name));
  if (info) co_return std::optional(info->modified);
  const ErrorClass error = info.error().error_class;
  if (error == ErrorClass::kNotFound || error == ErrorClass::kDenied) co_return std::optional<WallTime>();
  co_return std::unexpected(info.error());
}

/// Of two names the one whose object is newer, as TwoNames has it: the sorted one's of two that are equally old.
async::Task<Result<std::string>> newer_name(objects::ObjectStore& store, sink::ItemObject object) {
  if (!object.old_name) co_return object.name;
  const auto old = co_await written_at(store, *object.old_name);
  if (!old) co_return std::unexpected(old.error());
  if (!*old) co_return object.name;
  const auto sorted = co_await written_at(store, object.name);
  if (!sorted) co_return std::unexpected(sorted.error());
  co_return *old > *sorted ? *object.old_name : object.name;
}

}  // namespace

bool RecordPair::equal() const {
  if (!table || !backup) return !table && !backup;
  if (*table == *backup) return true;
  model::ItemDigester digester;
  const auto difference = model::item_difference(digester, *table, *backup);
  return difference && difference->empty();
}

async::Task<Result<std::optional<std::string>>> read_item_object(objects::ObjectStore& store, sink::ItemObject object) {
  auto name = co_await newer_name(store, object);
  if (!name) co_return std::unexpected(std::move(name.error()));
  auto body = co_await store.get(*name, kNewest);
  if (body) co_return std::optional(std::move(*body));
  if (body.error().error_class == ErrorClass::kNotFound && body.error().code != "NoSuchBucket") {
    co_return std::optional<std::string>();
  }
  co_return std::unexpected(std::move(body.error()));
}

async::Task<Result<RecordPair>> compare_record(TableSide& table, objects::ObjectStore& store, sink::ItemObject object,
                                               std::string key) {
  auto item = co_await read_table(table, key);
  if (!item) co_return std::unexpected(std::move(item.error()));
  auto backup = co_await read_item_object(store, object);
  if (!backup) co_return std::unexpected(std::move(backup.error()));
  co_return RecordPair{std::move(*item), std::move(*backup)};
}

async::Task<Result<ObjectUpdate>> write_item_object(TableSide& table, objects::ObjectStore& store,
                                                    sink::ItemObject object, std::string key,
                                                    std::optional<std::string> item, bool recheck) {
  // An item that changes more often while we look is being written by the incremental backup, too.
  constexpr int kMaxLooks = 20;
  const aws::GetItemOptions consistent;
  ObjectUpdate update{.item = std::move(item)};
  for (int attempt = 0; attempt < kMaxLooks; ++attempt) {
    const auto done = co_await sink::store_item(store, object, update.item);
    if (!done) co_return std::unexpected(done.error());
    if (!recheck) break;
    auto now = co_await table.dynamodb().get_item(table.address().table, key, consistent);
    if (!now) co_return std::unexpected(std::move(now.error()));
    update.consumed_read_units += now->consumed_units;
    const bool same = RecordPair{now->item, update.item}.equal();
    update.item = std::move(now->item);
    if (same) break;
    ++update.corrections;
  }
  co_return update;
}

}  // namespace dynamirror::jobs
