// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "async/task.hpp"
#include "base/random.hpp"
#include "jobs/diff/diff_verify.hpp"
#include "model/key.hpp"
#include "tables/diff_table.hpp"

namespace dynamirror::jobs {

/// What became of one key.
enum class RepairOutcome {
  kEqual,     ///< nothing was written: both sides were equal already
  kPut,       ///< the replica got the primary's item
  kDeleted,   ///< the replica's item was deleted
  kChanging,  ///< the item changed whenever we looked; the replica may differ
  kRefused,   ///< the replica does not take this item (e.g. for an index of its own); a warning says why
};

/// Brings items of the replica to the primary's state without undoing a live change.
///
/// A round reads the replica, then the primary, and writes the primary's item on the condition that the replica's is
/// still the one read. A change that a live replication brings meanwhile makes the condition fail; one that it brings
/// later is newer and comes on top. Every write is followed by another round, which ends the repair when both sides are
/// equal: it also catches what no condition can see, such as the replicated deletion of an item that was not there yet.
///
/// Not thread-safe: lives on one event loop; calls for different keys may overlap.
class DiffRepairer {
 public:
  /// REQUIRES: what is referred to outlives the repairer.
  DiffRepairer(model::KeySchema key, DiffVerifier& looker, DiffTable& replica, Random& random)
      : key_(std::move(key)), looker_(looker), replica_(replica), random_(random) {}

  /// Errors: those of DiffTable that no round mends.
  [[nodiscard]] async::Task<Result<RepairOutcome>> repair(std::string key_json);

  /// The same for an item just seen in the primary, most likely missing in the replica.
  [[nodiscard]] async::Task<Result<RepairOutcome>> repair_missing(std::string key_json, std::string item_json);

 private:
  [[nodiscard]] RepairOutcome refused(const std::string& key_json, const Error& error) const;
  [[nodiscard]] async::Task<Status> bring(std::string key_json, DiffPair pair);
  [[nodiscard]] async::Task<Result<RepairOutcome>> run(std::string key_json, RepairOutcome written);

  model::KeySchema key_;
  DiffVerifier& looker_;
  DiffTable& replica_;
  Random& random_;
};

}  // namespace dynamirror::jobs
