// SPDX-License-Identifier: Apache-2.0
#include "jobs/restore/export_manifest.hpp"

#include "json/read_into.hpp"
#include "json/reader.hpp"

namespace dynamirror::jobs {
namespace {

Status read_count(std::uint64_t& out, json::Value& value) {
  const auto number = value.integer();
  if (!number) return std::unexpected(number.error());
  if (*number < 0) return failure(ErrorClass::kInvalid, "read JSON", {}, "a count is negative");
  out = static_cast<std::uint64_t>(*number);
  return {};
}

}  // namespace

Result<ExportSummary> parse_export_summary(std::string_view json) {
  ExportSummary summary;
  std::string version;
  std::string format = "DYNAMODB_JSON";
  std::string type;
  json::Reader reader;
  auto status = reader.read_copy(json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name == "version") return json::read_into(version, member);
      if (name == "outputFormat") return json::read_into(format, member);
      if (name == "exportType") return json::read_into(type, member);
      if (name == "tableArn") return json::read_into(summary.table_arn, member);
      if (name == "itemCount") return read_count(summary.items, member);
      return {};
    });
  });
  if (!status) return std::unexpected(std::move(status.error()));
  if (version.empty() || summary.table_arn.empty()) {
    return failure(ErrorClass::kInvalid, "read export", {}, "this manifest-summary.json is not that of an export");
  }
  if (format != "DYNAMODB_JSON") {
    return failure(ErrorClass::kInvalid, "read export", {},
                   "the export is in format " + format + "; only DYNAMODB_JSON can be restored");
  }
  summary.incremental = type == "INCREMENTAL_EXPORT";
  return summary;
}

Result<std::vector<ExportFile>> parse_export_files(std::string_view lines) {
  std::vector<ExportFile> files;
  json::Reader reader;
  std::size_t number = 0;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    ++number;
    if (line.find_first_not_of(" \r\t") == std::string_view::npos) continue;
    ExportFile file;
    auto status = reader.read_copy(line, [&](json::Value& root) {
      return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
        if (name == "dataFileS3Key") return json::read_into(file.key, member);
        if (name == "itemCount") return read_count(file.items, member);
        if (name == "md5Checksum") return json::read_into(file.md5_base64, member);
        return {};
      });
    });
    if (!status || file.key.empty()) {
      return failure(ErrorClass::kInvalid, "read export", {}, "line " + std::to_string(number) + " names no data file");
    }
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace dynamirror::jobs
