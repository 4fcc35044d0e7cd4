// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "async/task.hpp"
#include "jobs/replication/replicate_options.hpp"
#include "service/host.hpp"
#include "service/impl/target.hpp"
#include "service/replication_options.hpp"
#include "sink/versioned_tables.hpp"

namespace dynamirror::service {

/// What one flow between two tables needs that are both written: their names in versions, their companion tables, the
/// sink in which versions are decided. Not thread-safe.
class MultiMaster {
 public:
  /// All outlive it.
  struct Parts {
    jobs::TableSide& source;
    Target& target;
    const Target::Fit& fit;
    Host& host;
  };

  /// Checks that both tables can be kept in step: old and new images in the stream, one time-to-live attribute, names
  /// that differ; and makes the companion tables that are not there, but for a dry run. Errors: class invalid, with the
  /// remedy; what keeps a table from being described or made.
  [[nodiscard]] static async::Task<Result<std::unique_ptr<MultiMaster>>> open(const ReplicationOptions& options,
                                                                              Parts parts);

  /// Turns the echo rule and the combination of waiting changes on.
  void settle(jobs::ReplicateOptions& job) const;

  [[nodiscard]] sink::VersionedTables& changes() { return *changes_; }
  /// Of the items of a scan; null unless they are to be adopted.
  [[nodiscard]] sink::VersionedTables* items() { return items_ ? items_.get() : nullptr; }
  [[nodiscard]] sink::VersionedTables::Statistics statistics() const;

 private:
  explicit MultiMaster(sink::VersionedTables::Options options) : options_(std::move(options)) {}

  sink::VersionedTables::Options options_;
  std::unique_ptr<sink::VersionedTables> changes_;
  std::unique_ptr<sink::VersionedTables> items_;
};

}  // namespace dynamirror::service
