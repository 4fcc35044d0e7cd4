// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/impl/ini.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::string_view kBlank = " \t\r\f\v";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool is_blank(char c) { return kBlank.find(c) != std::string_view::npos; }

/// Without a comment that follows white space; "#" inside a word belongs to the value (secrets may hold one).
std::string_view without_comment(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool marker = text[i] == '#' || text[i] == ';';
    if (marker && (i == 0 || is_blank(text[i - 1]))) return text.substr(0, i);
  }
  return text;
}

class IniParser {
 public:
  explicit IniParser(const std::string& file) : file_(file) {}

  Status line(std::string_view text, int number) {
    const std::string_view content = trimmed(text);
    if (content.empty() || content.front() == '#' || content.front() == ';') return {};
    if (content.front() == '[') return section(content, number);
    if (sections_.empty()) return wrong(number, "a setting before the first [section]");
    if (is_blank(text.front())) return continuation(content, number);
    return property(content, number);
  }

  std::vector<IniSection> take() { return std::move(sections_); }

 private:
  std::unexpected<Error> wrong(int number, const std::string& what) const {
    return failure(ErrorClass::kInvalid, "read configuration file", file_,
                   "line " + std::to_string(number) + ": " + what);
  }

  Status section(std::string_view content, int number) {
    const auto close = content.find(']');
    if (close == std::string_view::npos) return wrong(number, "a section without its closing bracket");
    if (!trimmed(without_comment(content.substr(close + 1))).empty()) {
      return wrong(number, "text behind the closing bracket of a section");
    }
    const std::string_view name = trimmed(content.substr(1, close - 1));
    if (name.empty()) return wrong(number, "a section without a name");
    sections_.push_back(IniSection{.name = std::string(name), .line = number, .properties = {}});
    last_value_ = nullptr;
    return {};
  }

  Status property(std::string_view content, int number) {
    const auto equals = content.find('=');
    if (equals == std::string_view::npos) return wrong(number, "expected \"name = value\"");
    const std::string_view name = trimmed(content.substr(0, equals));
    if (name.empty()) return wrong(number, "a value without a name before the equals sign");
    std::string& value = sections_.back().properties[to_lower(name)];
    value = std::string(trimmed(without_comment(content.substr(equals + 1))));
    last_value_ = &value;
    in_nested_settings_ = value.empty();
    return {};
  }

  Status continuation(std::string_view content, int number) {
    if (last_value_ == nullptr) return wrong(number, "an indented line that continues no setting");
    if (in_nested_settings_) return {};
    *last_value_ += '\n';
    *last_value_ += trimmed(without_comment(content));
    return {};
  }

  const std::string& file_;
  std::vector<IniSection> sections_;
  std::string* last_value_ = nullptr;  // into the map of the last section: stays valid until the next section
  bool in_nested_settings_ = false;
};

}  // namespace

Result<std::vector<IniSection>> parse_ini(std::string_view text, const std::string& file) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  IniParser parser(file);
  int number = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    ++number;
    if (auto read = parser.line(text.substr(at, end - at), number); !read)
      return std::unexpected(std::move(read.error()));
    at = end + 1;
  }
  return parser.take();
}

}  // namespace dynamirror::aws
