// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace dynamirror::source {

/// What a service allows the readers of one shard.
struct ReadPace {
  std::chrono::milliseconds between_reads{0};
  std::uint64_t bytes_per_second = 0;  ///< 0: any
};

/// How long to wait between two reads of one shard: while records come no longer than the service asks for, then longer
/// with every empty answer up to the idle poll. A quiet table costs one request per shard and idle poll; a busy one is
/// read as fast as it goes. Pure: the caller sleeps.
class PollPace {
 public:
  explicit PollPace(std::chrono::milliseconds idle_poll, ReadPace allowed = {})
      : idle_poll_(idle_poll), allowed_(allowed) {}

  /// To be called after each answer. `records`: how many it held; `bytes`: of their data.
  [[nodiscard]] std::chrono::milliseconds after_answer(std::size_t records, std::size_t bytes = 0) {
    return std::max({while_quiet(records), allowed_.between_reads, while_busy(bytes)});
  }

  /// Empty answers in a row.
  [[nodiscard]] std::size_t empty_answers() const { return empty_answers_; }

 private:
  [[nodiscard]] std::chrono::milliseconds while_busy(std::size_t bytes) const {
    if (allowed_.bytes_per_second == 0) return std::chrono::milliseconds(0);
    return std::chrono::milliseconds(bytes * 1'000 / allowed_.bytes_per_second);
  }

  [[nodiscard]] std::chrono::milliseconds while_quiet(std::size_t records) {
    if (records > 0) {
      empty_answers_ = 0;
      return std::chrono::milliseconds(0);
    }
    // Shifting by at most 6 keeps the product small; 64 x 20 ms is beyond the default idle poll already.
    const auto pause = kFirstPause * (1 << std::min<std::size_t>(empty_answers_, 6));
    ++empty_answers_;
    return std::min<std::chrono::milliseconds>(pause, idle_poll_);
  }

  static constexpr std::chrono::milliseconds kFirstPause{20};

  std::chrono::milliseconds idle_poll_;
  ReadPace allowed_;
  std::size_t empty_answers_ = 0;
};

}  // namespace dynamirror::source
