// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "json/reader.hpp"

namespace dynamirror::jobs {

/// One line of a DynamoDB export: an item as it was, or what a change left of one.
struct ExportLine {
  std::string_view item;  ///< wire-form JSON; empty: the item of `key` was deleted
  std::string_view key;   ///< of incremental exports
};

/// Reads `{"Item":{…}}` or `{"Keys":{…},"NewImage":{…},…}`. Spans live until the reader's next document.
/// Errors: class invalid when it is neither. Source: "DynamoDB table export output format" in the developer guide.
[[nodiscard]] Result<ExportLine> read_export_line(std::string_view line, json::Reader& reader);

}  // namespace dynamirror::jobs
