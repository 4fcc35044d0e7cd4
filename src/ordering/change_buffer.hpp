// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "model/change.hpp"

namespace dynamirror::ordering {

/// The no-barrier pipeline between readers and writers: a bounded, per-key coalescing read-ahead buffer.
///
/// Promises
/// - For each key at most one change is in flight and at most one is pending; a newer change replaces the pending one
///   (which then counts as superseded). So changes of one key are written in the order they were pushed (but see
///   `Options::by_creation` and `Options::combine`).
/// - A change whose write is retried delays only its own key. If a newer change of the key is pending by then, the
///   older one is superseded and the newer one waits out the pause in its place; a change pushed during the pause
///   does not end it.
/// - `safe(shard)` never passes a change that is neither applied, superseded, filtered nor dead-lettered.
/// - read = applied + superseded + filtered + dead_lettered + released + held (see `Counters`), at every moment.
/// - Keys are taken first in, first out, as they became ready.
///
/// A broken REQUIRES crashes: going on would lose or reorder changes.
///
/// Pure (no I/O, no clock of its own) and not thread-safe: lives on one event loop.
class ChangeBuffer {
 public:
  /// Names a shard inside this buffer; small integers, reused after `remove_shard`.
  using ShardHandle = std::uint32_t;
  /// Names a change in flight.
  using Ticket = std::uint64_t;

  struct Options {
    std::size_t max_bytes = 32u << 20;    ///< of held changes; `has_room` turns false at it
    std::size_t max_changes = 100'000;    ///< held changes
    std::size_t max_uncovered = 250'000;  ///< changes that no watermark covers yet, in all shards; 64 bytes each
    /// Changes of a key come twice and out of order, and their creation times tell which is newer: that one stays.
    /// Of two of one time that differ nobody knows: the key alone stays (`Change::of_key`), in the place of the first.
    bool by_creation = false;
    /// Which of two changes of a key stays, of which neither is under way: true for the newer one. It may give the one
    /// that stays what this needs of the other one: no watermark passes either before. Empty: the newer one, as it is.
    std::function<bool(model::Change& newer, model::Change& older)> combine{};
  };

  struct InFlight {
    Ticket ticket = 0;
    const model::Change* change = nullptr;  ///< borrowed until the ticket is settled
    /// Failed writes of this key in a row before this one: of this change or of those it supersedes, so that back-off
    /// grows even while the key is rewritten.
    int attempts = 0;
    ShardHandle shard = 0;
  };

  struct Counters {
    std::uint64_t read = 0;
    std::uint64_t applied = 0;
    std::uint64_t superseded = 0;
    std::uint64_t filtered = 0;
    std::uint64_t dead_lettered = 0;
    std::uint64_t released = 0;  ///< left to the next owner of the shard, who reads them again
    [[nodiscard]] std::uint64_t settled() const { return applied + superseded + filtered + dead_lettered + released; }
    [[nodiscard]] std::uint64_t held() const { return read - settled(); }  ///< pending or in flight
  };

  explicit ChangeBuffer(Options options);
  ~ChangeBuffer();
  ChangeBuffer(const ChangeBuffer&) = delete;
  ChangeBuffer& operator=(const ChangeBuffer&) = delete;

  /// A shard, with an empty watermark. One that is read again from an earlier position needs a new handle.
  [[nodiscard]] ShardHandle add_shard();

  /// REQUIRES: `outstanding(shard) == 0`.
  void remove_shard(ShardHandle shard);

  /// True while another page may be pushed. A page is pushed whole, so the limits may be passed by one page per
  /// reader.
  [[nodiscard]] bool has_room() const;

  /// Takes over the next change of a shard. REQUIRES: its sequence is after every one pushed for this shard before.
  void push(ShardHandle shard, model::Change change);

  /// Counts a change that a named rule keeps from the target, and lets the watermark pass it. REQUIRES: as `push`.
  void push_filtered(ShardHandle shard, const model::SequenceNumber& sequence);

  /// Counts a record that is no change, which the dead-letter store has, and lets the watermark pass it. REQUIRES: as
  /// `push`.
  void push_dead_lettered(ShardHandle shard, const model::SequenceNumber& sequence);

  /// Takes up to `max_changes` ready changes (of different keys, together at most `max_bytes` of key and image text,
  /// but at least one if any is ready) and puts them in flight.
  [[nodiscard]] std::vector<InFlight> take(std::size_t max_changes, std::size_t max_bytes, SteadyTime now);

  /// Ends a ticket: the target has the change.
  void applied(Ticket ticket);
  /// Ends a ticket: the target has something newer, which no change of ours has brought.
  void superseded(Ticket ticket);
  /// Ends a ticket: the dead-letter store has the change.
  void dead_lettered(Ticket ticket);
  /// Ends a ticket: not written, and not to be written here any more: the shard is another worker's now. Its `safe`
  /// means nothing from then on.
  void release(Ticket ticket);
  /// Ends a ticket: not tried; the key becomes ready again at `not_before`. Does not count as an attempt.
  void postpone(Ticket ticket, SteadyTime not_before);
  /// Ends a ticket: not written; the key becomes ready again at `not_before`.
  void retry(Ticket ticket, SteadyTime not_before);

  /// Changes of a shard that are not settled or not yet covered by its watermark.
  [[nodiscard]] std::size_t outstanding(ShardHandle shard) const;
  /// The sequence to checkpoint for this shard, or nothing before the first.
  [[nodiscard]] const std::optional<model::SequenceNumber>& safe(ShardHandle shard) const;

  /// Keys that `take(now)` would give at this moment (ripe retries included).
  [[nodiscard]] std::size_t ready(SteadyTime now) const;
  /// When the next waiting retry becomes ready; nothing when none waits.
  [[nodiscard]] std::optional<SteadyTime> next_retry() const;

  /// When the oldest change was made that is not applied: one that is held, or one that a held one supersedes. Nothing
  /// when none is held. Looks at each of them: for progress, not for every change.
  [[nodiscard]] std::optional<WallTime> missing_since() const;

  [[nodiscard]] std::size_t held_bytes() const;
  [[nodiscard]] std::size_t in_flight() const;
  [[nodiscard]] const Counters& counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::ordering
