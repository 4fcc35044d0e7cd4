// SPDX-License-Identifier: Apache-2.0
#include "model/base64.hpp"

#include <array>
#include <cstdint>

namespace dynamirror::model {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint32_t kNoDigit = 64;

constexpr std::array<std::uint8_t, 256> kDigits = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return digits;
}();

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
  std::uint32_t wrong = 0;
  const auto digit = [&](std::size_t i) {
    const std::uint32_t value = kDigits[static_cast<unsigned char>(text[i])];
    wrong |= value & kNoDigit;
    return value;
  };
  char* out = bytes.data();
  std::size_t i = 0;
  for (; i + 4 <= text.size(); i += 4) {
    const std::uint32_t bits = digit(i) << 18 | digit(i + 1) << 12 | digit(i + 2) << 6 | digit(i + 3);
    *out++ = static_cast<char>(bits >> 16);
    *out++ = static_cast<char>(bits >> 8);
    *out++ = static_cast<char>(bits);
  }
  if (padding > 0) {
    const std::uint32_t bits = digit(i) << 18 | digit(i + 1) << 12 | (padding == 1 ? digit(i + 2) << 6 : 0);
    *out++ = static_cast<char>(bits >> 16);
    if (padding == 1) *out++ = static_cast<char>(bits >> 8);
  }
  if (wrong != 0) return std::nullopt;
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
