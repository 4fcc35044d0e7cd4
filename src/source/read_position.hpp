// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <variant>
#include <vector>

#include "model/change.hpp"
#include "model/checkpoint.hpp"
#include "model/unreadable_record.hpp"

namespace dynamirror::source {

/// Where in a shard reading goes on, however iterators expire: after the last change that was delivered.
/// Pure; the simulation runs it as it is. Not thread-safe.
class ReadPosition {
 public:
  /// REQUIRES: `from` is not ShardEnd.
  explicit ReadPosition(model::Checkpoint from) : position_(std::move(from)) {}

  /// An iterator at LATEST that expired before it delivered anything marks a place nobody remembers: a second LATEST
  /// would skip what came between. A place that is before it does as well, and repeating changes does no harm.
  [[nodiscard]] bool forgotten() const { return had_latest_ && std::holds_alternative<model::Latest>(position_); }

  /// Where the next iterator is to be taken. `before`: a place before a LATEST that is forgotten.
  [[nodiscard]] const model::Checkpoint& of_next_iterator(const model::Checkpoint& before = model::TrimHorizon{}) {
    if (forgotten()) position_ = before;
    had_latest_ = std::holds_alternative<model::Latest>(position_);
    return position_;
  }

  void delivered(const std::vector<model::Change>& changes,
                 const std::vector<model::UnreadableRecord>& unreadable = {}) {
    if (!changes.empty()) position_ = model::AfterSequence{changes.back().sequence()};
    if (unreadable.empty()) return;
    const model::SequenceNumber& last = unreadable.back().sequence;
    if (changes.empty() || changes.back().sequence() < last) position_ = model::AfterSequence{last};
  }

 private:
  model::Checkpoint position_;
  bool had_latest_ = false;
};

}  // namespace dynamirror::source
