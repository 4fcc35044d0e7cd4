// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace dynamirror::aws {

/// Watches one listing that is read page by page (Scan, DescribeStream, ListObjectsV2 …), so that a server whose pages
/// never end is not asked for ever. Pure; made anew for each listing, and remembers two tokens.
class Paging {
 public:
  /// A page that names a next one has come, with so many entries. `resource`: what is listed, for the error.
  /// Errors: those of `unreadable_answer`, when that page has been named before, or when pages have been empty for
  /// long.
  [[nodiscard]] Status turn(std::string_view next, std::size_t entries, std::string resource);

 private:
  std::string last_;
  std::string mark_;  ///< the token of turn 1, 2, 4, 8 …: it is met again in a circle of any length (Brent's algorithm)
  std::uint64_t turns_ = 0;
  std::uint64_t empty_pages_ = 0;  ///< in a row
};

}  // namespace dynamirror::aws
