// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "model/change.hpp"

namespace dynamirror::state {

/// A change that waits for its turn.
struct SpooledChange {
  std::int64_t row = 0;
  std::string key;
  std::string image;  ///< empty: the item was deleted
};

/// Keeps the newest change of each key, durably. What it has answered "ok" to survives SIGKILL and a power cut.
/// Not thread-safe.
class SpoolStore {
 public:
  virtual ~SpoolStore() = default;

  /// Adds changes of different keys, each in place of an earlier one of its key; all or none.
  [[nodiscard]] virtual Status put_changes(std::span<const model::Change* const> changes) = 0;
  /// The next changes after a row number (0: from the first), by row: at most `most`, and no more than about
  /// `max_bytes`.
  [[nodiscard]] virtual Result<std::vector<SpooledChange>> changes_after(std::int64_t row, std::size_t most,
                                                                         std::size_t max_bytes) = 0;
  /// Removes all changes up to a row.
  [[nodiscard]] virtual Status remove_changes_to(std::int64_t row) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> count_changes() = 0;

  /// Tells this spool from another one; empty until it was set.
  [[nodiscard]] virtual Result<std::string> spool_id() = 0;
  [[nodiscard]] virtual Status set_spool_id(std::string_view id) = 0;
};

}  // namespace dynamirror::state
