// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "aws/credentials/credentials.hpp"
#include "base/error.hpp"

namespace dynamirror::aws {

/// Reads the JSON that credential processes, container agents and the instance metadata service answer with:
/// AccessKeyId, SecretAccessKey, Token or SessionToken, Expiration, and the sender's Version or Code.
///
/// `doing` and `resource` are for errors: class invalid when it is not such JSON, a field is missing or the version is
/// not 1, class denied when the sender reports a failure (Code other than "Success"). They never hold the text.
[[nodiscard]] Result<Credentials> parse_credentials_json(std::string_view text, const std::string& doing,
                                                         const std::string& resource);

}  // namespace dynamirror::aws
