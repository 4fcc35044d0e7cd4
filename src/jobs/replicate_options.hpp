// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "ordering/shard_graph.hpp"

namespace dynamirror::jobs {

struct ReplicateOptions {
  enum class OnTrim { kStop, kContinue };
  enum class OnError { kDeadLetter, kStop };

  ordering::ShardGraph::InitialPosition start = ordering::ShardGraph::InitialPosition::kTrimHorizon;
  OnTrim on_trim = OnTrim::kStop;
  OnError on_error = OnError::kDeadLetter;
  bool stop_when_caught_up = false;
  std::chrono::milliseconds idle_poll{1'000};
  std::chrono::milliseconds stall_timeout{300'000};
  std::chrono::milliseconds longest_answer{10'000};  ///< a read that takes longer is no sign that nothing is to be read
  std::chrono::milliseconds checkpoint_interval{1'000};
  std::chrono::milliseconds list_shards_interval{30'000};
  std::chrono::milliseconds drain_timeout{
      4'000};  ///< after a stop request: reading ends at once, writing has this long
  std::optional<std::chrono::seconds> max_record_age{};
  /// A few pages. More would not be written any sooner, and would have left the processor's caches before it is
  /// (measured: 24 MiB cost a fifth more CPU time for each record).
  std::size_t read_ahead_bytes = 4u << 20;
  std::size_t max_concurrent_writes = 64;
  int max_attempts = 90;  ///< to write changes of one key in a row: some seven minutes
};

}  // namespace dynamirror::jobs
