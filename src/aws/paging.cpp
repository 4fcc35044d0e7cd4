// SPDX-License-Identifier: Apache-2.0
#include "aws/paging.hpp"

#include <bit>
#include <utility>

#include "aws/errors.hpp"

namespace dynamirror::aws {
namespace {

/// A page may be empty where everything was deleted, but no service gives so many of them in a row.
constexpr std::uint64_t kMostEmptyPages = 1'000;

std::unexpected<Error> endless(std::string resource, std::string message) {
  return unreadable_answer({.error_class = ErrorClass::kFatal,
                            .doing = "read the next page of",
                            .resource = std::move(resource),
                            .code = {},
                            .message = std::move(message)});
}

}  // namespace

Status Paging::turn(std::string_view next, std::size_t entries, std::string resource) {
  if (next.empty()) return {};
  if (next == last_ || next == mark_) {
    return endless(std::move(resource), "a page names one as its next that was read before, so the pages never end");
  }
  empty_pages_ = entries == 0 ? empty_pages_ + 1 : 0;
  if (empty_pages_ > kMostEmptyPages) {
    return endless(std::move(resource), std::to_string(empty_pages_) + " pages in a row are empty, and name one more");
  }
  last_ = next;
  if (std::has_single_bit(++turns_)) mark_ = next;
  return {};
}

}  // namespace dynamirror::aws
