// SPDX-License-Identifier: Apache-2.0
#include "coordination/fleet_version.hpp"

#include "json/read_into.hpp"

namespace dynamirror::coordination {
namespace {

constexpr const char* kReading = "read version of fleet";

}  // namespace

Result<std::optional<std::string>> read_client_version(std::string_view item_json, json::Reader& reader) {
  std::optional<std::string> version;
  auto status = reader.read_copy(item_json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& attribute) -> Status {
      if (name != "cv") return {};
      return attribute.for_each_member([&](std::string_view type, json::Value& content) -> Status {
        if (type == "S") return json::read_into(version, content);
        return failure(ErrorClass::kInvalid, kReading, {}, "the attribute cv is of type " + std::string(type));
      });
    });
  });
  if (!status) {
    status.error().doing = kReading;
    return std::unexpected(std::move(status.error()));
  }
  return version;
}

Result<FleetVersion> parse_client_version(std::string_view client_version) {
  for (const std::string_view taking : {"CLIENT_VERSION_INIT", "CLIENT_VERSION_2X", "CLIENT_VERSION_UPGRADE_FROM_2X"}) {
    if (client_version == taking) return FleetVersion::kTakers;
  }
  for (const std::string_view assigned : {"CLIENT_VERSION_3X", "CLIENT_VERSION_3X_WITH_ROLLBACK"}) {
    if (client_version == assigned) return FleetVersion::kAssigned;
  }
  return failure(ErrorClass::kInvalid, kReading, {},
                 "the fleet's KCL calls its state \"" + std::string(client_version) +
                     "\", which this dynamirror does not know; stop that fleet, or choose another lease table");
}

}  // namespace dynamirror::coordination
