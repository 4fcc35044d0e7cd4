// SPDX-License-Identifier: Apache-2.0
#include "jobs/restore/export_line.hpp"

namespace dynamirror::jobs {

Result<ExportLine> read_export_line(std::string_view line, json::Reader& reader) {
  ExportLine change;
  auto status = reader.read_copy(line, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name != "Item" && name != "NewImage" && name != "Keys") return {};
      const auto raw = member.raw();
      if (!raw) return std::unexpected(raw.error());
      (name == "Keys" ? change.key : change.item) = *raw;
      return {};
    });
  });
  if (!status) return std::unexpected(std::move(status.error()));
  if (change.item.empty() && change.key.empty()) {
    return failure(ErrorClass::kInvalid, "restore", {}, "the line has neither Item nor Keys");
  }
  return change;
}

}  // namespace dynamirror::jobs
