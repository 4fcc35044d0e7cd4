// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "json/reader.hpp"

namespace dynamirror::coordination {

/// How the workers of a KCL fleet share out its leases.
enum class FleetVersion {
  kTakers,    ///< each takes for itself: KCL 1.x, 2.x, and 3.x while it waits for the last 2.x worker to go
  kAssigned,  ///< a leader assigns them: KCL 3.x; nobody else may take any
};

/// The lease key, and the key in the coordinator's table, of the row that says so.
inline constexpr std::string_view kFleetVersionKey = "Migration3.0";

/// The `cv` of that row in wire form; nothing when it has none.
/// Errors: class invalid for a value that is no text.
/// REQUIRES: `reader` is not reading.
[[nodiscard]] Result<std::optional<std::string>> read_client_version(std::string_view item_json, json::Reader& reader);

/// What a `cv` means. Errors: class invalid, naming it, for one that we do not know: a KCL newer than we may share out
/// leases in a way of its own.
[[nodiscard]] Result<FleetVersion> parse_client_version(std::string_view client_version);

}  // namespace dynamirror::coordination
