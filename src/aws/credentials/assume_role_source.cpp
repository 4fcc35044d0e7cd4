// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/assume_role_source.hpp"

namespace dynamirror::aws {

std::string AssumeRoleSource::describe() const {
  return "role " + role_.role_arn + " assumed with " + base_->describe();
}

async::Task<Result<Credentials>> AssumeRoleSource::fetch() {
  for (int attempt = 1;; ++attempt) {
    const auto base = co_await base_->get();
    if (!base) co_return std::unexpected(base.error());
    auto assumed = co_await sts_.assume_role(role_, *base);
    const bool expired = !assumed && assumed.error().error_class == ErrorClass::kExpiredCredentials;
    if (!expired || attempt == 2) co_return assumed;
    base_->invalidate();
  }
}

}  // namespace dynamirror::aws
