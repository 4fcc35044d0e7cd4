// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "jobs/conflicts/list_conflicts.hpp"
#include "jobs/conflicts/put_back.hpp"

namespace dynamirror::app {

/// What `dynamirror conflicts list` says: for people a line for each conflict under a heading, for programs one JSON
/// object a line. The members here and below are a documented contract (docs/multi-master.md).
[[nodiscard]] std::string to_text(const std::vector<jobs::ConflictLine>& lines);
[[nodiscard]] std::string to_json(const std::vector<jobs::ConflictLine>& lines);

/// What `dynamirror conflicts show` says, with both images and the attributes in which they differ.
[[nodiscard]] std::string to_text(const sink::ConflictRow& row);
[[nodiscard]] std::string to_json(const sink::ConflictRow& row);

/// What was brought back, or with `dry_run` would be.
[[nodiscard]] std::string to_text(const jobs::PutBack& put_back, bool dry_run);
[[nodiscard]] std::string to_json(const jobs::PutBack& put_back, bool dry_run);

}  // namespace dynamirror::app
