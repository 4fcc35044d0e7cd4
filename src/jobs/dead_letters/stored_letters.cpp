// SPDX-License-Identifier: Apache-2.0
#include "jobs/dead_letters/stored_letters.hpp"

#include <algorithm>
#include <utility>

namespace dynamirror::jobs {

async::Task<Status> LetterObjects::list_more() {
  auto page = co_await store_.list({}, from_);
  if (!page) co_return std::unexpected(std::move(page.error()));
  for (objects::ObjectInfo& object : page->objects) {
    const bool is_ours = object.key.ends_with(kLettersEnd) && std::ranges::count(object.key, '/') <= 1;
    if (is_ours) listed_.push_back(std::move(object.key));
  }
  from_ = std::move(page->next);
  listed_all_ = from_.empty();
  co_return Status{};
}

async::Task<Result<std::optional<StoredBatch>>> LetterObjects::next() {
  while (true) {  // ends with the listing
    while (listed_.empty() && !listed_all_) {
      auto more = co_await list_more();
      if (!more) co_return std::unexpected(std::move(more.error()));
    }
    if (listed_.empty()) co_return std::nullopt;
    StoredBatch batch{.name = std::move(listed_.front()), .table = {}, .lines = {}};
    listed_.pop_front();
    batch.table = batch.name.substr(0, batch.name.find('/'));
    if (batch.table == batch.name) batch.table.clear();
    const objects::GetOptions newest;
    auto lines = co_await store_.get(batch.name, newest);
    if (!lines && lines.error().error_class == ErrorClass::kNotFound) continue;  // somebody else replays, too
    if (!lines) co_return std::unexpected(std::move(lines.error()));
    batch.lines = std::move(*lines);
    co_return batch;
  }
}

async::Task<Result<bool>> LetterObjects::remove(const StoredBatch& batch) {
  const objects::GetOptions newest;
  const auto lines = co_await store_.get(batch.name, newest);
  if (!lines && lines.error().error_class == ErrorClass::kNotFound) co_return true;
  if (!lines) co_return std::unexpected(lines.error());
  if (*lines != batch.lines) co_return false;
  auto removed = co_await store_.remove(batch.name);
  if (!removed) co_return std::unexpected(std::move(removed.error()));
  co_return true;
}

}  // namespace dynamirror::jobs
