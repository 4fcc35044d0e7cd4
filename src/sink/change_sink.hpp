// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "model/change.hpp"

namespace dynamirror::sink {

/// The target has the change, durably.
struct Applied {};
/// Not written (or not known to be): try again later.
struct TryAgain {
  Error error;
};
/// The target will never take this change as it is (too large, wrong key type …): a poison change.
struct Rejected {
  Error error;
};
/// The target has something newer, by this rule of the sink's: nothing is to be written. The name lives as long as the
/// program.
struct Superseded {
  std::string_view rule;
};
/// Not before this moment: the target is not ready for this change yet. No failed attempt; only its own key waits.
struct WaitUntil {
  SteadyTime at;
};
/// The code of an error: a change comes so late that what it would write may have been deleted since.
inline constexpr std::string_view kTooOld = "TooOld";

using Outcome = std::variant<Applied, TryAgain, Rejected, Superseded, WaitUntil>;

/// Changes of which the source told the key alone were given to a sink that needs their images.
[[nodiscard]] inline Error image_unknown(const std::string& target, const model::Change& change) {
  return Error{.error_class = ErrorClass::kFatal,
               .doing = "write items",
               .resource = target,
               .code = {},
               .message = "the source tells only that the item " + std::string(change.key()) +
                          " was changed, and nothing here reads what it has become; name the table that has it"};
}

/// Where changes go: a table, S3 objects, a file. Knows nothing of order: its caller never has two changes of one key
/// under way.
/// Not thread-safe: lives on one event loop; several `write`s may be under way at once.
class ChangeSink {
 public:
  struct Limits {
    std::size_t max_changes = 25;       ///< per `write`
    std::size_t max_bytes = 16u << 20;  ///< of key and image text per `write`
  };

  virtual ~ChangeSink() = default;

  [[nodiscard]] virtual Limits limits() const = 0;

  /// Writes changes of different keys; one outcome for each, in their order. An error as a whole means that no further
  /// write can succeed (target gone, access denied) and the job must stop; nothing of this call counts as applied then.
  /// `changes` and what they point to are borrowed until the task ends.
  ///
  /// Nothing is sent after `not_after`, not even by a process that stood still meanwhile; what was not written by then
  /// is to be tried again.
  [[nodiscard]] virtual async::Task<Result<std::vector<Outcome>>> write(std::span<const model::Change* const> changes,
                                                                        SteadyTime not_after) = 0;

  /// For messages, e.g. "eu-west-1/Orders".
  [[nodiscard]] virtual std::string describe() const = 0;
};

}  // namespace dynamirror::sink
