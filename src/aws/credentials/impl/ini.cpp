// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/impl/ini.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::string_view kBlank = " \t\r\f\v";
constexpr std::string_view kBlankOrBreak = " \t\r\f\v\n";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view trimmed(std::string_view text, std::string_view what = kBlank) {
  const auto first = text.find_first_not_of(what);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(what) - first + 1);
}

bool is_blank(char c) { return kBlank.find(c) != std::string_view::npos; }

/// Without a comment that follows white space; "#" inside a word or in quotes belongs to the value (secrets and
/// commands may hold one).
std::string_view without_comment(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool marker = text[i] == '#' || text[i] == ';';
    if (marker && (i == 0 || is_blank(text[i - 1]))) return text.substr(0, i);
    const bool quote = text[i] == '"' || text[i] == '\'';
    const auto closing = quote ? text.find(text[i], i + 1) : std::string_view::npos;
    if (closing != std::string_view::npos) i = closing;
  }
  return text;
}

/// One setting: the name in lower case, and what stands behind the first of `delimiters`; nothing without one.
std::optional<std::pair<std::string, std::string_view>> split_setting(std::string_view text,
                                                                      std::string_view delimiters) {
  const auto delimiter = text.find_first_of(delimiters);
  if (delimiter == std::string_view::npos) return std::nullopt;
  return std::pair{to_lower(trimmed(text.substr(0, delimiter))), trimmed(text.substr(delimiter + 1))};
}

class IniParser {
 public:
  explicit IniParser(const std::string& file) : file_(file) {}

  void line(std::string_view text, int number) {
    const std::string_view content = trimmed(text);
    if (!content.empty() && (content.front() == '#' || content.front() == ';')) return;
    if (content.empty()) {
      value_ += '\n';
      return;
    }
    const std::size_t indent = text.find_first_not_of(kBlank);
    if (!name_.empty() && indent > indent_) {
      value_ += '\n';
      value_ += trimmed(without_comment(content));
      return;
    }
    close_setting();
    indent_ = indent;
    line_ = number;
    if (content.front() == '[') return section(content);
    if (sections_.empty()) sections_.push_back(IniSection{.name = {}, .line = number});
    if (sections_.back().name.empty()) return wrong("a setting before the first [section]");
    setting(content);
  }

  std::vector<IniSection> take() {
    close_setting();
    inherit();
    return std::move(sections_);
  }

 private:
  void wrong(const std::string& what) {
    auto& trouble = sections_.back().trouble;
    if (trouble) return;
    trouble =
        failure(ErrorClass::kInvalid, "read configuration file", file_, "line " + std::to_string(line_) + ": " + what)
            .error();
  }

  void section(std::string_view content) {
    const auto close = std::min(content.find(']'), content.size());
    const std::string_view name = trimmed(content.substr(1, close - 1));
    sections_.push_back(IniSection{.name = {}, .line = line_});
    if (close == content.size()) return wrong("a section without its closing bracket");
    if (name.empty()) return wrong("a section without a name");
    sections_.back().name = std::string(name);
  }

  void setting(std::string_view content) {
    const auto parts = split_setting(content, "=:");
    if (!parts) return wrong("expected \"name = value\"");
    if (parts->first.empty()) return wrong("a value without a name");
    name_ = parts->first;
    value_ = std::string(trimmed(without_comment(parts->second)));
  }

  /// The value is complete. One that begins with a line break holds settings of its own.
  void close_setting() {
    const std::string name = std::exchange(name_, {});
    const std::string value = std::exchange(value_, {});
    if (name.empty()) return;
    auto& properties = sections_.back().properties;
    const std::string_view whole = trimmed(value, kBlankOrBreak);
    properties[name] = std::string(value.starts_with('\n') ? std::string_view{} : whole);
    if (!value.starts_with('\n')) return;
    for (std::size_t offset = 0; offset < whole.size();) {
      const std::size_t end = std::min(whole.find('\n', offset), whole.size());
      const std::string_view nested = trimmed(whole.substr(offset, end - offset));
      offset = end + 1;
      if (nested.empty()) continue;
      const auto parts = split_setting(nested, "=");
      if (!parts || parts->first.empty()) return wrong("below it, expected nested settings \"name = value\"");
      properties[name + "." + parts->first] = std::string(parts->second);
    }
  }

  void inherit() {
    const auto common = std::find_if(sections_.begin(), sections_.end(), [](const IniSection& section) {
      return section.name == "DEFAULT" && !section.trouble;
    });
    if (common == sections_.end()) return;
    const auto properties = std::exchange(common->properties, {});
    for (IniSection& section : sections_) section.properties.insert(properties.begin(), properties.end());
  }

  const std::string& file_;
  std::vector<IniSection> sections_;
  int line_ = 0;
  std::size_t indent_ = 0;  // of the setting or section that was begun last
  std::string name_;        // of the setting that the next line may continue; empty when there is none
  std::string value_;
};

}  // namespace

std::vector<IniSection> parse_ini(std::string_view text, const std::string& file) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  IniParser parser(file);
  int number = 0;
  std::size_t offset = 0;
  while (offset < text.size()) {
    const std::size_t end = std::min(text.find('\n', offset), text.size());
    parser.line(text.substr(offset, end - offset), ++number);
    offset = end + 1;
  }
  return parser.take();
}

}  // namespace dynamirror::aws
