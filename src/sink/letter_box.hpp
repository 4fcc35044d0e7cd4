// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.hpp"
#include "base/error.hpp"
#include "sink/dead_letter.hpp"

namespace dynamirror::sink {

/// The keys that have dead letters. Not thread-safe.
class Quarantine {
 public:
  virtual ~Quarantine() = default;

  /// True when later changes of this key (canonical text) must be added here instead of being written to the target.
  [[nodiscard]] virtual bool quarantined(std::string_view key) const = 0;
  /// Of quarantined keys.
  [[nodiscard]] virtual std::size_t keys() const = 0;
  /// Where the letters are, for messages.
  [[nodiscard]] virtual std::string describe() const = 0;
};

/// Where a writer leaves changes that the target will never take as they are, e.g. the dead-letter file (DeadLetters).
class LetterBox : public Quarantine {
 public:
  /// Adds letters in their order; only when this answers "ok" may their changes count as dead-lettered. Several calls
  /// may be under way at once, of letters of different keys.
  [[nodiscard]] virtual async::Task<Status> add(std::vector<DeadLetter> letters) = 0;
};

}  // namespace dynamirror::sink
