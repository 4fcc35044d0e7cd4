// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "sink/dead_letter.hpp"

namespace dynamirror::sink {

/// Where a writer leaves changes that the target will never take as they are: the dead-letter file (DeadLetters), or a
/// simulated one. Not thread-safe.
class LetterBox {
 public:
  virtual ~LetterBox() = default;

  /// True when later changes of this key (canonical text) must be added here instead of being written to the target.
  [[nodiscard]] virtual bool quarantined(std::string_view key) const = 0;
  /// Of quarantined keys.
  [[nodiscard]] virtual std::size_t keys() const = 0;
  /// Adds letters in their order; only when this answers "ok" may their changes count as dead-lettered.
  [[nodiscard]] virtual Status add(std::span<const DeadLetter> letters) = 0;
  /// For messages.
  [[nodiscard]] virtual std::string describe() const = 0;
};

}  // namespace dynamirror::sink
