// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "model/sequence_number.hpp"

namespace dynamirror::ordering {

/// Tells how far one shard may be checkpointed while its changes are being written out of order.
///
/// Promise: `safe()` is the highest position such that every change begun at or before it has been acknowledged.
/// A change that is never acknowledged holds the watermark for ever; bounding that wait is the caller's job.
///
/// Not thread-safe: lives on the event loop of its shard.
class LowWatermark {
 public:
  /// Names one change between `begin` and `acknowledge`.
  using Ticket = std::uint64_t;

  /// Registers the next change of the shard.
  /// REQUIRES: `position` is after every position registered before.
  [[nodiscard]] Ticket begin(const model::SequenceNumber& position);

  /// Marks a change as settled (written, superseded, filtered or dead-lettered).
  /// REQUIRES: `ticket` came from `begin` and was not acknowledged before.
  void acknowledge(Ticket ticket);

  /// The position to checkpoint, or nothing while the oldest change is still in flight.
  [[nodiscard]] const std::optional<model::SequenceNumber>& safe() const { return safe_; }

  /// Changes that have begun and are not yet covered by `safe()`.
  [[nodiscard]] std::size_t open() const { return open_.size(); }

 private:
  struct Entry {
    model::SequenceNumber position;
    bool acknowledged = false;
  };

  std::deque<Entry> open_;   // oldest first
  Ticket first_ticket_ = 0;  // of open_.front()
  std::optional<model::SequenceNumber> safe_;
};

}  // namespace dynamirror::ordering
