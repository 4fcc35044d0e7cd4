// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace dynamirror {

using WallTime = std::chrono::system_clock::time_point;
using SteadyTime = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// Of what may take its time.
inline constexpr SteadyTime kNoDeadline = SteadyTime::max();

/// The only way to learn the time, so that simulation can make its own. `now()` of the system is called in one file.
/// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Calendar time: for signatures, timestamps and lag. May jump.
  [[nodiscard]] virtual WallTime wall_now() const = 0;

  /// Never goes back: for deadlines, back-off and rates.
  [[nodiscard]] virtual SteadyTime steady_now() const = 0;
};

/// For how long this machine has been suspended or hibernated, in all: time that has passed for others, but not for
/// `steady_now`.
[[nodiscard]] Duration suspended_time();

/// The machine's clock; lives as long as the process.
[[nodiscard]] const Clock& system_clock();

/// A clock that stands still until told to move: for tests and simulation. Starts at 2026-01-01T00:00:00Z.
/// Not thread-safe.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall_now() const override { return wall_; }
  [[nodiscard]] SteadyTime steady_now() const override { return steady_; }
  void advance(Duration by) {
    wall_ += std::chrono::duration_cast<WallTime::duration>(by);
    steady_ += by;
  }
  void jump_wall(Duration by) { wall_ += std::chrono::duration_cast<WallTime::duration>(by); }

 private:
  WallTime wall_{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};
  SteadyTime steady_{};
};

}  // namespace dynamirror
