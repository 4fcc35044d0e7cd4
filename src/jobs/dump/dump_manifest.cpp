// SPDX-License-Identifier: Apache-2.0
#include "jobs/dump/dump_manifest.hpp"

#include <algorithm>
#include <utility>

#include "base/iso_time.hpp"
#include "base/text.hpp"
#include "json/read_into.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"

namespace dynamirror::jobs {
namespace {

constexpr std::string_view kFormat = "dynamirror-dump-1";
constexpr std::string_view kJoinedFormat = "dynamirror-dump-2";

std::int64_t signed_of(std::uint64_t number) { return static_cast<std::int64_t>(number); }

template <class Number>
Status read_count(Number& out, json::Value& value) {
  const auto number = value.integer();
  if (!number) return std::unexpected(number.error());
  if (!std::in_range<Number>(*number)) return failure(ErrorClass::kInvalid, "read JSON", {}, "a count is out of range");
  out = static_cast<Number>(*number);
  return {};
}

Status read_object(LinesObjectTotals& object, json::Value& value) {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "key") return json::read_into(object.key, member);
    if (name == "items") return read_count(object.lines, member);
    if (name == "bytes") return read_count(object.bytes, member);
    if (name == "stored_bytes") return read_count(object.stored_bytes, member);
    if (name == "sha256") return json::read_into(object.sha256, member);
    return {};
  });
}

void write_object(json::Writer& json, const LinesObjectTotals& object) {
  json.begin_object().name("key").string(object.key);
  json.name("items").integer(signed_of(object.lines)).name("bytes").integer(signed_of(object.bytes));
  json.name("stored_bytes").integer(signed_of(object.stored_bytes));
  json.name("sha256").string(object.sha256).end_object();
}

bool is_whole(const LinesObjectTotals& object) { return !object.key.empty() && object.sha256.size() == 64; }

Status read_objects(std::vector<LinesObjectTotals>& objects, json::Value& value) {
  return value.for_each_element([&](json::Value& element) { return read_object(objects.emplace_back(), element); });
}

/// As `format_time` writes it. One that is not is left at the epoch: it only helps to tell old segments from new ones.
Status read_time(WallTime& out, json::Value& value) {
  std::string text;
  if (auto read = json::read_into(text, value); !read) return read;
  if (const auto time = parse_iso_time(text)) out = *time;
  return {};
}

}  // namespace

std::string to_json(const DumpManifest& manifest) {
  std::string text;
  json::Writer json(text);
  const bool joined = !manifest.joined.empty();
  json.begin_object().name("format").string(joined ? kJoinedFormat : kFormat).name("table").string(manifest.table);
  json.name("begun").string(format_time(manifest.begun)).name("ended").string(format_time(manifest.ended));
  if (!joined) json.name("segment").integer(manifest.segment);
  json.name("segments").integer(manifest.segments);
  json.name("compression").string(manifest.gzip ? "gzip" : "none");
  if (joined) {
    json.name("objects").begin_array();
    for (const LinesObjectTotals& object : manifest.joined) write_object(json, object);
    json.end_array();
  } else {
    write_object(json.name("object"), manifest.object);
  }
  json.end_object();
  return text + "\n";
}

Result<DumpManifest> parse_dump_manifest(std::string_view json) {
  DumpManifest manifest;
  std::string format;
  std::string compression;
  json::Reader reader;
  auto status = reader.read_copy(json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name == "format") return json::read_into(format, member);
      if (name == "table") return json::read_into(manifest.table, member);
      if (name == "begun") return read_time(manifest.begun, member);
      if (name == "ended") return read_time(manifest.ended, member);
      if (name == "segment") return read_count(manifest.segment, member);
      if (name == "segments") return read_count(manifest.segments, member);
      if (name == "compression") return json::read_into(compression, member);
      if (name == "object") return read_object(manifest.object, member);
      if (name == "objects") return read_objects(manifest.joined, member);
      return {};
    });
  });
  if (!status) return std::unexpected(std::move(status.error()));
  const bool whole = format == kJoinedFormat
                         ? !manifest.joined.empty() && manifest.joined.size() == manifest.segments &&
                               std::ranges::all_of(manifest.joined, is_whole)
                         : format == kFormat && manifest.segment < manifest.segments && is_whole(manifest.object);
  if (!whole) {
    return failure(ErrorClass::kInvalid, "read manifest", {}, "this is no manifest of a format that we know");
  }
  manifest.gzip = compression == "gzip";
  return manifest;
}

}  // namespace dynamirror::jobs
