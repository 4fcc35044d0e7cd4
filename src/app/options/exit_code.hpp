// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipeline/job_failure.hpp"

namespace dynamirror::app {

/// What the process tells its caller. A documented contract (docs/exit-codes.md): numbers are never given a new
/// meaning.
enum class ExitCode {
  kOk = 0,           ///< stopped as asked, everything read is settled and checkpointed; or caught up
  kDifferent = 1,    ///< a comparison has found differences
  kUsage = 2,        ///< wrong command line, table address or configuration
  kNotReady = 3,     ///< a table, stream or key schema is not as it must be
  kAccess = 4,       ///< no credentials, expired credentials, or access denied
  kUnreachable = 5,  ///< an endpoint does not answer, or what it answers is not from AWS
  kState = 6,        ///< the state file (or dead-letter file) is unusable, in use, or another replication's; or no room
  kTrimmed = 7,      ///< changes were trimmed from the stream before they were read
  kStalled = 8,      ///< changes wait and nothing has moved for --stall-timeout
  kPoison = 9,       ///< the target refuses a change (--on-error stop), or dead letters remain after a replay
  kStoppedEarly =
      10,          ///< stopped before everything read could be written; nothing is lost, the rest is redone next time
  kOutput = 11,    ///< the results could not be written to stdout
  kInternal = 70,  ///< a bug of ours
};

[[nodiscard]] ExitCode exit_code_of(jobs::Reason reason);

/// The exit code that fits an error by its class.
[[nodiscard]] inline ExitCode exit_code_for(const Error& error) { return exit_code_of(jobs::reason_for(error)); }

}  // namespace dynamirror::app
