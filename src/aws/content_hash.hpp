// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace dynamirror::aws {

/// SHA-256 of bytes that come piece by piece. Not thread-safe.
class ContentHash {
 public:
  ContentHash();
  ~ContentHash();
  ContentHash(ContentHash&&) noexcept;
  ContentHash& operator=(ContentHash&&) noexcept;

  void add(std::string_view bytes);
  /// 64 lower-case hex digits. REQUIRES: called once, at the end.
  [[nodiscard]] std::string hex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// SHA-256 of one text as 64 lower-case hex digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

/// MD5 of one text in base64, as exports and S3 state it: a checksum, no protection.
[[nodiscard]] std::string md5_base64(std::string_view bytes);

}  // namespace dynamirror::aws
