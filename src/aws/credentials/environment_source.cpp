// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/environment_source.hpp"

namespace dynamirror::aws {

bool EnvironmentSource::is_configured(const Environment& environment) {
  // One of the two is a mistake that must be told, not a reason to look elsewhere.
  return environment.variable("AWS_ACCESS_KEY_ID") || environment.variable("AWS_SECRET_ACCESS_KEY");
}

async::Task<Result<Credentials>> EnvironmentSource::fetch() {
  const auto id = environment_.variable("AWS_ACCESS_KEY_ID");
  const auto secret = environment_.variable("AWS_SECRET_ACCESS_KEY");
  if (!id || !secret) {
    co_return failure(ErrorClass::kDenied, "get credentials", "environment",
                      std::string(id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID") +
                          " is not set, but the other half of the key is: set both or neither");
  }
  auto token = environment_.variable("AWS_SECURITY_TOKEN");  // the older name, which botocore looks for first
  if (!token) token = environment_.variable("AWS_SESSION_TOKEN");
  co_return Credentials{
      .access_key_id = *id, .secret_access_key = Secret(*secret), .session_token = Secret(token.value_or(""))};
}

}  // namespace dynamirror::aws
