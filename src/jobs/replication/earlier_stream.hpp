// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "base/random.hpp"
#include "coordination/lease.hpp"
#include "model/shard.hpp"
#include "source/change_stream.hpp"

namespace dynamirror::jobs {

// A stream of Kinesis that was deleted and made anew under its name has shards of the same names, for which a lease
// table may hold leases of the earlier one. The rows have no room for the stream's identity (KCL reads and writes them,
// too), but what they say cannot be of the new stream. Shards of a table's stream are never named alike: they are not
// looked at.

/// The key of a lease whose checkpoint is from before its shard began.
[[nodiscard]] std::optional<std::string> checkpoint_before_its_shard(std::span<const coordination::Lease> rows,
                                                                     std::span<const model::Shard> shards);

/// Shards that are finished, say their leases, and open and without children, says the listing: it may only be late.
[[nodiscard]] std::vector<ShardId> finished_but_open(std::span<const coordination::Lease> rows,
                                                     std::span<const model::Shard> shards);

/// Whether more can come from a shard, by a read at its tip: at once for one that is closed. Also false when nobody can
/// tell at the moment. REQUIRES: stream and random outlive the task.
[[nodiscard]] async::Task<bool> goes_on(const source::ChangeStream& stream, Random& random, ShardId shard);

/// Why the lease of a shard ends the job.
[[nodiscard]] Error lease_of_earlier_stream(const std::string& lease_key, const std::string& lease_table);

}  // namespace dynamirror::jobs
