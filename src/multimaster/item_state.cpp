// SPDX-License-Identifier: Apache-2.0
#include "multimaster/item_state.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

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
  return state;
}

std::string without_marks(std::string_view item_json) {
  if (!item_json.contains("_repl_")) return std::string(item_json);
  std::string text;
  json::Writer json(text);
  json.begin_object();
  json::Reader reader;
  const Status read = reader.read_copy(item_json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      const auto value = member.raw();
      if (!value) return std::unexpected(value.error());
      if (!is_own(name)) json.name(name).raw(*value);
      return {};
    });
  });
  (void)read;  // what is no item is the service's to refuse
  json.end_object();
  return text;
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
