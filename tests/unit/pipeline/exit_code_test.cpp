// SPDX-License-Identifier: Apache-2.0
//
// Goal: an error tells the supervisor whose turn it is (docs/exit-codes.md).
#include "pipeline/exit_code.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "aws/errors.hpp"
#include "base/files.hpp"

namespace dynamirror::jobs {
namespace {

TEST(ExitCodeOf, AFullDiskOrTooManyOpenFilesIsTroubleOfThisMachineAndNoBug) {
  for (const int reason : {ENOSPC, EDQUOT, EMFILE, EIO}) {
    errno = reason;
    EXPECT_EQ(exit_code_for(file_failure("write", "/backups/a").error()), ExitCode::kState) << reason;
  }
  errno = EACCES;
  EXPECT_EQ(exit_code_for(file_failure("write", "/backups/a").error()), ExitCode::kAccess);
  errno = ENOTDIR;
  EXPECT_EQ(exit_code_for(file_failure("write", "/backups/a").error()), ExitCode::kUsage);
}

TEST(ExitCodeOf, AnAnswerThatIsNotFromAwsIsAnEndpointThatDoesNotAnswer) {
  const Error complaint{.error_class = ErrorClass::kInvalid, .doing = "", .resource = "", .code = "", .message = ""};
  EXPECT_EQ(exit_code_for(aws::unreadable_answer(complaint).error()), ExitCode::kUnreachable);
}

}  // namespace
}  // namespace dynamirror::jobs
