// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "async/task.hpp"
#include "aws/credentials/source.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

/// Sends a request to a metadata service beside this machine and gives the body of its answer: up to three attempts of
/// a second each, as the AWS tools do, so that a machine without such a service is noticed soon. Errors: any status but
/// 200, with the class that follows from it; never the body, which may be a secret.
[[nodiscard]] async::Task<Result<std::string>> metadata_request(SourceContext context, http::Request request,
                                                                std::string doing, std::string resource);

}  // namespace dynamirror::aws
