// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "jobs/dump/lines_object.hpp"

namespace dynamirror::jobs {

/// What one process wrote of a dump, or several; its presence says that it wrote everything.
struct DumpManifest {
  std::string table;  ///< as the user named it
  WallTime begun{};
  WallTime ended{};
  std::uint32_t segment = 0;
  std::uint32_t segments = 1;
  bool gzip = true;
  LinesObjectTotals object;
  /// Of a manifest that stands for those of all segments: their objects, in order; `segment` and `object` mean nothing.
  std::vector<LinesObjectTotals> joined{};
};

/// One JSON object; its members are a documented contract (docs/backup.md).
[[nodiscard]] std::string to_json(const DumpManifest& manifest);

/// Errors: class invalid when it is no manifest of a format that we know.
[[nodiscard]] Result<DumpManifest> parse_dump_manifest(std::string_view json);

}  // namespace dynamirror::jobs
