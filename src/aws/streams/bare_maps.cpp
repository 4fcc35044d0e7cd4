// SPDX-License-Identifier: Apache-2.0
#include "aws/streams/bare_maps.hpp"

#include <cstdint>
#include <cstring>
#include <vector>

namespace dynamirror::aws {
namespace {

std::uint64_t eight_bytes(const char* text) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, text, sizeof bytes);
  return bytes;
}

/// The position behind the string that starts at `at`.
std::size_t skip_string(std::string_view json, std::size_t offset) {
  for (++offset; offset < json.size() && json[offset] != '"'; ++offset) {
    if (json[offset] == '\\') ++offset;
  }
  return offset + 1;
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
  std::size_t offset = 0;
  // Eight places at a time: a byte of `difference` is zero where '{' is followed by '}'.
  for (; offset + 9 <= image.size(); offset += 8) {
    const std::uint64_t difference =
        (eight_bytes(image.data() + offset) ^ (kOnes * '{')) | (eight_bytes(image.data() + offset + 1) ^ (kOnes * '}'));
    if (((difference - kOnes) & ~difference & (kOnes * 0x80)) != 0) return true;
  }
  return image.substr(offset).find("{}") != std::string_view::npos;
}

std::string with_typed_maps(std::string_view image) {
  std::string out;
  out.reserve(image.size() + 64);
  std::vector<Kind> open;
  for (std::size_t offset = 0; offset < image.size();) {
    const char c = image[offset];
    if (c == '"') {
      const std::size_t end = skip_string(image, offset);
      out += image.substr(offset, end - offset);
      offset = end;
      continue;
    }
    const bool opens = c == '{' || c == '[';
    const Kind kind = opens ? kind_within(open, c) : Kind::kMap;
    if (c == '{' && kind == Kind::kTypedValue && image.substr(offset).starts_with("{}")) {
      out += R"({"M":{}})";
      offset += 2;
      continue;
    }
    if (opens) open.push_back(kind);
    if ((c == '}' || c == ']') && !open.empty()) open.pop_back();
    out += c;
    ++offset;
  }
  return out;
}

}  // namespace dynamirror::aws
