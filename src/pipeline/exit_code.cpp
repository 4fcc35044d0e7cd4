// SPDX-License-Identifier: Apache-2.0
#include "pipeline/exit_code.hpp"

#include "async/stop_request.hpp"
#include "aws/errors.hpp"
#include "base/files.hpp"

namespace dynamirror::jobs {

ExitCode exit_code_for(const Error& error) {
  if (error.code == kStoppedCode) return ExitCode::kStoppedEarly;
  if (has_no_room(error)) return ExitCode::kState;
  if (error.code == aws::kUnreadableAnswer) return ExitCode::kUnreachable;
  switch (error.error_class) {
    case ErrorClass::kThrottled:
    case ErrorClass::kTransient:
      return ExitCode::kUnreachable;
    case ErrorClass::kExpiredCredentials:
    case ErrorClass::kDenied:
      return ExitCode::kAccess;
    case ErrorClass::kNotFound:
      return ExitCode::kNotReady;
    case ErrorClass::kInvalid:
      return ExitCode::kUsage;
    case ErrorClass::kConflict:
      return ExitCode::kState;
    case ErrorClass::kFatal:
      return ExitCode::kInternal;
  }
  return ExitCode::kInternal;
}

}  // namespace dynamirror::jobs
