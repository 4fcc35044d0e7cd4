// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/dynamodb_standin.hpp"

namespace dynamirror::support {

/// How the writes that reached a target relate to the writes of its source.
struct OrderReport {
  std::vector<std::string> violations;  ///< one line each, at most 20
  std::uint64_t violation_count = 0;
  std::uint64_t keys = 0;           ///< written at the source
  std::uint64_t source_writes = 0;  ///< that changed something
  std::uint64_t target_writes = 0;
  std::uint64_t superseded = 0;  ///< source writes that never reached the target, a later one of the key having done so
  std::uint64_t repeated = 0;    ///< target writes that repeat what their key already had
};

/// For each key the target's writes must be the source's in their order: some may be missing (superseded), the same may
/// come twice in a row (a retry), but never an older one after a newer, never a foreign one, and the last must be
/// there. After a restart older ones may come again: give `restarts` > 0, and each key may step back that many times.
[[nodiscard]] OrderReport check_order(const DynamoDbStandin& source, const std::string& source_table,
                                      const DynamoDbStandin& target, const std::string& target_table, int restarts = 0);

/// The same on plain logs, as `writes()` returns them.
[[nodiscard]] OrderReport check_order(const std::vector<AppliedWrite>& source, const std::vector<AppliedWrite>& target,
                                      int restarts = 0);

}  // namespace dynamirror::support
