// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "service/shared_job.hpp"

namespace dynamirror::app {

/// Two or three lines for people, indented.
[[nodiscard]] std::string to_text(const service::SharedJobSummary& summary);
/// One JSON object; its members are a documented contract (docs/copy.md).
[[nodiscard]] std::string to_json(const service::SharedJobSummary& summary);
/// The same, or null.
[[nodiscard]] std::string to_json(const std::optional<service::SharedJobSummary>& summary);

}  // namespace dynamirror::app
