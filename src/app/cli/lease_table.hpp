// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "app/cli/leases_command.hpp"
#include "app/session/session.hpp"
#include "coordination/lease_store.hpp"
#include "jobs/fleet/lease_report.hpp"

namespace dynamirror::app {

/// A lease table that an operator has named: it is there, and holds leases.
struct LeaseTable {
  std::unique_ptr<jobs::TableSide> side;  ///< null for a file
  std::unique_ptr<coordination::LeaseStore> store;
  std::string name;                    ///< as its rows are in it; with a region it is `store->describe()`
  std::chrono::milliseconds failover;  ///< of its workers, as said or as it is usual

  /// One row in wire form; nothing when it is not there.
  [[nodiscard]] async::Task<Result<std::optional<std::string>>> row(std::string key) const;
};

/// Errors: class invalid for a table that is not named, or is none of leases; class not found.
[[nodiscard]] async::Task<Result<LeaseTable>> open_lease_table(Session& session, const LeasesCommand& command);

/// Looks twice when anything in it is owned and the user has not said otherwise. Errors: the table's; code Stopped.
[[nodiscard]] async::Task<Result<jobs::LeaseLooks>> watch_leases(Session& session, const LeaseTable& table,
                                                                 const LeasesCommand& command);

}  // namespace dynamirror::app
