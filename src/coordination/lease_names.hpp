// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/random.hpp"

namespace dynamirror::coordination {

/// What a replication is between, as awslabs' cross-region library names it: regions and tables, no endpoints.
struct CrossRegionTask {
  std::string source_region;
  std::string source_table;
  std::string target_region;
  std::string target_table;
};

/// The table in which awslabs' cross-region library keeps the leases of a task: its prefix with the task's name, or,
/// when it has none, with the MD5 of regions and tables. The same name is the namespace of its metrics.
/// Errors: class invalid for a name that would make it longer than a table's name may be (255 characters).
[[nodiscard]] Result<std::string> cross_region_lease_table(std::string_view task_name, const CrossRegionTask& task);

/// A name for this process among the workers of a lease table: "dynamirror-<host>-<process>-<random>". New with every
/// start: what an earlier process has begun must have ended before its leases are another's.
[[nodiscard]] std::string new_worker_id(Random& random);

/// Whether a name has the form of `new_worker_id`. Workers of ours write nothing once their lease may be another's, and
/// finish what they have begun when they are asked to hand one over; no other make does both. The beginning alone says
/// nothing: KCL's workers are named after their host ("<host>:<UUID>"), which may be called anything.
[[nodiscard]] bool is_our_worker(std::string_view name);

}  // namespace dynamirror::coordination
