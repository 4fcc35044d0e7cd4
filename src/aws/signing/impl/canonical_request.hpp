// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "http/transport.hpp"

namespace dynamirror::aws {

/// How a service wants the request brought into one form before it is hashed.
enum class CanonicalRules {
  kGeneral,  ///< the path is normalised and percent-encoded once more ("double encoding")
  kS3,       ///< object keys are bytes: the path stands as it was sent
};

/// Appends to `out` the canonical request of a request whose headers are complete (x-amz-date and so on), save `host`,
/// which is taken from the endpoint; `payload_hash` ends it. Appends the list of signed header names to
/// `signed_headers`. Source: "Create a signed AWS API request", step 1, in the IAM user guide.
void append_canonical_request(std::string& out, std::string& signed_headers, const http::Request& request,
                              CanonicalRules rules, std::string_view payload_hash);

}  // namespace dynamirror::aws
