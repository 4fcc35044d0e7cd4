// SPDX-License-Identifier: Apache-2.0
#include "source/shard_reader.hpp"

#include <cassert>
#include <utility>

#include "async/retry.hpp"
#include "async/sleep.hpp"
#include "base/log.hpp"

namespace dynamirror::source {
namespace {

constexpr std::string_view kExpiredIterator = "ExpiredIteratorException";

bool is_worth_another(const Error& error) { return error.retryable() || error.code == kExpiredIterator; }

constexpr async::RetryPolicy kReading{
    .max_attempts = async::RetryPolicy::kUnlimited,
    .backoff = {.base = std::chrono::milliseconds(100), .cap = std::chrono::milliseconds(5'000)},
    .give_up_after = std::nullopt,
    .worth_another = is_worth_another};

}  // namespace

ShardReader::ShardReader(Context context, ShardId shard, model::Checkpoint from, Options options)
    : context_(context),
      shard_(std::move(shard)),
      position_(from),
      options_(options),
      pace_(options.idle_poll, context.stream.pace()),
      begun_(context.clock.wall_now()),
      last_answer_(context.clock.steady_now()) {
  assert(!std::holds_alternative<model::ShardEnd>(from));
}

async::Task<Result<ShardReader::Page>> ShardReader::next() {
  assert(!ended_);
  if (pause_.count() > 0) co_await async::sleep_for(pause_);
  auto answer = co_await fetch();
  if (!answer) co_return std::unexpected(std::move(answer.error()));

  Page page{.changes = std::move(answer->changes), .unreadable = std::move(answer->unreadable)};
  // An answer of Kinesis without records, from before the tip, is no sign of having reached it.
  const std::size_t on_the_way = answer->behind ? 1 : 0;
  pause_ = pace_.after_answer(page.changes.size() + page.unreadable.size() + on_the_way, answer->bytes);
  page.empty_answers = pace_.empty_answers();
  position_.delivered(page.changes, page.unreadable);
  iterator_ = std::move(answer->next_iterator);
  ended_ = !iterator_;
  page.shard_ended = ended_;
  co_return page;
}

async::Task<Result<aws::RecordsPage>> ShardReader::fetch() {
  async::Retry retry(kReading, context_.random);
  while (true) {  // until an answer, or an error that no retry mends: who waits for the shard watches the time
    auto answer = co_await fetch_once();
    if (answer) {
      last_answer_ = context_.clock.steady_now();
      last_trouble_.clear();
      co_return answer;
    }
    note_trouble(answer.error());
    const bool again = co_await retry.again(answer.error());
    if (!again) co_return answer;
  }
}

async::Task<Result<aws::RecordsPage>> ShardReader::fetch_once() {
  async::Semaphore& slots = pace_.empty_answers() > 1 ? context_.slots.idle : context_.slots.busy;
  const auto slot = co_await slots.acquire();
  const ChangeStream& stream = context_.stream;
  if (!iterator_) {
    const model::Checkpoint before = stream.in_place_of_latest(begun_);
    if (position_.forgotten()) {
      log::warning("an iterator at LATEST has expired unused; reading the shard from before it",
                   {{"shard", shard_.str()}, {"from", model::to_string(before)}});
    }
    auto iterator = co_await stream.iterator(shard_, position_.of_next_iterator(before));
    if (!iterator) co_return std::unexpected(std::move(iterator.error()));
    iterator_ = std::move(*iterator);
  }
  ChangeStream::Read what{.iterator = *iterator_, .limit = options_.page_limit, .shard = shard_};
  co_return co_await stream.read(std::move(what));
}

void ShardReader::note_trouble(const Error& error) {
  last_trouble_ = to_line(error);
  if (error.code == kExpiredIterator) {
    log::debug("a shard iterator has expired; taking a new one", {{"shard", shard_.str()}});
    iterator_.reset();
  } else if (error.retryable()) {
    log::debug("a read will be tried again", {{"shard", shard_.str()}, {"error", last_trouble_}});
  }
}

}  // namespace dynamirror::source
