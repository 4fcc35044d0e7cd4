// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "model/change.hpp"
#include "model/checkpoint.hpp"
#include "model/shard.hpp"

/// Short spellings of model values for tables of test cases.
namespace dynamirror::ordering::test {

[[nodiscard]] inline model::SequenceNumber seq(std::uint64_t n) {
  return *model::SequenceNumber::parse(std::to_string(n));
}

/// The key is any text here: the buffer compares bytes.
[[nodiscard]] inline model::Change change(std::string_view key, std::uint64_t n, std::string_view image = "image") {
  return {key, image, seq(n), WallTime{}};
}

[[nodiscard]] inline SteadyTime at(int milliseconds) { return SteadyTime{std::chrono::milliseconds{milliseconds}}; }

[[nodiscard]] inline model::Shard open_shard(std::string id, std::string parent = "") {
  model::Shard shard;
  shard.id = ShardId(std::move(id));
  if (!parent.empty()) shard.parents.emplace_back(std::move(parent));
  shard.first_sequence = seq(1);
  return shard;
}

[[nodiscard]] inline model::Shard closed_shard(std::string id, std::string parent = "") {
  model::Shard shard = open_shard(std::move(id), std::move(parent));
  shard.last_sequence = seq(99);
  return shard;
}

[[nodiscard]] inline model::ShardCheckpoint row(std::string id, model::Checkpoint checkpoint, std::string parent = "") {
  model::ShardCheckpoint row{.shard = ShardId(std::move(id)), .parents = {}, .checkpoint = std::move(checkpoint)};
  if (!parent.empty()) row.parents.push_back(ShardId(std::move(parent)));
  return row;
}

}  // namespace dynamirror::ordering::test
