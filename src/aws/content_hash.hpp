// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace dynamirror::aws {

/// A hash of bytes that come piece by piece. Not thread-safe.
class ContentHash {
 public:
  enum class Kind {
    kSha256,
    kMd5,  ///< as exports and S3 state it: a checksum, no protection
  };

  explicit ContentHash(Kind kind = Kind::kSha256);
  ~ContentHash();
  ContentHash(ContentHash&&) noexcept;
  ContentHash& operator=(ContentHash&&) noexcept;

  void add(std::string_view bytes);
  /// Lower-case hex digits. REQUIRES: called once, at the end; not after `base64`.
  [[nodiscard]] std::string hex();
  /// REQUIRES: as `hex`.
  [[nodiscard]] std::string base64();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// SHA-256 of one text as 64 lower-case hex digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

/// MD5 of one text in Base64, as the header Content-MD5 wants it. Empty where OpenSSL offers no MD5 at all.
[[nodiscard]] std::string md5_base64(std::string_view bytes);

}  // namespace dynamirror::aws
