// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <vector>

#include "support/faults.hpp"

namespace dynamirror::support {

// What the stand-ins' own programs share.

/// Blocks SIGTERM and SIGINT in this thread and those it starts: call before any server. Then they wait for
/// `wait_for_end_signal`, and no handler is needed.
void block_end_signals();
void wait_for_end_signal();

/// The named kinds; all that a client must survive when none is named. Errors: one line naming the unknown kind.
[[nodiscard]] std::expected<std::vector<FaultKind>, std::string> parse_fault_kinds(
    const std::vector<std::string>& names);

[[nodiscard]] boost::json::object counts_of(const std::map<std::string, std::uint64_t>& counts);
[[nodiscard]] boost::json::object counts_of(const std::map<FaultKind, std::uint64_t>& counts);

}  // namespace dynamirror::support
