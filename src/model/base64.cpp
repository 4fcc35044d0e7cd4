// SPDX-License-Identifier: Apache-2.0
#include "model/base64.hpp"

#include <array>
#include <cstdint>

namespace dynamirror::model {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint32_t kNoDigit = 1u << 24;

/// What a character stands for at each of the four places of a group of 24 bits.
constexpr std::array<std::array<std::uint32_t, 256>, 4> kDigits = [] {
  std::array<std::array<std::uint32_t, 256>, 4> digits{};
  for (std::size_t place = 0; place < digits.size(); ++place) {
    digits[place].fill(kNoDigit);
    for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
      digits[place][static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint32_t>(i << (18 - place * 6));
    }
  }
  return digits;
}();

std::uint32_t digit(std::size_t place, char character) { return kDigits[place][static_cast<unsigned char>(character)]; }

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  // Four digits at a time: every record of Kinesis comes this way.
  std::string bytes(text.size() / 4 * 3 + (padding > 0 ? 3 - padding : 0), '\0');
  std::uint32_t all = 0;
  char* out = bytes.data();
  for (; text.size() >= 4; text.remove_prefix(4)) {
    const std::uint32_t bits = digit(0, text[0]) | digit(1, text[1]) | digit(2, text[2]) | digit(3, text[3]);
    all |= bits;
    *out++ = static_cast<char>(bits >> 16);
    *out++ = static_cast<char>(bits >> 8);
    *out++ = static_cast<char>(bits);
  }
  if (padding > 0) {
    const std::uint32_t bits = digit(0, text[0]) | digit(1, text[1]) | (padding == 1 ? digit(2, text[2]) : 0);
    all |= bits;
    *out++ = static_cast<char>(bits >> 16);
    if (padding == 1) *out++ = static_cast<char>(bits >> 8);
  }
  if ((all & kNoDigit) != 0) return std::nullopt;
  return bytes;
}

void append_base64(std::string& out, std::string_view bytes) {
  out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i) out += i <= group.size() ? kAlphabet[bits >> (18 - i * 6) & 63] : '=';
  }
}

void append_canonical_base64(std::string& out, std::string_view text) {
  std::string_view bare = text;
  while (bare.ends_with('=')) bare.remove_suffix(1);
  const std::size_t over = bare.size() % 4;
  if (over == 0) {
    out += bare;
    return;
  }
  const std::size_t last = kAlphabet.find(bare.back());
  if (over == 1 || last == std::string_view::npos) {
    out += text;
    return;
  }
  out += bare;
  out.back() = kAlphabet[last & (over == 2 ? ~std::size_t{15} : ~std::size_t{3})];
  out.append(4 - over, '=');
}

}  // namespace dynamirror::model
