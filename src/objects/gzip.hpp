// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace dynamirror::objects {

/// One complete gzip member holding `text`. Members one after the other are one gzip file. Pure; safe on any thread.
[[nodiscard]] std::string gzip(std::string_view text);

/// Unpacks a gzip file of any number of members that comes piece by piece, in bounded steps. Not thread-safe.
class GzipReader {
 public:
  GzipReader();
  ~GzipReader();
  GzipReader(GzipReader&&) noexcept;
  GzipReader& operator=(GzipReader&&) noexcept;

  /// True when a text begins as gzip does (two bytes decide).
  [[nodiscard]] static bool is_gzip(std::string_view text) { return text.starts_with("\x1f\x8b"); }

  /// Hands over the next piece. REQUIRES: the one before has been used up (`next` has answered nothing).
  void feed(std::string piece);

  /// At most `max_bytes` of text; empty when the piece is used up. Errors: class invalid for data that is damaged.
  [[nodiscard]] Result<std::string> next(std::size_t max_bytes);

  /// After the last piece. Errors: class invalid when the file ends within a member.
  [[nodiscard]] Status finish() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::objects
