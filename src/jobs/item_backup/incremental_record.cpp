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

}  // namespace

bool RecordPair::equal() const {
  if (!table || !backup) return !table && !backup;
  if (*table == *backup) return true;
  model::ItemDigester digester;
  const auto difference = model::item_difference(digester, *table, *backup);
  return difference && difference->empty();
}

async::Task<Result<std::optional<std::string>>> read_item_object(objects::ObjectStore& store, sink::ItemObject object) {
  auto body = co_await store.get(object.name, kNewest);
  if (!body && body.error().error_class == ErrorClass::kNotFound && object.old_name) {
    body = co_await store.get(*object.old_name, kNewest);
  }
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
  for (int look = 0; look < kMaxLooks; ++look) {
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
