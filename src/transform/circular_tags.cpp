// SPDX-License-Identifier: Apache-2.0
#include "transform/circular_tags.hpp"

#include <cassert>

#include "base/text.hpp"
#include "json/reader.hpp"

namespace dynamirror::transform {
namespace {

constexpr std::string_view kRegion = "_repl_source_region";
constexpr std::string_view kTable = "_repl_source_table";

/// What an item says of itself.
struct Tags {
  bool tagged = false;  ///< by its region alone, as the circular replicator judges it
  TaggedTable of{};     ///< empty where a tag is no string
  std::string other_members{};
};

/// The text of a string attribute; empty for another type.
Result<std::string> string_of(json::Value& attribute) {
  std::string text;
  auto read = attribute.for_each_member([&](std::string_view type, json::Value& value) -> Status {
    if (type != "S") return {};
    const auto string = value.string();
    if (!string) return std::unexpected(string.error());
    text = *string;
    return {};
  });
  if (!read) return std::unexpected(std::move(read.error()));
  return text;
}

Result<Tags> tags_of(std::string_view image) {
  Tags tags;
  json::Reader reader;
  auto read = reader.read_copy(image, [&](json::Value& item) {
    return item.for_each_member([&](std::string_view name, json::Value& attribute) -> Status {
      if (name == kRegion || name == kTable) {
        auto text = string_of(attribute);
        if (!text) return std::unexpected(std::move(text.error()));
        tags.tagged = tags.tagged || name == kRegion;
        (name == kRegion ? tags.of.region : tags.of.table) = std::move(*text);
        return {};
      }
      const auto raw = attribute.raw();
      if (!raw) return std::unexpected(raw.error());
      if (!tags.other_members.empty()) tags.other_members += ',';
      append_json_quoted(tags.other_members, name);
      tags.other_members.append(":").append(*raw);
      return {};
    });
  });
  if (!read) return std::unexpected(std::move(read.error()));
  return tags;
}

/// A tag may be there, on whatever level, or spelled with escapes.
bool may_be_tagged(std::string_view image) {
  return image.find("_repl_source_") != std::string_view::npos || image.find("\\u") != std::string_view::npos;
}

std::string tag(std::string_view name, std::string_view text) {
  return json_quoted(name) + R"(:{"S":)" + json_quoted(text) + "}";
}

}  // namespace

CircularTags::CircularTags(CircularEnds ends)
    : target_(std::move(ends.target)),
      tags_(tag(kRegion, ends.source.region) + "," + tag(kTable, ends.source.table) + "}") {
  assert(!(ends.source == target_));
}

Verdict CircularTags::apply(model::Change& change, WallTime /*now*/) const {
  if (change.is_delete()) return Verdict::kPass;
  assert(!change.is_key_only());
  const std::string_view image = change.image();
  if (!may_be_tagged(image)) {
    change.replace_image(std::string(image.substr(0, image.rfind('}'))).append(",").append(tags_));
    return Verdict::kRewrite;
  }
  const auto tags = tags_of(image);
  if (!tags) return Verdict::kPass;  // the target says what is wrong with it
  if (tags->of == target_) return Verdict::kDrop;
  if (tags->tagged) return Verdict::kPass;
  change.replace_image("{" + tags->other_members + "," + tags_);
  return Verdict::kRewrite;
}

}  // namespace dynamirror::transform
