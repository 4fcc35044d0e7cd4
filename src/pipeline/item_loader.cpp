// SPDX-License-Identifier: Apache-2.0
#include "pipeline/item_loader.hpp"

#include <cassert>
#include <utility>

namespace dynamirror::jobs {

ItemLoader::ItemLoader(model::KeySchema key, sink::ChangeSink& sink, sink::DeadLetters* dead_letters,
                       const Clock& clock, Random& random, boost::asio::any_io_executor executor, Options options)
    : buffer_({.max_bytes = options.max_bytes}),
      clock_(clock),
      keys_(std::move(key)),
      pump_(buffer_, sink, dead_letters, clock, random, executor,
            {.max_concurrent_writes = options.max_concurrent_writes,
             .stop_on_poison = dead_letters == nullptr,
             .poison_hint = options.poison_hint},
            [this](JobFailure reason) {
              if (!failure_) failure_ = std::move(reason);
              pump_.room().notify();  // whoever waits for room must learn of it
            }),
      writing_(executor),
      shard_(buffer_.add_shard()),
      refuse_repeated_keys_(options.refuse_repeated_keys) {
  writing_.spawn(pump_.run());
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
  while (!failure_ && !buffer_.has_room()) co_await pump_.room().wait();
  if (failure_) co_return std::unexpected(failure_->error);
  const auto sequence = model::SequenceNumber::parse(std::to_string(++count_));
  assert(sequence);
  buffer_.push(shard_, model::Change(key, image, *sequence, clock_.wall_now()));
  pump_.changes_arrived();
  co_return Status{};
}

async::Task<JobResult<void>> ItemLoader::finish() {
  while (!failure_ && buffer_.counters().held() > 0) co_await pump_.settled().wait();
  writing_.cancel();
  co_await writing_.join();
  pump_.abandon_writes();
  co_await pump_.writes_ended();
  if (failure_) co_return std::unexpected(*failure_);
  co_return JobResult<void>{};
}

}  // namespace dynamirror::jobs
