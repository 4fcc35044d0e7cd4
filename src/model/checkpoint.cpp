// SPDX-License-Identifier: Apache-2.0
#include "model/checkpoint.hpp"

namespace dynamirror::model {
namespace {

struct Spelling {
  std::string operator()(const TrimHorizon&) const { return "TRIM_HORIZON"; }
  std::string operator()(const Latest&) const { return "LATEST"; }
  std::string operator()(const AfterSequence& after) const { return after.sequence.str(); }
  std::string operator()(const ShardEnd&) const { return "SHARD_END"; }
};

}  // namespace

std::string to_string(const Checkpoint& checkpoint) { return std::visit(Spelling{}, checkpoint); }

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  if (text == "TRIM_HORIZON") return TrimHorizon{};
  if (text == "LATEST") return Latest{};
  if (text == "SHARD_END") return ShardEnd{};
  auto sequence = SequenceNumber::parse(text);
  if (!sequence) return std::unexpected(std::move(sequence.error()));
  return AfterSequence{*sequence};
}

}  // namespace dynamirror::model
