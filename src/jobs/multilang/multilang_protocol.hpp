// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "json/reader.hpp"

namespace dynamirror::jobs {

/// One record, as the daemon delivers it. KCL takes aggregated records of Kinesis apart: each within comes by itself.
struct DeliveredRecord {
  std::string sequence{};  ///< empty: the daemon does not say
  std::uint32_t sub_sequence = 0;
  WallTime arrived{};  ///< the epoch: the daemon does not say
  std::string data{};  ///< any bytes
};

/// What KCL's MultiLangDaemon says to the process of one shard: one JSON object a line. The spelling differs by KCL's
/// generation; `Kind` does not.
struct DaemonMessage {
  enum class Kind {
    kInitialize,
    kProcessRecords,
    kShutdownRequested,  ///< KCL 1.8 and later: end in good order; the lease is still ours
    kShardEnded,         ///< or "shutdown" for the reason TERMINATE: the shard is read to its end
    kLeaseLost,          ///< or "shutdown" for any other reason: another worker goes on
    kCheckpoint,         ///< the answer to our own
  };

  Kind kind = Kind::kInitialize;
  std::string action{};           ///< as the daemon spells it; the status must name it so
  ShardId shard{};                ///< initialize
  bool sequence_numbers = false;  ///< initialize names a position: checkpoints are asked for by sequence number
  std::vector<DeliveredRecord> records{};  ///< processRecords
  std::string error{};                     ///< checkpoint: the simple name of the exception; empty: done
};

/// Reads one line. Unknown members are ignored: a newer daemon may send more.
/// Errors: class fatal when it is no such message, a member that is needed is missing, or the data of a record is not
/// base64; naming what is wrong.
[[nodiscard]] Result<DaemonMessage> parse_daemon_message(std::string& line, json::Reader& reader);

// What is sent to the daemon. Each begins with a line break, too: so it stands on a line of its own even when somebody
// else has printed half of one. The daemon skips empty lines and whatever it does not understand, and it skips a
// message with one member too many just the same.

/// The answer that every message but a checkpoint's waits for.
[[nodiscard]] std::string status_line(std::string_view action);

/// Asks for a checkpoint after the last record that was delivered; at the end of a shard, for its end. KCL before 1.7
/// has one member "checkpoint" where later ones have two.
[[nodiscard]] std::string checkpoint_line(bool sequence_numbers);

}  // namespace dynamirror::jobs
