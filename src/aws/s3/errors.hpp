// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

/// As `classify_error`, with what S3 has of its own: answers to HEAD without a body, 503 for a pace that is too fast,
/// bodies damaged on their way, and buckets of another region, which the message names (class invalid).
/// `region` is the one that was asked.
/// Source: "Error responses" of the S3 API reference.
[[nodiscard]] Error classify_s3_error(const http::Response& response, std::string doing, std::string resource,
                                      const Region& region);

/// True when the answer has no body that could have said more than its status, as those to HEAD.
[[nodiscard]] bool lacks_reason(const Error& error);

}  // namespace dynamirror::aws
