// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "objects/object_store.hpp"
#include "objects/open_store.hpp"

namespace dynamirror::app {

/// An address of objects cut before its last part: "s3://bucket/a/b" is "b" within "s3://bucket/a/".
struct ObjectPlace {
  std::string folder;
  std::string name;
};
/// Errors: class invalid when nothing stands behind the bucket or folder.
[[nodiscard]] Result<ObjectPlace> split_place(std::string_view url);

/// "2026-01-31T12:00:00Z", also with fractions of a second or an offset; "2026-01-31T12:00:00" and "2026-01-31" are
/// UTC. Errors: class invalid, naming the text.
[[nodiscard]] Result<WallTime> parse_moment(const std::string& text);

/// Threads for compression: one for each core, and eight at most.
[[nodiscard]] std::size_t cpu_threads();

}  // namespace dynamirror::app
