// SPDX-License-Identifier: Apache-2.0
#include "pipeline/write_core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace dynamirror::jobs {
namespace {

using Outcome = async::ConcurrencyLimit::Outcome;

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

WriteCore::WriteCore(Parts parts, Options options, transform::ChangeRules rules)
    : parts_(std::move(parts)), options_(options), rules_(std::move(rules)), buffer_(options.buffer) {
  for (const auto& rule : rules_) rule_counts_.push_back({.rule = rule->name()});
}

void WriteCore::remove_shard(ShardHandle shard) {
  std::erase(shards_, shard);
  buffer_.remove_shard(shard);
}

void WriteCore::push(ShardHandle shard, model::Change change) {
  if (!rules_.empty()) {
    const WallTime now = parts_.clock.wall_now();
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      const transform::Verdict verdict = rules_[i]->apply(change, now);
      if (verdict == transform::Verdict::kRewrite) ++rule_counts_[i].rewritten;
      if (verdict != transform::Verdict::kDrop) continue;
      ++rule_counts_[i].dropped;
      buffer_.push_filtered(shard, change.sequence());
      return;
    }
  }
  buffer_.push(shard, std::move(change));
}

JobResult<std::vector<sink::DeadLetter>> WriteCore::letters_for(
    ShardHandle shard, std::span<const model::UnreadableRecord> records) const {
  std::vector<sink::DeadLetter> letters;
  for (const model::UnreadableRecord& record : records) {
    letters.push_back({.change = model::Change({}, {}, record.sequence, record.arrived),
                       .shard = name_of(shard),
                       .error = {.error_class = ErrorClass::kInvalid,
                                 .doing = "read record",
                                 .resource = name_of(shard).str(),
                                 .code = std::string(sink::kUnreadableRecord),
                                 .message = record.reason},
                       .at = parts_.clock.wall_now(),
                       .attempts = 0,
                       .target = parts_.target,
                       .record = record.data});
  }
  if (parts_.dead_letters == nullptr && !letters.empty()) return std::unexpected(nobody_keeps(letters.front()));
  return letters;
}

std::optional<WriteCore::Batch> WriteCore::take(const sink::ChangeSink::Limits& limits) {
  while (true) {  // each turn takes something out of the buffer, or ends
    Batch batch{.changes = buffer_.take(limits.max_changes, limits.max_bytes, parts_.clock.steady_now())};
    if (batch.changes.empty()) return std::nullopt;
    batch.not_after = keep_permitted(batch.changes);
    if (batch.changes.empty()) continue;
    batch.set_aside = set_aside_quarantined(batch.changes);
    return batch;
  }
}

/// Leaves what may be written now, and answers until when. The rest is released, or waits for its lease to be renewed.
SteadyTime WriteCore::keep_permitted(std::vector<InFlight>& changes) {
  SteadyTime not_after = kNoDeadline;
  if (!permit_) return not_after;
  const SteadyTime now = parts_.clock.steady_now();
  std::erase_if(changes, [&](const InFlight& item) {
    const auto until = permit_(item.shard);
    if (!until) {
      buffer_.release(item.ticket);
    } else if (*until < now + kShortestWrite) {
      buffer_.postpone(item.ticket, now + kShortestWrite);
    } else {
      not_after = std::min(not_after, *until);
    }
    return !until || *until < now + kShortestWrite;
  });
  return not_after;
}

/// A key with a dead letter must not be written any more: its newest state has to end up in the file, after the older
/// one.
std::vector<WriteCore::InFlight> WriteCore::set_aside_quarantined(std::vector<InFlight>& changes) const {
  std::vector<InFlight> set_aside;
  if (parts_.dead_letters == nullptr || parts_.dead_letters->keys() == 0) return set_aside;
  std::erase_if(changes, [&](const InFlight& item) {
    if (!parts_.dead_letters->quarantined(item.change->key())) return false;
    set_aside.push_back(item);
    return true;
  });
  return set_aside;
}

WriteCore::Settled WriteCore::settle(const Batch& batch, std::span<const sink::Outcome> outcomes) {
  assert(outcomes.size() == batch.changes.size());
  Settled settled;
  const auto note = [&](std::optional<JobFailure> failure) {
    if (!settled.failure) settled.failure = std::move(failure);
  };
  Poison& poison = settled.poison;
  const auto set_aside = [&](const InFlight& item, Error error) {
    poison.letters.push_back(letter_for(item, std::move(error)));
    poison.tickets.push_back(item.ticket);
  };
  for (const InFlight& item : batch.set_aside) set_aside(item, sink::follows_dead_letter(parts_.target));

  std::size_t throttled = 0;
  std::size_t failed = 0;
  for (std::size_t i = 0; i < batch.changes.size(); ++i) {
    const InFlight& item = batch.changes[i];
    if (std::holds_alternative<sink::Applied>(outcomes[i])) {
      applied(item);
    } else if (const auto* again = std::get_if<sink::TryAgain>(&outcomes[i])) {
      ++(again->error.error_class == ErrorClass::kThrottled ? throttled : failed);
      note(try_again(item, again->error));
    } else if (const auto* newer = std::get_if<sink::Superseded>(&outcomes[i])) {
      ++statistics_.superseded_by[newer->rule];
      buffer_.superseded(item.ticket);
    } else if (const auto* wait = std::get_if<sink::WaitUntil>(&outcomes[i])) {
      buffer_.postpone(item.ticket, wait->at);
    } else {
      const Error& error = std::get<sink::Rejected>(outcomes[i]).error;
      statistics_.last_trouble = to_line(error);
      set_aside(item, error);
    }
  }
  if (throttled + failed == 0 && poison.letters.empty() && !buffer_.next_retry()) statistics_.last_trouble.clear();
  if (!poison.letters.empty() && parts_.dead_letters == nullptr) note(nobody_keeps(poison.letters.front()));
  // A few unprocessed items are one hot partition, no reason to slow down all others.
  if (failed * 2 > batch.changes.size()) settled.outcome = Outcome::kFailed;
  if (throttled * 2 > batch.changes.size()) settled.outcome = Outcome::kThrottled;
  return settled;
}

void WriteCore::dead_lettered(std::span<const ordering::ChangeBuffer::Ticket> tickets) {
  for (const ordering::ChangeBuffer::Ticket ticket : tickets) buffer_.dead_lettered(ticket);
}

std::uint64_t WriteCore::written() const {
  std::uint64_t written = counters().applied + counters().dead_lettered;
  for (const auto& [rule, count] : statistics_.superseded_by) written += count;
  return written;
}

void WriteCore::applied(const InFlight& item) {
  const auto lag =
      std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.wall_now() - item.change->created());
  statistics_.lag.add(lag);
  buffer_.applied(item.ticket);
}

std::optional<JobFailure> WriteCore::try_again(const InFlight& item, const Error& error) {
  statistics_.last_trouble = to_line(error);
  ++statistics_.retries;
  if (permit_ && !permit_(item.shard)) {
    buffer_.release(item.ticket);
    return std::nullopt;
  }
  if (item.attempts + 1 >= options_.max_attempts) {
    // One key that never gets through holds the checkpoint of its shard for ever, however well all others do.
    Error stuck = error;
    stuck.message +=
        fmt::format("; key {} could not be written in {} attempts in a row", item.change->key(), options_.max_attempts);
    return JobFailure{Reason::kStalled, std::move(stuck)};
  }
  buffer_.retry(item.ticket, parts_.clock.steady_now() + pause_before_retry(item.attempts, parts_.random));
  return std::nullopt;
}

JobFailure WriteCore::nobody_keeps(const sink::DeadLetter& letter) const {
  Error error = letter.error;
  error.message += letter.has_key() ? "; key " + std::string(letter.change.key()) : ";";
  if (!letter.shard.str().empty()) {
    error.message += " of shard " + letter.shard.str() + ", record " + letter.change.sequence().str();
  }
  error.message += " (" + std::string(options_.poison_hint) + ")";
  return {Reason::kPoison, std::move(error)};
}

sink::DeadLetter WriteCore::letter_for(const InFlight& item, Error error) const {
  return {.change = *item.change,
          .shard = name_of(item.shard),
          .error = std::move(error),
          .at = parts_.clock.wall_now(),
          .attempts = item.attempts + 1,
          .target = parts_.target};
}

std::string WriteCore::what_waits() const {
  const auto waiting =
      std::find_if(shards_.begin(), shards_.end(), [&](ShardHandle shard) { return buffer_.outstanding(shard) > 0; });
  if (!shard_name_ || waiting == shards_.end()) return "to " + parts_.target;
  return "of shard " + shard_name_(*waiting).str();
}

}  // namespace dynamirror::jobs
