// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "model/item_digest.hpp"

namespace dynamirror::model {

/// The names of the top-level attributes that two wire-form items do not share with the same value, sorted; none when
/// the items are equal as ItemDigester sees it. `digester` lends its buffers.
/// Errors: class invalid, for what is not an item in wire form.
[[nodiscard]] Result<std::vector<std::string>> item_difference(ItemDigester& digester, std::string_view left_json,
                                                               std::string_view right_json);

}  // namespace dynamirror::model
