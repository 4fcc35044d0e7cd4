// SPDX-License-Identifier: Apache-2.0
#include "aws/signing/impl/sha256.hpp"

#include <algorithm>
#include <cassert>

namespace dynamirror::aws {
namespace {

constexpr std::size_t kBlockBytes = 64;

/// Fetched once: an implicit fetch searches the providers under a lock each time.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  assert(algorithm != nullptr);
  return algorithm;
}

DigestContext started_context() {
  DigestContext context(EVP_MD_CTX_new());
  assert(context);
  const int started = EVP_DigestInit_ex2(context.get(), sha256_algorithm(), nullptr);
  assert(started == 1);
  (void)started;
  return context;
}

void update(EVP_MD_CTX* context, std::string_view text) {
  const int updated = EVP_DigestUpdate(context, text.data(), text.size());
  assert(updated == 1);
  (void)updated;
}

Digest finish(EVP_MD_CTX* context) {
  Digest digest;
  unsigned int size = 0;
  const int finished = EVP_DigestFinal_ex(context, digest.data(), &size);
  assert(finished == 1 && size == digest.size());
  (void)finished;
  return digest;
}

std::string_view as_text(const Digest& digest) { return {reinterpret_cast<const char*>(digest.data()), digest.size()}; }

}  // namespace

void append_hex(std::string& out, const Digest& digest) {
  constexpr std::string_view kHex = "0123456789abcdef";
  char text[64];
  for (std::size_t i = 0; i < digest.size(); ++i) {
    text[2 * i] = kHex[digest[i] >> 4];
    text[2 * i + 1] = kHex[digest[i] & 15];
  }
  out.append(text, sizeof text);
}

Sha256::Sha256() : context_(started_context()) {}

Digest Sha256::operator()(std::string_view text) {
  // A null algorithm starts anew with the one already set, without any allocation.
  const int started = EVP_DigestInit_ex2(context_.get(), nullptr, nullptr);
  assert(started == 1);
  (void)started;
  update(context_.get(), text);
  return finish(context_.get());
}

HmacSha256::HmacSha256(std::string_view key)
    : inner_(started_context()), outer_(started_context()), work_(started_context()) {
  std::array<char, kBlockBytes> block{};
  if (key.size() > kBlockBytes) {
    const Digest shortened = Sha256()(key);
    std::copy(shortened.begin(), shortened.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  for (char& byte : block) byte = static_cast<char>(byte ^ 0x36);
  update(inner_.get(), {block.data(), block.size()});
  for (char& byte : block) byte = static_cast<char>(byte ^ 0x36 ^ 0x5c);
  update(outer_.get(), {block.data(), block.size()});
}

Digest HmacSha256::operator()(std::string_view text) {
  int copied = EVP_MD_CTX_copy_ex(work_.get(), inner_.get());
  assert(copied == 1);
  update(work_.get(), text);
  const Digest inner = finish(work_.get());
  copied = EVP_MD_CTX_copy_ex(work_.get(), outer_.get());
  assert(copied == 1);
  (void)copied;
  update(work_.get(), as_text(inner));
  return finish(work_.get());
}

}  // namespace dynamirror::aws
