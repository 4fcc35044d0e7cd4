// SPDX-License-Identifier: Apache-2.0
#include "aws/streams/bare_maps.hpp"

#include <cstdint>
#include <cstring>
#include <vector>

namespace dynamirror::aws {
namespace {

std::uint64_t eight_bytes(const char* at) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}

/// The position behind the string that starts at `at`.
std::size_t skip_string(std::string_view json, std::size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    if (json[at] == '\\') ++at;
  }
  return at + 1;
}

/// What a bracket holds. The two kinds of objects take turns: a map's members are typed values, and a typed value of
/// the type M holds a map.
enum class Kind : char { kMap, kTypedValue, kList };

Kind kind_within(const std::vector<Kind>& open, char bracket) {
  if (bracket == '[') return Kind::kList;
  return !open.empty() && open.back() != Kind::kTypedValue ? Kind::kTypedValue : Kind::kMap;
}

}  // namespace

bool may_hold_bare_map(std::string_view image) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  std::size_t at = 0;
  // Eight places at a time: a byte of `difference` is zero where '{' is followed by '}'.
  for (; at + 9 <= image.size(); at += 8) {
    const std::uint64_t difference =
        (eight_bytes(image.data() + at) ^ (kOnes * '{')) | (eight_bytes(image.data() + at + 1) ^ (kOnes * '}'));
    if (((difference - kOnes) & ~difference & (kOnes * 0x80)) != 0) return true;
  }
  return image.substr(at).find("{}") != std::string_view::npos;
}

std::string with_typed_maps(std::string_view image) {
  std::string out;
  out.reserve(image.size() + 64);
  std::vector<Kind> open;
  for (std::size_t at = 0; at < image.size();) {
    const char c = image[at];
    if (c == '"') {
      const std::size_t end = skip_string(image, at);
      out += image.substr(at, end - at);
      at = end;
      continue;
    }
    const bool opens = c == '{' || c == '[';
    const Kind kind = opens ? kind_within(open, c) : Kind::kMap;
    if (c == '{' && kind == Kind::kTypedValue && image.substr(at).starts_with("{}")) {
      out += R"({"M":{}})";
      at += 2;
      continue;
    }
    if (opens) open.push_back(kind);
    if ((c == '}' || c == ']') && !open.empty()) open.pop_back();
    out += c;
    ++at;
  }
  return out;
}

}  // namespace dynamirror::aws
