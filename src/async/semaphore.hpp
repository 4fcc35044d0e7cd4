// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>

#include "async/signal.hpp"
#include "async/task.hpp"

namespace dynamirror::async {

/// Bounds how much of something is under way at once. First come, first served is not promised.
/// Not thread-safe: lives on one event loop, and must outlive its permits.
class Semaphore {
 public:
  explicit Semaphore(std::size_t permits) : free_(permits) {}

  /// Gives its permit back when destroyed.
  class Permit {
   public:
    explicit Permit(Semaphore* owner) : owner_(owner) {}
    Permit(Permit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() {
      if (owner_ != nullptr) owner_->release();
    }

   private:
    Semaphore* owner_;
  };

  /// Waits until a permit is free.
  [[nodiscard]] Task<Permit> acquire() {
    while (free_ == 0) co_await released_.wait();
    --free_;
    co_return Permit(this);
  }

  [[nodiscard]] std::size_t free() const { return free_; }

 private:
  void release() {
    ++free_;
    released_.notify();
  }

  std::size_t free_;
  Signal released_;
};

}  // namespace dynamirror::async
