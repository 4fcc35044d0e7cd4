// SPDX-License-Identifier: Apache-2.0
//
// Goal: no bytes beside a dump or an export crash the readers of its manifests and lines, and what they take is whole.
// Method: the same bytes are read as each of them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "jobs/dump/dump_manifest.hpp"
#include "jobs/restore/export_line.hpp"
#include "jobs/restore/export_manifest.hpp"

namespace dynamirror::jobs {
namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

template <class Value>
bool read(const Result<Value>& result) {
  require(result || (result.error().error_class == ErrorClass::kInvalid && !result.error().message.empty()));
  return result.has_value();
}

void read_dump(std::string_view text) {
  const auto manifest = parse_dump_manifest(text);
  if (!read(manifest)) return;
  require(manifest->segment < manifest->segments && !manifest->object.key.empty());
  const auto again = parse_dump_manifest(to_json(*manifest));
  require(again && again->segment == manifest->segment && again->segments == manifest->segments);
  require(again->object.key == manifest->object.key && again->object.sha256 == manifest->object.sha256);
  require(again->object.lines == manifest->object.lines && again->object.bytes == manifest->object.bytes);
  require(again->gzip == manifest->gzip && again->table == manifest->table);
}

void read_export(std::string_view text) {
  if (const auto summary = parse_export_summary(text); read(summary)) require(!summary->table_arn.empty());
  if (const auto files = parse_export_files(text); read(files)) {
    for (const ExportFile& file : *files) require(!file.key.empty());
  }
  static json::Reader reader;
  if (const auto line = read_export_line(text, reader); read(line)) require(!line->item.empty() || !line->key.empty());
}

}  // namespace
}  // namespace dynamirror::jobs

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  dynamirror::jobs::read_dump(text);
  dynamirror::jobs::read_export(text);
  return 0;
}
