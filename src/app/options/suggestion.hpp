// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dynamirror::app {

/// For a word that is none of `known`: "; did you mean replicate?", with the nearest or those that it begins; empty
/// when nothing is near.
[[nodiscard]] std::string suggestion(std::string_view word, const std::vector<std::string>& known);

}  // namespace dynamirror::app
