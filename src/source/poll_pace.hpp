// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace dynamirror::source {

/// How long to wait between two reads of one shard: not at all while records come, then longer with every empty answer
/// up to the idle poll. A quiet table costs one request per shard and idle poll; a busy one is read as fast as it goes.
/// Pure: the caller sleeps.
class PollPace {
 public:
  explicit PollPace(std::chrono::milliseconds idle_poll) : idle_poll_(idle_poll) {}

  /// To be called after each answer. `records`: how many it held.
  [[nodiscard]] std::chrono::milliseconds after_answer(std::size_t records) {
    if (records > 0) {
      empty_answers_ = 0;
      return std::chrono::milliseconds(0);
    }
    // Shifting by at most 6 keeps the product small; 64 x 20 ms is beyond the default idle poll already.
    const auto pause = kFirstPause * (1 << std::min<std::size_t>(empty_answers_, 6));
    ++empty_answers_;
    return std::min<std::chrono::milliseconds>(pause, idle_poll_);
  }

  /// Empty answers in a row.
  [[nodiscard]] std::size_t empty_answers() const { return empty_answers_; }

 private:
  static constexpr std::chrono::milliseconds kFirstPause{20};

  std::chrono::milliseconds idle_poll_;
  std::size_t empty_answers_ = 0;
};

}  // namespace dynamirror::source
