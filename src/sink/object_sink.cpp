// SPDX-License-Identifier: Apache-2.0
#include "sink/object_sink.hpp"

#include <utility>

namespace dynamirror::sink {

async::Task<Status> store_item(objects::ObjectStore& store, ItemObject object, std::optional<std::string> item,
                               SteadyTime not_after) {
  Status done;
  if (item) {
    std::string body = without_whitespace(*item).value_or(std::move(*item));
    objects::PutOptions options;
    options.not_after = not_after;
    done = co_await store.put(object.name, std::move(body), options);
  } else {
    done = co_await store.remove_until(object.name, not_after);
  }
  if (!done || !object.old_name) co_return done;
  // Removing blindly would leave a delete marker for each change in a versioned bucket.
  const auto old = co_await store.head(*object.old_name);
  if (old) co_return co_await store.remove_until(*object.old_name, not_after);
  if (old.error().error_class == ErrorClass::kNotFound) co_return Status{};
  co_return std::unexpected(old.error());
}

async::Task<Result<std::vector<Outcome>>> ObjectSink::write(std::span<const model::Change* const> changes,
                                                            SteadyTime not_after) {
  std::vector<Outcome> outcomes;
  outcomes.reserve(changes.size());
  for (const model::Change* change : changes) {
    if (change->is_key_only()) co_return std::unexpected(image_unknown(describe(), *change));
  }
  for (const model::Change* change : changes) {
    Status status;
    auto object = names_.of(change->key());
    const bool named = object.has_value();
    if (object) {
      std::optional<std::string> item;
      if (!change->is_delete()) item.emplace(change->image());
      status = co_await store_item(store_, std::move(*object), std::move(item), not_after);
    } else {
      status = std::unexpected(std::move(object.error()));
    }
    if (status) {
      outcomes.emplace_back(Applied{});
    } else if (status.error().retryable()) {
      outcomes.emplace_back(TryAgain{std::move(status.error())});
    } else if (!named || status.error().code == "EntityTooLarge") {
      // All else that a store calls invalid (another region, ACLs that are off, …) is wrong with every change alike.
      outcomes.emplace_back(Rejected{std::move(status.error())});
    } else {
      co_return std::unexpected(std::move(status.error()));
    }
  }
  co_return outcomes;
}

}  // namespace dynamirror::sink
