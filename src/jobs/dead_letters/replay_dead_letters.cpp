// SPDX-License-Identifier: Apache-2.0
#include "jobs/dead_letters/replay_dead_letters.hpp"

#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/log.hpp"

namespace dynamirror::jobs {
namespace {

using sink::DeadLetter;
using sink::DeadLetters;

/// What becomes of one key.
struct KeyState {
  std::uint64_t newest_entry = 0;  ///< index in the file of its last letter
  std::uint64_t letters = 0;
  bool applied = false;
  int attempts = 0;              ///< of this replay
  std::optional<Error> error{};  ///< nothing: not tried
};
struct Keys : std::unordered_map<std::string, KeyState> {
  std::uint64_t unreadable = 0;  ///< letters without one
};

/// The newest letter of a key, and where to note what became of it.
struct Attempt {
  model::Change change;
  KeyState* state;
};

/// `target`: whose letters these must be; empty: anybody's.
Result<Keys> find_keys(const DeadLetters& letters, const std::string& target) {
  Keys keys;
  auto walk = letters.walk();
  for (std::uint64_t entry = 0;; ++entry) {  // ends with the file
    const auto letter = walk.next();
    if (!letter) return std::unexpected(letter.error());
    if (!*letter) return keys;
    if (!(*letter)->has_key()) {
      ++keys.unreadable;
      continue;
    }
    if (!target.empty() && !(*letter)->target.empty() && (*letter)->target != target) {
      return failure(ErrorClass::kInvalid, "replay dead letters to", target,
                     "letter " + std::to_string(entry + 1) + " is of " + (*letter)->target +
                         "; --other-target replays it all the same");
    }
    KeyState& state = keys[std::string((*letter)->change.key())];
    state.newest_entry = entry;
    ++state.letters;
  }
}

/// Notes the outcomes and returns what is to be tried again.
std::vector<Attempt> note(std::vector<Attempt> batch, const std::vector<sink::Outcome>& outcomes, int max_attempts) {
  std::vector<Attempt> again;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    KeyState& state = *batch[i].state;
    ++state.attempts;
    if (std::holds_alternative<sink::Applied>(outcomes[i]) || std::holds_alternative<sink::Superseded>(outcomes[i])) {
      state.applied = true;
    } else if (const auto* rejected = std::get_if<sink::Rejected>(&outcomes[i])) {
      state.error = rejected->error;
    } else {
      if (const auto* trouble = std::get_if<sink::TryAgain>(&outcomes[i])) state.error = trouble->error;
      if (state.attempts < max_attempts) again.push_back(std::move(batch[i]));
    }
  }
  return again;
}

/// Writes one batch, as often as its members may be tried. Errors: as `ChangeSink::write`.
async::Task<Status> write_batch(std::vector<Attempt> batch, sink::ChangeSink& target, Random& random,
                                const ReplayOptions& options) {
  const async::RetryPolicy policy{
      .max_attempts = async::RetryPolicy::kUnlimited, .backoff = options.backoff, .give_up_after = std::nullopt};
  async::Retry retry(policy, random);
  while (!batch.empty()) {  // `note` gives a change back at most max_attempts times
    std::vector<const model::Change*> changes;
    for (const Attempt& attempt : batch) changes.push_back(&attempt.change);
    const auto outcomes = co_await target.write(changes, kNoDeadline);
    if (!outcomes) co_return std::unexpected(outcomes.error());
    batch = note(std::move(batch), *outcomes, options.max_attempts);
    if (!batch.empty()) (void)co_await retry.again();
  }
  co_return Status{};
}

/// Gives the newest letter of each key, in file order, in batches that one `write` may carry.
class Batches {
 public:
  Batches(const DeadLetters& letters, Keys& keys, sink::ChangeSink::Limits limits)
      : walk_(letters.walk()), keys_(keys), limits_(limits) {}

  /// Empty at the end.
  [[nodiscard]] Result<std::vector<Attempt>> next() {
    std::vector<Attempt> batch;
    std::size_t bytes = 0;
    while (true) {  // ends with the batch or with the file
      if (!ahead_) {
        auto found = next_newest();
        if (!found) return std::unexpected(found.error());
        if (!*found) return batch;
        ahead_ = std::move(*found);
      }
      const std::size_t size = ahead_->change.key().size() + ahead_->change.image().size();
      const bool fits = batch.size() < limits_.max_changes && bytes + size <= limits_.max_bytes;
      if (!fits && !batch.empty()) return batch;
      bytes += size;
      batch.push_back(std::move(*ahead_));
      ahead_.reset();
    }
  }

 private:
  [[nodiscard]] Result<std::optional<Attempt>> next_newest() {
    while (true) {  // ends with the file
      auto letter = walk_.next();
      if (!letter) return std::unexpected(letter.error());
      if (!*letter) return std::nullopt;
      if (!(*letter)->has_key()) {
        ++entry_;
        continue;
      }
      KeyState& state = keys_.at(std::string((*letter)->change.key()));
      if (entry_++ == state.newest_entry) return Attempt{std::move((*letter)->change), &state};
    }
  }

  DeadLetters::Walk walk_;
  Keys& keys_;
  sink::ChangeSink::Limits limits_;
  std::uint64_t entry_ = 0;
  std::optional<Attempt> ahead_;  // did not fit into the batch before
};

/// Takes the letters of applied keys out of the file, and notes on the newest letter of the others why it failed again.
Status update_file(DeadLetters& letters, const Keys& keys, const std::string& target, WallTime now) {
  std::uint64_t entry = 0;
  return letters.rewrite([&](DeadLetter& letter) {
    const std::uint64_t number = entry++;
    if (!letter.has_key()) return DeadLetters::Verdict::kKeep;
    const KeyState& state = keys.at(std::string(letter.change.key()));
    const bool newest = number == state.newest_entry;
    if (state.applied) return DeadLetters::Verdict::kRemove;
    if (!newest || !state.error) return DeadLetters::Verdict::kKeep;
    letter.error = *state.error;
    letter.at = now;
    letter.attempts += state.attempts;
    letter.target = target;
    return DeadLetters::Verdict::kKeepChanged;
  });
}

ReplayResult count(const Keys& keys) {
  ReplayResult result;
  result.keys = keys.size();
  result.unreadable = keys.unreadable;
  for (const auto& [key, state] : keys) {
    result.entries += state.letters;
    if (state.applied) {
      ++result.applied;
      result.superseded += state.letters - 1;
    } else {
      ++result.still_failing;
    }
  }
  return result;
}

}  // namespace

async::Task<Result<ReplayResult>> replay_dead_letters(DeadLetters& letters, sink::ChangeSink& target,
                                                      const Clock& clock, Random& random,
                                                      const ReplayOptions& options) {
  auto keys = find_keys(letters, options.other_target ? std::string() : target.describe());
  if (!keys) co_return std::unexpected(keys.error());
  if (keys->unreadable > 0) {
    log::warning(
        "some letters hold records of the stream that are no changes, and cannot be replayed; see the error and the "
        "base64 text \"record\" of each, repeat by hand what is missing, and remove their lines",
        {{"letters", std::to_string(keys->unreadable)},
         {"file", options.place.empty() ? letters.describe() : options.place}});
  }
  Batches batches(letters, *keys, target.limits());
  std::optional<Error> stopped_by;
  while (!stopped_by) {  // ends with the file
    auto batch = batches.next();
    if (!batch) co_return std::unexpected(batch.error());
    if (batch->empty()) break;
    const Status written = co_await write_batch(std::move(*batch), target, random, options);
    if (!written) stopped_by = written.error();
  }
  if (auto updated = update_file(letters, *keys, target.describe(), clock.wall_now()); !updated) {
    co_return std::unexpected(updated.error());
  }
  ReplayResult result = count(*keys);
  result.stopped_by = std::move(stopped_by);
  co_return result;
}

}  // namespace dynamirror::jobs
