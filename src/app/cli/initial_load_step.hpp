// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "app/options/command_line.hpp"
#include "app/options/exit_code.hpp"
#include "app/session/session.hpp"
#include "async/task.hpp"
#include "jobs/prepare/preflight.hpp"
#include "jobs/replication/initial_load.hpp"
#include "service/state_files.hpp"
#include "sink/table_sink.hpp"
#include "source/change_stream.hpp"
#include "state/local_store.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::app {

/// What the step works with. Everything outlives it.
struct InitialLoadStep {
  const ReplicateCommand& command;
  Session& session;
  jobs::TableSide& source;
  jobs::TableSide& target;
  const jobs::Prepared& prepared;
  const source::ChangeStream& stream;
  const state::ReplicationIdentity& identity;
  service::StateFiles& files;
  sink::TableSink& sink;
};

/// How the step ended, and what this run has loaded, also when it failed; nothing when there was nothing to load.
struct InitialLoadOutcome {
  jobs::JobResult<void> ended;
  std::optional<jobs::InitialLoad::Progress> load{};
};

/// What `replicate` does before it applies the stream: with `--initial-load`, the load or what is left of it; without
/// it, the check that none is unfinished. In a dry run it only says what the load would cost.
[[nodiscard]] async::Task<InitialLoadOutcome> initial_load_step(InitialLoadStep step);

}  // namespace dynamirror::app
