// SPDX-License-Identifier: Apache-2.0
#include "aws/content_hash.hpp"

#include <array>
#include <cassert>

#include "aws/signing/impl/sha256.hpp"

namespace dynamirror::aws {

struct ContentHash::Impl {
  DigestContext context{EVP_MD_CTX_new()};
};

ContentHash::ContentHash() : impl_(std::make_unique<Impl>()) {
  const int ready = EVP_DigestInit_ex(impl_->context.get(), EVP_sha256(), nullptr);
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

std::string ContentHash::hex() {
  Digest digest{};
  const int done = EVP_DigestFinal_ex(impl_->context.get(), digest.data(), nullptr);
  assert(done == 1);
  (void)done;
  std::string text;
  append_hex(text, digest);
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  ContentHash hash;
  hash.add(bytes);
  return hash.hex();
}

std::string md5_base64(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const int done = EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_md5(), nullptr);
  assert(done == 1);
  (void)done;
  std::string text(4 * ((size + 2) / 3) + 1, '\0');
  const int written =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), digest.data(), static_cast<int>(size));
  text.resize(static_cast<std::size_t>(written));
  return text;
}

}  // namespace dynamirror::aws
