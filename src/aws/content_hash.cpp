// SPDX-License-Identifier: Apache-2.0
#include "aws/content_hash.hpp"

#include <openssl/evp.h>

#include <cassert>

namespace dynamirror::aws {
namespace {

/// MD5 as a checksum is allowed where FIPS forbids it as protection. Null where no provider has it. Fetched once: that
/// costs more than hashing a small item.
const EVP_MD* md5() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "MD5", "-fips");
  return algorithm;
}

std::string base64_of(std::string_view digest) {
  std::string text(4 * ((digest.size() + 2) / 3) + 1, '\0');
  const int written =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(digest.data()), static_cast<int>(digest.size()));
  text.resize(static_cast<std::size_t>(written));
  return text;
}

}  // namespace

struct ContentHash::Impl {
  struct Deleter {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Deleter> context{EVP_MD_CTX_new()};
  [[nodiscard]] std::string finish() const;
};

ContentHash::ContentHash(Kind kind) : impl_(std::make_unique<Impl>()) {
  const int ready = EVP_DigestInit_ex(impl_->context.get(), kind == Kind::kMd5 ? md5() : EVP_sha256(), nullptr);
  assert(ready == 1);
  (void)ready;
}

ContentHash::~ContentHash() = default;
ContentHash::ContentHash(ContentHash&&) noexcept = default;
ContentHash& ContentHash::operator=(ContentHash&&) noexcept = default;

void ContentHash::add(std::string_view bytes) {
  const int done = EVP_DigestUpdate(impl_->context.get(), bytes.data(), bytes.size());
  assert(done == 1);
  (void)done;
}

std::string ContentHash::Impl::finish() const {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  const int done = EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()), &size);
  assert(done == 1);
  (void)done;
  digest.resize(size);
  return digest;
}

std::string ContentHash::hex() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : impl_->finish()) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string ContentHash::base64() { return base64_of(impl_->finish()); }

std::string sha256_hex(std::string_view bytes) {
  ContentHash hash;
  hash.add(bytes);
  return hash.hex();
}

std::string md5_base64(std::string_view bytes) {
  if (md5() == nullptr) return {};
  ContentHash hash(ContentHash::Kind::kMd5);
  hash.add(bytes);
  return hash.base64();
}

}  // namespace dynamirror::aws
