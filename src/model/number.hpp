// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace dynamirror::model {

/// True when two decimal texts, as DynamoDB's N carries them, are one number: "1", "1.0" and "10e-1". Exact at any
/// number of digits. Texts that are no numbers are the same only when they are the same bytes.
[[nodiscard]] bool same_number(std::string_view left, std::string_view right);

}  // namespace dynamirror::model
