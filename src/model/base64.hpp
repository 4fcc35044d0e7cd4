// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace dynamirror::model {

/// Appends the one spelling of the bytes that a base64 text carries: with its padding, and without what the last
/// character has beyond whole bytes ("AQ==" for "AR==" and "AQ"). What is no base64 is appended as it is.
void append_canonical_base64(std::string& out, std::string_view text);

}  // namespace dynamirror::model
