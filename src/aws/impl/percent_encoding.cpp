// SPDX-License-Identifier: Apache-2.0
#include "aws/impl/percent_encoding.hpp"

#include <array>
#include <charconv>

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

std::string decode_form(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* const digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace dynamirror::aws
