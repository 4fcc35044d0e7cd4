// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

#include "async/task_group.hpp"
#include "jobs/replication/initial_load.hpp"
#include "service/impl/target.hpp"
#include "service/replication.hpp"
#include "state/local_store.hpp"

namespace dynamirror::service {

/// What a replication with a state file does before it applies the stream: the load that is wanted, or what is left of
/// it; without one, the check that none is unfinished. In a dry run it only says what the load would cost.
class LoadStep {
 public:
  /// Everything outlives the step.
  struct Parts {
    const ReplicationOptions& options;
    Host& host;
    boost::asio::any_io_executor executor;  ///< in the replication's scope
    const ReplicationObserver& observer;
    jobs::TableSide& source;
    Target& target;
    const Target::Fit& fit;
    const source::ChangeStream& stream;
    const state::ReplicationIdentity& identity;
    StateFiles& files;
  };
  explicit LoadStep(Parts parts) : parts_(std::move(parts)), beside_(parts_.executor) {}

  /// Errors: those of jobs::InitialLoad; kNotReady for a target that holds items already.
  [[nodiscard]] async::Task<jobs::JobResult<void>> run();

  /// Nothing while, and when, there was nothing to load.
  [[nodiscard]] std::optional<jobs::InitialLoad::Progress> progress() const;

 private:
  [[nodiscard]] std::filesystem::path spool_file() const;
  [[nodiscard]] jobs::CopyEstimate estimate() const;
  [[nodiscard]] jobs::InitialLoadOptions load_options() const;
  [[nodiscard]] async::Task<jobs::JobResult<void>> check_target();
  [[nodiscard]] async::Task<jobs::JobResult<void>> load(state::ScanStore& scans);
  [[nodiscard]] async::Task<jobs::JobResult<void>> load_with_spool(state::ScanStore& scans);

  Parts parts_;
  std::unique_ptr<state::LocalStore> spool_;
  std::optional<jobs::InitialLoad> load_;
  std::optional<jobs::InitialLoad::Progress> loaded_;  ///< once it has ended
  async::TaskGroup beside_;
};

}  // namespace dynamirror::service
