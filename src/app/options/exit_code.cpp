// SPDX-License-Identifier: Apache-2.0
#include "app/options/exit_code.hpp"

namespace dynamirror::app {

ExitCode exit_code_of(jobs::Reason reason) {
  using enum jobs::Reason;
  switch (reason) {
    case kInvalid:
      return ExitCode::kUsage;
    case kNotReady:
      return ExitCode::kNotReady;
    case kDenied:
      return ExitCode::kAccess;
    case kUnreachable:
      return ExitCode::kUnreachable;
    case kState:
      return ExitCode::kState;
    case kTrimmed:
      return ExitCode::kTrimmed;
    case kStalled:
      return ExitCode::kStalled;
    case kPoison:
      return ExitCode::kPoison;
    case kStopped:
      return ExitCode::kStoppedEarly;
    case kBug:
      return ExitCode::kInternal;
  }
  return ExitCode::kInternal;
}

}  // namespace dynamirror::app
