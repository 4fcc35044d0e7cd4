// SPDX-License-Identifier: Apache-2.0
#include "multimaster/item_state.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/function_ref.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"

namespace dynamirror::multimaster {
namespace {

bool is_own(std::string_view name) { return std::ranges::find(kOwnNames, name) != kOwnNames.end(); }

/// `{"S":"text"}`; nothing for any other value.
std::optional<std::string> string_value(json::Value& value) {
  std::optional<std::string> text;
  const Status read = value.for_each_member([&](std::string_view type, json::Value& member) -> Status {
    if (type != "S") return {};
    const auto content = member.string();
    if (!content) return std::unexpected(content.error());
    text.emplace(*content);
    return {};
  });
  return read ? text : std::nullopt;
}

struct OwnTexts {
  std::optional<std::string> version;
  std::optional<std::string> hash;
  std::optional<std::string> base;
  std::optional<std::string> erased;
  bool deleted = false;
};

Result<OwnTexts> read_own(std::string_view item_json) {
  OwnTexts own;
  if (!item_json.contains("_repl_")) return own;
  thread_local json::Reader reader;
  const Status read = reader.read_copy(item_json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name == kVersionName) own.version = string_value(member);
      if (name == kHashName) own.hash = string_value(member);
      if (name == kBaseName) own.base = string_value(member);
      if (name == kErasedName) own.erased = string_value(member);
      if (name == kDeletedName) own.deleted = true;
      return {};
    });
  });
  if (!read) return std::unexpected(read.error());
  return own;
}

std::optional<Version> parse(const std::optional<std::string>& text) {
  return text ? Version::parse(*text) : std::nullopt;
}

std::optional<Erasure> parse_erasure(const std::optional<std::string>& text) {
  const std::size_t space = text ? text->find(' ') : std::string::npos;
  if (space == std::string::npos) return std::nullopt;
  auto version = Version::parse(std::string_view(*text).substr(0, space));
  const auto sequence = model::SequenceNumber::parse_place(std::string_view(*text).substr(space + 1));
  if (!version || !sequence) return std::nullopt;
  return Erasure{std::move(*version), *sequence};
}

Result<model::ItemDigest> content_digest(std::string_view item_json) {
  thread_local model::ItemDigester digester(std::vector<std::string>(kOwnNames.begin(), kOwnNames.end()));
  return digester.digest(item_json);
}

}  // namespace

std::string hash_of(const model::ItemDigest& content) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "1";  // the form of the digest, should there ever be another
  for (const std::uint64_t half : {content.high, content.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(half >> shift) & 15];
  }
  return text;
}

Result<ItemState> read_state(std::string_view item_json) {
  auto own = read_own(item_json);
  if (!own) return std::unexpected(std::move(own.error()));
  auto content = content_digest(item_json);
  if (!content) return std::unexpected(std::move(content.error()));
  ItemState state{.json = std::string(item_json)};
  state.version = parse(own->version);
  state.base = parse(own->base);
  state.content = *content;
  state.vouched = own->hash == hash_of(*content);
  state.deleted = own->deleted;
  state.erased = parse_erasure(own->erased);
  return state;
}

namespace {

std::string without(std::string_view item_json, FunctionRef<bool(std::string_view name)> is_left_out) {
  if (!item_json.contains("_repl_")) return std::string(item_json);
  std::string text;
  json::Writer json(text);
  json.begin_object();
  json::Reader reader;
  const Status read = reader.read_copy(item_json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      const auto value = member.raw();
      if (!value) return std::unexpected(value.error());
      if (!is_left_out(name)) json.name(name).raw(*value);
      return {};
    });
  });
  (void)read;  // what is no item is the service's to refuse
  json.end_object();
  return text;
}

}  // namespace

std::string without_marks(std::string_view item_json) {
  return without(item_json, [](std::string_view name) { return is_own(name); });
}

std::string with_erasure(std::string_view item_json, const Erasure& erasure) {
  const std::string rest = without(item_json, [](std::string_view name) { return name == kErasedName; });
  std::string text = "{\"";
  text.append(kErasedName).append(R"(":{"S":")").append(erasure.version.text()).append(" ");
  return text.append(erasure.at.str()).append("\"},").append(std::string_view(rest).substr(rest.find('{') + 1));
}

std::string with_marks(std::string_view item_json, const Marks& marks) {
  const std::string content = without_marks(item_json);
  std::string text;
  text.reserve(content.size() + 256);
  const auto add = [&text](std::string_view name, std::string_view value) {
    text.append(text.empty() ? "{\"" : ",\"").append(name).append(R"(":{"S":")").append(value).append("\"}");
  };
  add(kVersionName, marks.version.text());
  add(kHashName, marks.hash);
  if (marks.base) add(kBaseName, marks.base->text());
  if (marks.deleted) text.append(",\"").append(kDeletedName).append(R"(":{"BOOL":true})");
  const std::string_view rest = std::string_view(content).substr(content.find('{') + 1);
  return text.append(",").append(rest);
}

}  // namespace dynamirror::multimaster
