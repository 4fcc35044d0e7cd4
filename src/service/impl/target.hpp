// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "jobs/prepare/preflight.hpp"
#include "service/host.hpp"
#include "service/replication_options.hpp"
#include "sink/table_sink.hpp"

namespace dynamirror::service {

/// Where a replication writes: one class for each kind of target. Not thread-safe.
class Target {
 public:
  /// Both ends as found fit for the replication.
  struct Fit {
    jobs::PreparedSource source;
    std::string name{};                      ///< of the table, or of the folder of objects
    std::string display{};                   ///< for messages
    std::string identity{};                  ///< the name under which a state file knows the target
    std::string id{};                        ///< of the table: another one of its name has another; empty: unknown
    std::optional<std::uint64_t> counted{};  ///< items, as of some hours ago
    std::string remedy{};  ///< what the user can say who starts without a checkpoint on a target that holds items
  };

  virtual ~Target() = default;

  /// Called once, before all else. Every finding is one failure.
  [[nodiscard]] virtual async::Task<std::expected<Fit, std::vector<jobs::JobFailure>>> prepare(
      jobs::TableSide& source, jobs::PreflightOptions options) = 0;
  [[nodiscard]] virtual async::Task<Result<bool>> holds_items() = 0;
  /// The first write, before any change is read.
  [[nodiscard]] virtual async::Task<Status> begin() = 0;
  [[nodiscard]] virtual sink::ChangeSink& sink() = 0;
  virtual void say_begin(const jobs::TableSide& source, const StreamArn& stream) const = 0;
  [[nodiscard]] virtual std::uint64_t requests() const = 0;  ///< HTTP requests, retries included

  /// Null for another kind of target.
  [[nodiscard]] virtual jobs::TableSide* table() { return nullptr; }
  [[nodiscard]] virtual sink::TableSink::Statistics writes() const { return {}; }
};

/// The target that the options name. Errors: class invalid.
/// REQUIRES: options and host outlive the target.
[[nodiscard]] Result<std::unique_ptr<Target>> open_target(const ReplicationOptions& options, Host& host);

/// One for each kind.
[[nodiscard]] Result<std::unique_ptr<Target>> open_table_target(const TableOptions& options,
                                                                std::optional<double> max_write_units, Host& host);
[[nodiscard]] Result<std::unique_ptr<Target>> open_object_target(const ObjectsOptions& options, Host& host);

/// A table in the region that its options name beside the address.
[[nodiscard]] Result<std::unique_ptr<jobs::TableSide>> open_table(const TableOptions& options, Host& host);

}  // namespace dynamirror::service
