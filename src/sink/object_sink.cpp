// SPDX-License-Identifier: Apache-2.0
#include "sink/object_sink.hpp"

#include <utility>

namespace dynamirror::sink {

async::Task<Status> ObjectSink::apply(const model::Change& change) {
  auto object = names_.of(change.key());
  if (!object) co_return std::unexpected(std::move(object.error()));
  if (change.is_delete()) {
    if (auto removed = co_await store_.remove(object->name); !removed) co_return removed;
  } else {
    std::string body = without_whitespace(change.image()).value_or(std::string(change.image()));
    const objects::PutOptions options;
    if (auto put = co_await store_.put(object->name, std::move(body), options); !put) co_return put;
  }
  if (!object->old_name) co_return Status{};
  // Removing blindly would leave a delete marker for each change in a versioned bucket.
  const auto old = co_await store_.head(*object->old_name);
  if (old) co_return co_await store_.remove(*object->old_name);
  if (old.error().error_class == ErrorClass::kNotFound) co_return Status{};
  co_return std::unexpected(old.error());
}

async::Task<Result<std::vector<Outcome>>> ObjectSink::write(std::span<const model::Change* const> changes) {
  std::vector<Outcome> outcomes;
  outcomes.reserve(changes.size());
  for (const model::Change* change : changes) {
    auto status = co_await apply(*change);
    if (status) {
      outcomes.emplace_back(Applied{});
    } else if (status.error().retryable()) {
      outcomes.emplace_back(TryAgain{std::move(status.error())});
    } else if (status.error().error_class == ErrorClass::kInvalid) {
      outcomes.emplace_back(Rejected{std::move(status.error())});
    } else {
      co_return std::unexpected(std::move(status.error()));
    }
  }
  co_return outcomes;
}

}  // namespace dynamirror::sink
