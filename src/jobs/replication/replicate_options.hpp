// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

#include "multimaster/echo_rule.hpp"
#include "ordering/shard_graph.hpp"
#include "pipeline/pipeline.hpp"
#include "transform/circular_tags.hpp"

namespace dynamirror::jobs {

struct ReplicateOptions {
  enum class OnTrim { kStop, kContinue };

  ordering::ShardGraph::InitialPosition start = ordering::ShardGraph::InitialPosition::kTrimHorizon;
  OnTrim on_trim = OnTrim::kStop;
  bool stop_when_caught_up = false;
  std::chrono::milliseconds idle_poll{1'000};
  std::chrono::milliseconds longest_answer{10'000};  ///< a read that takes longer is no sign that nothing is to be read
  std::chrono::milliseconds checkpoint_interval{1'000};
  std::chrono::milliseconds list_shards_interval{30'000};
  std::chrono::milliseconds drain_timeout{
      4'000};  ///< after a stop request: reading ends at once, writing has this long
  std::optional<std::chrono::seconds> max_record_age{};
  std::optional<transform::CircularEnds> tags{};  ///< changes are tagged, as transform::CircularTags says
  std::optional<multimaster::EchoRule> echo{};    ///< of a table that is written on several sides
  Pipeline::Options pipeline{};                   ///< its stall timeout is that of reading, too
};

}  // namespace dynamirror::jobs
