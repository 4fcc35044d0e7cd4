// SPDX-License-Identifier: Apache-2.0
#include "pipeline/write_pump.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "async/backoff.hpp"
#include "base/log.hpp"

namespace dynamirror::jobs {
namespace {

/// A write is not begun when the lease that permits it ends sooner than this.
constexpr std::chrono::milliseconds kShortestWrite{100};

/// The pause before a change's next attempt. The client has retried already: what comes back here needs real time.
std::chrono::microseconds pause_before_retry(int failed_attempts, Random& random) {
  constexpr std::chrono::milliseconds kFirst{100};
  constexpr std::chrono::milliseconds kLongest{10'000};
  const auto range = std::min<std::chrono::milliseconds>(kLongest, kFirst * (1 << std::min(failed_attempts, 10)));
  return std::chrono::microseconds(static_cast<std::int64_t>(random.unit() * 1e3 * static_cast<double>(range.count())));
}

}  // namespace

WritePump::WritePump(const Parts& parts, Options options)
    : buffer_(parts.buffer),
      sink_(parts.sink),
      dead_letters_(parts.dead_letters),
      clock_(parts.clock),
      random_(parts.random),
      options_(options),
      ending_(parts.ending),
      limit_(
          {.initial = std::min<std::size_t>(4, options.max_concurrent_writes), .max = options.max_concurrent_writes}),
      writes_(parts.executor) {}

async::Task<> WritePump::run() {
  while (!failed_) {
    dispatch();
    const auto retry_at = buffer_.next_retry();
    if (retry_at && limit_.may_start()) {
      co_await wake_.wait_for(std::max(*retry_at - clock_.steady_now(), Duration(std::chrono::microseconds(100))));
    } else {
      co_await wake_.wait();
    }
  }
}

void WritePump::dispatch() {
  const auto limits = sink_.limits();
  while (!failed_ && limit_.may_start()) {
    auto batch = buffer_.take(limits.max_changes, limits.max_bytes, clock_.steady_now());
    if (batch.empty()) return;
    const SteadyTime not_after = keep_permitted(batch);
    if (batch.empty()) continue;
    limit_.started();
    writes_.spawn(write(std::move(batch), not_after));
  }
}

/// Leaves what may be written now, and answers until when. The rest is released, or waits for its lease to be renewed.
SteadyTime WritePump::keep_permitted(std::vector<InFlight>& batch) {
  SteadyTime not_after = kNoDeadline;
  if (!permit_) return not_after;
  const SteadyTime now = clock_.steady_now();
  bool released = false;
  std::erase_if(batch, [&](const InFlight& item) {
    const auto until = permit_(item.shard);
    if (!until) {
      buffer_.release(item.ticket);
      released = true;
    } else if (*until < now + kShortestWrite) {
      buffer_.postpone(item.ticket, now + kShortestWrite);
    } else {
      not_after = std::min(not_after, *until);
    }
    return !until || *until < now + kShortestWrite;
  });
  if (released) settled_.notify();
  return not_after;
}

async::Task<> WritePump::write(std::vector<InFlight> batch, SteadyTime not_after) {
  const SteadyTime begun = clock_.steady_now();
  Poison poison;
  set_aside_quarantined(batch, poison);
  auto outcome = async::ConcurrencyLimit::Outcome::kDone;
  if (!batch.empty()) {
    std::vector<const model::Change*> changes;
    changes.reserve(batch.size());
    for (const InFlight& item : batch) changes.push_back(item.change);

    auto outcomes = co_await sink_.write(changes, not_after);
    if (!outcomes) {
      fail({exit_code_for(outcomes.error()), std::move(outcomes.error())});
      co_return;
    }
    assert(outcomes->size() == batch.size());
    outcome = settle(batch, *outcomes, poison);
  }
  if (!poison.letters.empty()) give_up(std::move(poison));
  const SteadyTime now = clock_.steady_now();
  limit_.finished(now - begun, outcome, now);
  settled_.notify();
  if (buffer_.has_room()) room_.notify();
  wake_.notify();
}

/// A key with a dead letter must not be written any more: its newest state has to end up in the file, after the older
/// one.
void WritePump::set_aside_quarantined(std::vector<InFlight>& batch, Poison& poison) const {
  if (dead_letters_ == nullptr || dead_letters_->keys() == 0) return;
  std::erase_if(batch, [&](const InFlight& item) {
    if (!dead_letters_->quarantined(item.change->key())) return false;
    poison.letters.push_back(letter_for(item, sink::follows_dead_letter(sink_.describe())));
    poison.tickets.push_back(item.ticket);
    return true;
  });
}

/// Tells the concurrency limit what the batch came to.
async::ConcurrencyLimit::Outcome WritePump::settle(std::span<const InFlight> batch,
                                                   std::span<const sink::Outcome> outcomes, Poison& poison) {
  std::size_t throttled = 0;
  std::size_t failed = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (std::holds_alternative<sink::Applied>(outcomes[i])) {
      applied(batch[i]);
    } else if (const auto* again = std::get_if<sink::TryAgain>(&outcomes[i])) {
      ++(again->error.error_class == ErrorClass::kThrottled ? throttled : failed);
      try_again(batch[i], again->error);
    } else {
      const Error& error = std::get<sink::Rejected>(outcomes[i]).error;
      statistics_.last_trouble = to_line(error);
      poison.letters.push_back(letter_for(batch[i], error));
      poison.tickets.push_back(batch[i].ticket);
    }
  }
  if (throttled + failed == 0 && poison.letters.empty() && !buffer_.next_retry()) statistics_.last_trouble.clear();
  // A few unprocessed items are one hot partition, no reason to slow down all others.
  if (throttled * 2 > batch.size()) return async::ConcurrencyLimit::Outcome::kThrottled;
  if (failed * 2 > batch.size()) return async::ConcurrencyLimit::Outcome::kFailed;
  return async::ConcurrencyLimit::Outcome::kDone;
}

void WritePump::applied(const InFlight& item) {
  const auto lag = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.wall_now() - item.change->created());
  statistics_.lag.add(lag);
  buffer_.applied(item.ticket);
}

void WritePump::try_again(const InFlight& item, const Error& error) {
  statistics_.last_trouble = to_line(error);
  ++statistics_.retries;
  if (permit_ && !permit_(item.shard)) {
    buffer_.release(item.ticket);
    return;
  }
  if (item.attempts + 1 >= options_.max_attempts) {
    // One key that never gets through holds the checkpoint of its shard for ever, however well all others do.
    Error stuck = error;
    stuck.message +=
        fmt::format("; key {} could not be written in {} attempts in a row", item.change->key(), options_.max_attempts);
    fail({ExitCode::kStalled, std::move(stuck)});
    return;
  }
  buffer_.retry(item.ticket, clock_.steady_now() + pause_before_retry(item.attempts, random_));
}

/// Sets poison aside in the dead-letter file, or fails the job. Only what is in the file counts as settled.
void WritePump::give_up(Poison poison) {
  const sink::DeadLetter& first = poison.letters.front();
  if (dead_letters_ == nullptr) {
    Error error = first.error;
    error.message += "; key " + std::string(first.change.key());
    if (!first.shard.str().empty()) {
      error.message += " of shard " + first.shard.str() + ", record " + first.change.sequence().str();
    }
    error.message += " (" + std::string(options_.poison_hint) + ")";
    fail({ExitCode::kPoison, std::move(error)});
    return;
  }
  if (auto added = dead_letters_->add(poison.letters); !added) {
    fail({ExitCode::kState, std::move(added.error())});
    return;
  }
  log::warning("changes set aside as dead letters", {{"count", std::to_string(poison.letters.size())},
                                                     {"first_key", std::string(first.change.key())},
                                                     {"error", to_line(first.error)},
                                                     {"file", dead_letters_->file().string()}});
  for (const ordering::ChangeBuffer::Ticket ticket : poison.tickets) buffer_.dead_lettered(ticket);
}

sink::DeadLetter WritePump::letter_for(const InFlight& item, Error error) const {
  return {.change = *item.change,
          .shard = shard_name_ ? shard_name_(item.shard) : ShardId(),
          .error = std::move(error),
          .at = clock_.wall_now(),
          .attempts = item.attempts + 1,
          .target = sink_.describe()};
}

void WritePump::fail(JobFailure failure) {
  if (std::exchange(failed_, true)) return;
  ending_.fail(std::move(failure));
  settled_.notify();
  room_.notify();  // whoever waits for room must learn of it
  wake_.notify();
}

}  // namespace dynamirror::jobs
