// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "coordination/lease.hpp"
#include "model/shard.hpp"
#include "ordering/shard_graph.hpp"

namespace dynamirror::jobs {

/// Brings the rows of a lease table in step with the shards of the one stream that it serves: a lease for every shard
/// that is to be read, no lease for shards that are over for everyone. The rules of which shards, and from where, are
/// ShardGraph's.
///
/// - A lease is made only when the leases of its parents are there, or ShardGraph has no doubt that there are none: a
///   worker takes a parent without a lease for trimmed, and one listing may leave a shard out.
/// - A lease is removed only when whichever KCL shares the table would do so, or could not be harmed: it is finished,
///   its shard absent from two complete listings in a row, its children's leases are past TRIM_HORIZON, its own
///   parents' leases are gone.
/// - A finished lease without the names of its children gets them: newer KCLs remove none without.
///
/// Pure and not thread-safe.
class ShardSync {
 public:
  explicit ShardSync(ordering::ShardGraph::InitialPosition start) : start_(start) {}

  struct Step {
    std::vector<coordination::LeaseWrite> writes{};
    bool complete = false;  ///< nothing is left to be done, nor to be listed once more
  };

  /// `rows`: the whole table; `shards`: a complete listing. Errors: class invalid for a row with a checkpoint that is
  /// none of ours.
  [[nodiscard]] Result<Step> step(std::span<const coordination::Lease> rows, std::vector<model::Shard> shards);

 private:
  ordering::ShardGraph::InitialPosition start_;
  std::vector<std::vector<model::Shard>> listings_;  ///< complete ones, the last two
};

}  // namespace dynamirror::jobs
