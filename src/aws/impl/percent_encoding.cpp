// SPDX-License-Identifier: Apache-2.0
#include "aws/impl/percent_encoding.hpp"

#include <array>

namespace dynamirror::aws {
namespace {

constexpr std::array<bool, 256> make_unreserved() {
  std::array<bool, 256> unreserved{};
  for (int c = '0'; c <= '9'; ++c) unreserved[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) unreserved[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) unreserved[static_cast<std::size_t>(c)] = true;
  for (const char c : {'-', '.', '_', '~'}) unreserved[static_cast<unsigned char>(c)] = true;
  return unreserved;
}

}  // namespace

void append_percent_encoded(std::string& out, std::string_view text) {
  static constexpr std::array<bool, 256> kUnreserved = make_unreserved();
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kUnreserved[byte]) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
}

}  // namespace dynamirror::aws
