// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace dynamirror::app {

/// What mapbox's tools say last of two records; scripts look for it.
[[nodiscard]] constexpr std::string_view old_verdict(bool equal) {
  return equal
             ? "----------------------------\n✔ The records are equivalent\n----------------------------\n"
             : "--------------------------------\n✘ The records are not equivalent\n--------------------------------\n";
}

}  // namespace dynamirror::app
