// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/wire_server.hpp"

namespace dynamirror::support {

inline constexpr std::string_view kSigv4Algorithm = "AWS4-HMAC-SHA256";

struct SigningScope {
  std::string date;  ///< "20260101"
  std::string region;
  std::string service;
};

/// The Signature Version 4 of a request without a query, from the specification ("Create a signed AWS API request", IAM
/// User Guide) and without the program's own signer. Pure.
/// REQUIRES: the request has an x-amz-date header.
[[nodiscard]] std::string sigv4_signature(const WireRequest& request, const std::vector<std::string>& signed_headers,
                                          const SigningScope& scope, const std::string& secret);

/// The value for the authorization header, with every present header signed (sorted).
[[nodiscard]] std::string sigv4_authorization(const WireRequest& request, const SigningScope& scope,
                                              const std::string& access_key_id, const std::string& secret);

}  // namespace dynamirror::support
