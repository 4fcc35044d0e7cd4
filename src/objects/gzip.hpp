// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace dynamirror::objects {

/// How hard to compress: 0 (fastest) to 3. Level 1 is the best bargain for JSON lines.
inline constexpr int kGzipLevel = 1;

/// The text as one gzip member. Members one after the other are one gzip file. The same text gives the same bytes.
/// REQUIRES: 0 <= level <= 3; text below 4 GiB. Thread-safe; does not throw but for lack of memory.
[[nodiscard]] std::string gzip(std::string_view text, int level = kGzipLevel);

/// Compresses a text that comes piece by piece into one gzip member. Pure; not thread-safe.
class GzipWriter {
 public:
  /// REQUIRES: 0 <= level <= 3.
  explicit GzipWriter(int level = kGzipLevel);
  ~GzipWriter();
  GzipWriter(GzipWriter&&) noexcept;
  GzipWriter& operator=(GzipWriter&&) noexcept;

  /// Compressed bytes that are ready; may be empty. REQUIRES: piece below 4 GiB; not after `finish`.
  [[nodiscard]] std::string add(std::string_view piece);
  /// The last bytes. REQUIRES: called once, at the end.
  [[nodiscard]] std::string finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Unpacks a gzip file of any number of members that comes piece by piece, checking the checksum and size of each.
/// Memory: what was fed and not yet unpacked, and one piece of output. Pure; not thread-safe, but may move between
/// threads.
class GzipReader {
 public:
  GzipReader();
  ~GzipReader();
  GzipReader(GzipReader&&) noexcept;
  GzipReader& operator=(GzipReader&&) noexcept;

  /// Whether a file that begins so is gzip (and no plain text).
  [[nodiscard]] static bool is_gzip(std::string_view begin);

  /// Takes the next bytes of the file.
  void feed(std::string bytes);
  /// At most `max_bytes` of what was fed, unpacked; empty when more must be fed first.
  /// Errors: class invalid for bytes that are damaged or no gzip; then every later call fails, too.
  /// REQUIRES: 0 < max_bytes < 4 GiB.
  [[nodiscard]] Result<std::string> next(std::size_t max_bytes);
  /// At the end of the file, after `next` has given an empty text. Errors: class invalid when the file is cut off.
  [[nodiscard]] Status finish() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::objects
