// SPDX-License-Identifier: Apache-2.0
#include "app/options/suggestion.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

namespace dynamirror::app {
namespace {

/// Letters to insert, leave out or replace to make one of the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  std::size_t least = std::max<std::size_t>(1, word.size() / 4);  // more changes than that make another word
  std::vector<std::string> nearest;
  for (const std::string& candidate : known) {
    const std::size_t changes = distance(word, candidate);
    if (changes > least) continue;
    if (changes < least) nearest.clear();
    least = changes;
    nearest.push_back(candidate);
  }
  if (nearest.empty() && word.size() > 1) {
    std::ranges::copy_if(known, std::back_inserter(nearest), [&](const auto& each) { return each.starts_with(word); });
  }
  return nearest.empty() ? "" : fmt::format("; did you mean {}?", fmt::join(nearest, " or "));
}

}  // namespace dynamirror::app
