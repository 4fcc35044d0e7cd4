// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "async/stop_request.hpp"
#include "async/task.hpp"
#include "base/clock.hpp"
#include "jobs/diff/diff_finding.hpp"
#include "jobs/diff/diff_join.hpp"
#include "model/item_digest.hpp"
#include "tables/diff_table.hpp"

namespace dynamirror::jobs {

/// Tells differences that last from those that a live, lagging replica shows for a moment.
///
/// A suspect is looked at in rounds, each a consistent read of both sides, and each at least `settle` after the one
/// before; the scans that made it a suspect count as the first look. It is a difference when two looks in a row found
/// both sides as they were, and not equal. It is dismissed when a look found them equal. A key that keeps changing on
/// both sides is given up after some rounds and reported as changing, which is not a difference; one whose replica has
/// not moved all the while is a difference: nothing brings it the changes.
///
/// Trusting the scans as the first look halves the reads, but the two scans passed a key at different moments, so that
/// one more condition holds for it: no other suspect of the batch has changed since. On a live table the batch always
/// shows that it lives, and everything in it gets its two looks.
///
/// Memory: some hundred bytes for each suspect of a batch. Not thread-safe: lives on one event loop.
class DiffVerifier {
 public:
  struct Options {
    std::chrono::milliseconds settle{2'000};
    int max_rounds = 6;
    std::size_t width = 64;              ///< keys being read at once
    std::vector<std::string> ignored{};  ///< attributes that do not count
  };

  /// REQUIRES: what is referred to outlives the verifier.
  DiffVerifier(Options options, DiffTable& primary, DiffTable& replica, const Clock& clock, StopRequest& stop)
      : options_(std::move(options)),
        primary_(primary),
        replica_(replica),
        clock_(clock),
        stop_(stop),
        digester_(options_.ignored) {}

  struct Verdicts {
    std::vector<DiffFinding> findings;
    std::vector<std::string> changing;  ///< keys
  };

  /// `seen_until`: when the looks recorded in the suspects ended. A stop request ends it early, with an error of class
  /// conflict. Errors: those of DiffTable.
  [[nodiscard]] async::Task<Result<Verdicts>> verify(std::vector<DiffSuspect> suspects, SteadyTime seen_until);

  /// Reads both sides: the replica first, so that the primary's item is at least as new as what the replica's can have
  /// come from. Nothing when they are equal. Errors: those of DiffTable; class fatal for an item nobody can read.
  [[nodiscard]] async::Task<Result<std::optional<DiffPair>>> look(std::string key_json);

 private:
  /// What is known of a key between two rounds.
  struct Key {
    std::string json;
    std::optional<model::ItemDigest> primary{};
    std::optional<model::ItemDigest> replica{};
    enum class State { kWaiting, kEqual, kLasting } state = State::kWaiting;
    bool changed = false;        ///< one side was not as before
    bool replica_moved = false;  ///< at any look
    DiffFinding finding{};
  };

  [[nodiscard]] async::Task<Status> look_again(Key& key);
  [[nodiscard]] async::Task<Status> settle_after(SteadyTime read_at);
  [[nodiscard]] Result<std::optional<model::ItemDigest>> digest_of(const std::string& item_json);

  Options options_;
  DiffTable& primary_;
  DiffTable& replica_;
  const Clock& clock_;
  StopRequest& stop_;
  model::ItemDigester digester_;
};

}  // namespace dynamirror::jobs
