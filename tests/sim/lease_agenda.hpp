// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace dynamirror::sim {

/// True time, which no worker can read, and what is to happen in it. What is due at the same moment happens in the
/// order in which it was put down.
class Agenda {
 public:
  [[nodiscard]] Duration now() const { return now_; }

  void at(Duration when, std::function<void()> what) {
    entries_.push_back({.when = std::max(when, now_), .order = ++last_, .what = std::move(what)});
    std::push_heap(entries_.begin(), entries_.end(), later);
  }

  /// Lets time pass until `end`. Nothing happens once `stop` says so.
  template <class Stop>
  void run_until(Duration end, Stop&& stop) {
    while (!entries_.empty() && entries_.front().when <= end && !stop()) {
      std::pop_heap(entries_.begin(), entries_.end(), later);
      const Entry entry = std::move(entries_.back());
      entries_.pop_back();
      now_ = entry.when;
      entry.what();
    }
    if (!stop()) now_ = std::max(now_, end);
  }

 private:
  struct Entry {
    Duration when{};
    std::uint64_t order = 0;
    std::function<void()> what;
  };
  static bool later(const Entry& a, const Entry& b) { return a.when != b.when ? a.when > b.when : a.order > b.order; }

  std::vector<Entry> entries_;
  Duration now_{};
  std::uint64_t last_ = 0;
};

}  // namespace dynamirror::sim
