// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace dynamirror::async {

/// Finds how many requests at once serve a target best: more as long as more throughput comes of it, fewer as soon as
/// it asks to slow down.
///
/// How: throughput is measured over windows in which the limit was fully used. The limit doubles from window to window
/// while that pays (slow start), then stays, and from time to time tries a little more and a little less; a try that
/// does not pay is taken back, so that beyond the target's capacity latency does not grow. Throttling, or failures in a
/// row, cut the limit at once, but one burst cuts it only once: answers to requests sent before the cut do not count
/// again.
///
/// Pure (the caller passes the time) and not thread-safe.
class ConcurrencyLimit {
 public:
  struct Options {
    std::size_t initial = 4;
    std::size_t max = 64;
  };

  enum class Outcome {
    kDone,       ///< the target took it
    kThrottled,  ///< the target asked to slow down (for a good part of the request)
    kFailed,     ///< trouble on the way: no answer, 5xx
  };

  /// REQUIRES: 1 <= initial <= max.
  explicit ConcurrencyLimit(Options options);

  /// True while another request may be started.
  [[nodiscard]] bool may_start() const { return in_flight_ < limit_; }

  void started() { ++in_flight_; }

  /// `latency`: from its start to `now`. REQUIRES: a request is in flight; `now` does not go back.
  void finished(Duration latency, Outcome outcome, SteadyTime now);

  [[nodiscard]] std::size_t limit() const { return limit_; }  ///< always in [1, max]
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  [[nodiscard]] std::uint64_t cuts() const { return cuts_; }  ///< how often it shrank for throttling or failures

 private:
  enum class Phase { kSlowStart, kHold, kTryMore, kTryLess };

  /// What one window showed.
  struct Measurement {
    std::size_t limit = 0;
    double per_second = 0;
  };

  void cut(SteadyTime now);
  void begin_window(std::size_t warm_up, SteadyTime now);
  [[nodiscard]] std::optional<Measurement> close_window(SteadyTime now);
  void judge(const Measurement& measured, SteadyTime now);
  void move_to(Phase phase, std::size_t limit, SteadyTime now);
  [[nodiscard]] bool pays(const Measurement& more) const;
  [[nodiscard]] std::size_t scaled(double factor) const;

  Options options_;
  std::size_t limit_;
  std::size_t in_flight_ = 0;
  Phase phase_ = Phase::kSlowStart;
  std::optional<Measurement> base_;  ///< what the last accepted limit gave
  std::size_t held_windows_ = 0;
  bool less_is_next_ = false;  ///< tries alternate
  std::uint64_t cuts_ = 0;
  std::optional<SteadyTime> last_cut_;
  int failures_in_a_row_ = 0;

  // The window under way.
  std::size_t warm_up_left_ = 0;  ///< answers to requests of the time before: not counted
  SteadyTime window_start_{};
  bool window_open_ = false;
  std::size_t window_done_ = 0;
  std::size_t window_idle_ = 0;  ///< answers that came while the limit was not fully used
};

}  // namespace dynamirror::async
