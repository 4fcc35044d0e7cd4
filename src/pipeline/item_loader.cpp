// SPDX-License-Identifier: Apache-2.0
#include "pipeline/item_loader.hpp"

#include <utility>

namespace dynamirror::jobs {

ItemLoader::ItemLoader(const Parts& parts, Options options)
    : clock_(parts.clock),
      keys_(parts.key),
      pipeline_(
          {parts.sink, parts.dead_letters, parts.clock, parts.random, parts.executor, ending_},
          {.max_bytes = options.max_bytes,
           .writing = {.max_concurrent_writes = options.max_concurrent_writes, .poison_hint = options.poison_hint}}),
      shard_(pipeline_.add_shard()),
      refuse_repeated_keys_(options.refuse_repeated_keys) {
  pipeline_.start();
}

async::Task<Status> ItemLoader::put(std::string_view item_json) {
  auto key = keys_.from_item(item_json);
  if (!key) co_return std::unexpected(std::move(key.error()));
  const std::string canonical(*key);
  if (refuse_repeated_keys_) {
    if (canonical == last_key_) {
      co_return failure(ErrorClass::kInvalid, "write item", canonical,
                        "two items of the backup have this key: the target's key is not that of the table backed up");
    }
    last_key_ = canonical;
  }
  co_return co_await push(canonical, item_json);
}

async::Task<Status> ItemLoader::remove(std::string_view key_json) {
  auto key = keys_.from_key(key_json);
  if (!key) co_return std::unexpected(std::move(key.error()));
  const std::string canonical(*key);
  co_return co_await push(canonical, {});
}

async::Task<Status> ItemLoader::push(std::string_view key, std::string_view image) {
  while (!ending_.failure() && !pipeline_.has_room()) co_await pipeline_.room().wait();
  if (ending_.failure()) co_return std::unexpected(ending_.failure()->error);
  pipeline_.push(shard_, model::Change(key, image, model::SequenceNumber::of(++count_), clock_.wall_now()));
  pipeline_.wake_writers();
  co_return Status{};
}

async::Task<JobResult<void>> ItemLoader::finish() {
  co_await pipeline_.drain();
  co_await pipeline_.stop();
  if (ending_.failure()) co_return std::unexpected(*ending_.failure());
  co_return JobResult<void>{};
}

}  // namespace dynamirror::jobs
