// SPDX-License-Identifier: Apache-2.0
#include "pipeline/job_failure.hpp"

#include "async/stop_request.hpp"
#include "aws/errors.hpp"
#include "base/files.hpp"
#include "sink/change_sink.hpp"

namespace dynamirror::jobs {

Reason reason_for(const Error& error) {
  if (error.code == kStoppedCode) return Reason::kStopped;
  if (has_no_room(error)) return Reason::kState;
  if (error.code == sink::kTooOld) return Reason::kTrimmed;
  if (error.code == aws::kUnreadableAnswer) return Reason::kUnreachable;
  switch (error.error_class) {
    case ErrorClass::kThrottled:
    case ErrorClass::kTransient:
      return Reason::kUnreachable;
    case ErrorClass::kExpiredCredentials:
    case ErrorClass::kDenied:
      return Reason::kDenied;
    case ErrorClass::kNotFound:
      return Reason::kNotReady;
    case ErrorClass::kInvalid:
      return Reason::kInvalid;
    case ErrorClass::kConflict:
      return Reason::kState;
    case ErrorClass::kFatal:
      return Reason::kBug;
  }
  return Reason::kBug;
}

}  // namespace dynamirror::jobs
