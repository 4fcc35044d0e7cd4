// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace dynamirror::aws {

using Digest = std::array<unsigned char, 32>;

/// Lower-case hexadecimal, appended.
void append_hex(std::string& out, const Digest& digest);

struct DigestContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, DigestContextDeleter>;

/// SHA-256 of one text after the other with a context that is kept: with OpenSSL 3 creating one costs more than hashing
/// a short text. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  [[nodiscard]] Digest operator()(std::string_view text);

 private:
  DigestContext context_;
};

/// HMAC-SHA256 with one key for many texts: the two padded key blocks are hashed once, and their states copied for each
/// text. Not thread-safe.
class HmacSha256 {
 public:
  /// Keys longer than a block (64 bytes) are hashed first, as the standard says (RFC 2104).
  explicit HmacSha256(std::string_view key);
  [[nodiscard]] Digest operator()(std::string_view text);

 private:
  DigestContext inner_;
  DigestContext outer_;
  DigestContext work_;
};

}  // namespace dynamirror::aws
