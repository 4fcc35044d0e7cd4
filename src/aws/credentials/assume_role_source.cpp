// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/assume_role_source.hpp"

namespace dynamirror::aws {

std::string AssumeRoleSource::describe() const {
  return "role " + role_.role_arn + " assumed with " + base_->describe();
}

async::Task<Result<Credentials>> AssumeRoleSource::fetch() {
  const auto base = co_await base_->get();
  if (!base) co_return std::unexpected(base.error());
  auto assumed = co_await sts_.assume_role(role_, *base);
  if (assumed || assumed.error().error_class != ErrorClass::kExpiredCredentials) co_return assumed;
  base_->invalidate();
  const auto renewed = co_await base_->get();
  if (!renewed) co_return std::unexpected(renewed.error());
  if (same_keys(*renewed, *base)) co_return assumed;
  co_return co_await sts_.assume_role(role_, *renewed);
}

}  // namespace dynamirror::aws
