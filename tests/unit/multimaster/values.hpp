// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "multimaster/item_state.hpp"
#include "multimaster/record.hpp"

/// Short spellings for tables of test cases.
namespace dynamirror::multimaster::test {

inline const std::string kKey = R"({"id":{"S":"k0"}})";

[[nodiscard]] inline Version version(std::int64_t second, std::uint64_t sequence, std::string origin = "a") {
  return {second * 1'000'000, model::SequenceNumber::of(sequence), std::move(origin)};
}

/// An item as an application knows it.
[[nodiscard]] inline std::string content(int id) {
  return R"({"id":{"S":"k0"},"c":{"N":")" + std::to_string(id) + "\"}}";
}

[[nodiscard]] inline ItemState state(const std::string& item) {
  auto read = read_state(item);
  return read ? std::move(*read) : ItemState{};
}

/// An item as the replicator leaves it.
[[nodiscard]] inline std::string stamped(int id, const Version& version, bool deleted = false) {
  return with_marks(content(id), {.version = version, .hash = hash_of(state(content(id)).content), .deleted = deleted});
}

/// What an application's Update makes of it: the attributes stay, the content is another one.
[[nodiscard]] inline std::string updated(std::string item, int from, int to) {
  const std::string there = R"("c":{"N":")" + std::to_string(from) + '"';
  return item.replace(item.find(there), there.size(), R"("c":{"N":")" + std::to_string(to) + '"');
}

/// The record of a change from one image to the other; empty: there was, or is, no item.
[[nodiscard]] inline model::Change change(const std::string& before, const std::string& after, std::int64_t second = 1,
                                          std::uint64_t sequence = 1) {
  model::Change change(kKey, after, model::SequenceNumber::of(sequence), WallTime(std::chrono::seconds(second)));
  if (before.empty() && !after.empty()) change.set_kind(model::Change::Kind::kInsert);
  change.set_old_image(before);
  return change;
}

}  // namespace dynamirror::multimaster::test
