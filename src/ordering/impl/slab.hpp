// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace dynamirror::ordering {

/// Objects at stable addresses, named by small integers that are reused: what a per-record hot path needs instead of
/// the heap. Keeps the memory of its fullest moment. Using an index that holds no object is a broken invariant and
/// crashes.
///
/// Not thread-safe.
template <class T>
class Slab {
 public:
  using Index = std::uint32_t;

  template <class... Args>
  [[nodiscard]] Index emplace(Args&&... args) {
    if (free_.empty()) grow();
    const Index index = free_.back();
    cell(index).emplace(std::forward<Args>(args)...);
    free_.pop_back();
    return index;
  }

  void erase(Index index) {
    assert(holds(index));
    cell(index).reset();
    free_.push_back(index);
  }

  [[nodiscard]] bool holds(Index index) const { return index < capacity() && cell(index).has_value(); }

  [[nodiscard]] T& operator[](Index index) {
    assert(holds(index));
    return *cell(index);
  }
  [[nodiscard]] const T& operator[](Index index) const {
    assert(holds(index));
    return *cell(index);
  }

  /// Calls `visit` with every object, in no order.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& chunk : chunks_) {
      for (const std::optional<T>& held : *chunk) {
        if (held) visit(*held);
      }
    }
  }

 private:
  static constexpr Index kChunk = 256;  // a power of two: the index is split by shift and mask
  using Cells = std::array<std::optional<T>, kChunk>;

  [[nodiscard]] std::size_t capacity() const { return chunks_.size() * kChunk; }
  [[nodiscard]] std::optional<T>& cell(Index index) { return (*chunks_[index / kChunk])[index % kChunk]; }
  [[nodiscard]] const std::optional<T>& cell(Index index) const { return (*chunks_[index / kChunk])[index % kChunk]; }

  void grow() {
    const auto first = static_cast<Index>(capacity());
    chunks_.push_back(std::make_unique<Cells>());
    for (Index i = kChunk; i > 0; --i) free_.push_back(first + i - 1);  // the lowest index is handed out first
  }

  std::vector<std::unique_ptr<Cells>> chunks_;
  std::vector<Index> free_;
};

}  // namespace dynamirror::ordering
