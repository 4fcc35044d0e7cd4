// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "ordering/change_buffer.hpp"

namespace dynamirror::sim {

/// Mistakes that other replicators were found to make. A simulation that does not notice them proves nothing.
enum class Mistake {
  kNone,
  kCheckpointAtLastRead,       ///< the checkpoint is what was read, not what is safe
  kChildrenDoNotWait,          ///< children are read beside their parent
  kSupersededNotAcknowledged,  ///< a replaced change holds its watermark for ever
  kRetriesDropped,             ///< a failed write counts as done
  kShardEndBeforeDrained,      ///< SHARD_END is saved when all is read, not when all is written
  kLatestTakenAgain,           ///< an expired iterator at LATEST is replaced by another one at LATEST
};

/// The change buffer; with `kSupersededNotAcknowledged`, as if it had forgotten that acknowledgement.
class BufferWithMistakes {
 public:
  using ChangeBuffer = ordering::ChangeBuffer;

  BufferWithMistakes(ChangeBuffer::Options options, Mistake mistake) : buffer_(options), mistake_(mistake) {}

  ChangeBuffer::ShardHandle add_shard() { return buffer_.add_shard(); }
  void remove_shard(ChangeBuffer::ShardHandle shard) { buffer_.remove_shard(shard); }
  [[nodiscard]] bool has_room() const { return buffer_.has_room(); }

  void push(ChangeBuffer::ShardHandle shard, model::Change change) {
    const auto superseded_before = buffer_.counters().superseded;
    const auto safe_before = buffer_.safe(shard);
    buffer_.push(shard, std::move(change));
    const bool superseded = buffer_.counters().superseded > superseded_before;
    if (superseded && mistake_ == Mistake::kSupersededNotAcknowledged) stuck_.emplace(shard, safe_before);
  }
  void push_filtered(ChangeBuffer::ShardHandle shard, const model::SequenceNumber& sequence) {
    buffer_.push_filtered(shard, sequence);
  }

  [[nodiscard]] std::vector<ChangeBuffer::InFlight> take(std::size_t max_changes, std::size_t max_bytes,
                                                         SteadyTime now) {
    return buffer_.take(max_changes, max_bytes, now);
  }
  void applied(ChangeBuffer::Ticket ticket) { buffer_.applied(ticket); }
  void dead_lettered(ChangeBuffer::Ticket ticket) { buffer_.dead_lettered(ticket); }
  void retry(ChangeBuffer::Ticket ticket, SteadyTime not_before) { buffer_.retry(ticket, not_before); }

  [[nodiscard]] std::size_t outstanding(ChangeBuffer::ShardHandle shard) const {
    return buffer_.outstanding(shard) + stuck_.count(shard);
  }
  [[nodiscard]] const std::optional<model::SequenceNumber>& safe(ChangeBuffer::ShardHandle shard) const {
    const auto stuck = stuck_.find(shard);
    return stuck == stuck_.end() ? buffer_.safe(shard) : stuck->second;
  }
  [[nodiscard]] std::size_t held_bytes() const { return buffer_.held_bytes(); }
  [[nodiscard]] const ChangeBuffer::Counters& counters() const { return buffer_.counters(); }

 private:
  ChangeBuffer buffer_;
  Mistake mistake_;
  std::map<ChangeBuffer::ShardHandle, std::optional<model::SequenceNumber>> stuck_;
};

}  // namespace dynamirror::sim
