// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace dynamirror::jobs {

/// manifest-summary.json of a DynamoDB export to S3.
struct ExportSummary {
  bool incremental = false;
  std::uint64_t items = 0;
  std::string table_arn;
};

/// One line of manifest-files.json.
struct ExportFile {
  std::string key;  ///< of the bucket
  std::uint64_t items = 0;
  std::string md5_base64;  ///< of the object; may be empty
};

// Source: "DynamoDB table export output format" in the developer guide.

/// Errors: class invalid when it is no such file, or for the Ion format, which we do not read.
[[nodiscard]] Result<ExportSummary> parse_export_summary(std::string_view json);

/// Errors: class invalid, naming the line.
[[nodiscard]] Result<std::vector<ExportFile>> parse_export_files(std::string_view lines);

}  // namespace dynamirror::jobs
