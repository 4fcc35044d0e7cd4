// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "json/reader.hpp"
#include "model/change.hpp"

namespace dynamirror::sink {

/// The code of a letter that holds a record which is no change.
inline constexpr std::string_view kUnreadableRecord = "UnreadableRecord";

/// A change that the target would not take, or a record of the source that is none; and why.
struct DeadLetter {
  model::Change change;  ///< of a record that is none: its place and time, without a key
  ShardId shard;
  Error error;           ///< only class, code and message are kept in the file
  WallTime at{};         ///< when it was given up, to the second
  int attempts = 0;      ///< to write this change
  std::string target;    ///< as `ChangeSink::describe` says
  std::string record{};  ///< the bytes of a record that is no change, and cannot be written anywhere
  [[nodiscard]] bool has_key() const { return !change.key().empty(); }
};

/// The error of a change that was not tried because an earlier change of its key is a dead letter.
[[nodiscard]] Error follows_dead_letter(const std::string& target);

/// One line of a dead-letter file, with its line break: a JSON object with the members key, image (null for a
/// deletion; with "key_only":true behind it, for a change of which the source told the key alone), shard, sequence,
/// created, error {class, code, message}, at, attempts, target, in this order. Key and image are in DynamoDB's wire
/// form; times are UTC (`created` with the fraction of a second if it has one). Of a record that is no change key and
/// image are null, and `record` behind them has its bytes in base64.
[[nodiscard]] std::string to_json_line(const DeadLetter& letter);

/// The reverse; members may come in any order, unknown ones are ignored. `line` is without the line break.
/// Errors: class invalid, naming what is wrong.
[[nodiscard]] Result<DeadLetter> parse_dead_letter(std::string& line, json::Reader& reader);

}  // namespace dynamirror::sink
