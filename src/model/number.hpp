// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace dynamirror::model {

/// True when a decimal text, as DynamoDB's N carries it, is spelled as DynamoDB itself answers it: without an exponent,
/// a plus, or zeros that say nothing ("0", "-1.5", "1000").
[[nodiscard]] bool is_canonical_number(std::string_view text);

/// Appends the one spelling of a number, which is DynamoDB's: "1" for "1.0", "+1", "01" and "10e-1", exact at any
/// number of digits. Two texts give the same bytes exactly when they are one number. What is no number is appended as
/// it is, and a number far beyond DynamoDB's range (±130) with an exponent, of which there is one, too.
void append_canonical_number(std::string& out, std::string_view text);

}  // namespace dynamirror::model
