// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/clock.hpp"
#include "model/sequence_number.hpp"

namespace dynamirror::model {

/// A record of a stream that is no change of the table: whatever somebody has put there. It has a place in its shard
/// and no key, so it can be kept (as a dead letter) and passed, and never written.
struct UnreadableRecord {
  SequenceNumber sequence;
  WallTime arrived{};  ///< when the service took it
  std::string reason;  ///< "its Keys: …"
  std::string data;    ///< any bytes
};

}  // namespace dynamirror::model
