// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace dynamirror::model {

/// True when two decimal texts, as DynamoDB's N carries them, are one number: "1", "1.0" and "10e-1". Exact at any
/// number of digits. Texts that are no numbers are the same only when they are the same bytes.
[[nodiscard]] bool same_number(std::string_view left, std::string_view right);

/// Appends one spelling for all texts of one number, for comparing and hashing, not for people or services: two texts
/// give the same bytes exactly when `same_number` says so.
void append_canonical_number(std::string& out, std::string_view text);

}  // namespace dynamirror::model
