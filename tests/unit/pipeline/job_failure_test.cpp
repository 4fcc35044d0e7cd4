// SPDX-License-Identifier: Apache-2.0
//
// Goal: an error tells whose turn it is.
#include "pipeline/job_failure.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "aws/errors.hpp"
#include "base/files.hpp"

namespace dynamirror::jobs {
namespace {

TEST(ReasonFor, AFullDiskOrTooManyOpenFilesIsTroubleOfThisMachineAndNoBug) {
  for (const int reason : {ENOSPC, EDQUOT, EMFILE, EIO}) {
    errno = reason;
    EXPECT_EQ(reason_for(file_failure("write", "/backups/a").error()), Reason::kState) << reason;
  }
  errno = EACCES;
  EXPECT_EQ(reason_for(file_failure("write", "/backups/a").error()), Reason::kDenied);
  errno = ENOTDIR;
  EXPECT_EQ(reason_for(file_failure("write", "/backups/a").error()), Reason::kInvalid);
}

TEST(ReasonFor, AnAnswerThatIsNotFromAwsIsAnEndpointThatDoesNotAnswer) {
  const Error complaint{.error_class = ErrorClass::kInvalid, .doing = "", .resource = "", .code = "", .message = ""};
  EXPECT_EQ(reason_for(aws::unreadable_answer(complaint).error()), Reason::kUnreachable);
}

}  // namespace
}  // namespace dynamirror::jobs
