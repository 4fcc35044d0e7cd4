// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <utility>

#include "base/error.hpp"

namespace dynamirror::jobs {

/// What has ended a job that did not succeed. What a process makes of it is its own affair (app/options/exit_code.hpp).
enum class Reason {
  kInvalid,      ///< an address, option or configuration that makes no sense
  kNotReady,     ///< a table, stream or key schema is not as it must be
  kDenied,       ///< no credentials, expired credentials, or access denied
  kUnreachable,  ///< an endpoint does not answer, or what it answers is not from AWS
  kState,        ///< the state file (or dead-letter file) is unusable, in use, or another job's; or no room
  kTrimmed,      ///< changes were trimmed from the stream before they were read
  kStalled,      ///< changes wait and nothing has moved for the stall timeout
  kPoison,       ///< the target refuses a change, or lacks those that are among the dead letters
  kStopped,      ///< stopped before everything read could be written; nothing is lost, the rest is redone next time
  kBug,          ///< of ours
};

/// Why a job ended without success.
struct JobFailure {
  Reason reason = Reason::kBug;
  Error error;
};

template <class T>
using JobResult = std::expected<T, JobFailure>;

/// The reason that fits an error by its class.
[[nodiscard]] Reason reason_for(const Error& error);

[[nodiscard]] inline std::unexpected<JobFailure> job_failure(Reason reason, Error error) {
  return std::unexpected(JobFailure{reason, std::move(error)});
}
[[nodiscard]] inline std::unexpected<JobFailure> job_failure(Error error) {
  const Reason reason = reason_for(error);
  return job_failure(reason, std::move(error));
}

}  // namespace dynamirror::jobs
