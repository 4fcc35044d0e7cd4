// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "async/stop_request.hpp"
#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "model/checkpoint.hpp"
#include "source/change_stream.hpp"

namespace dynamirror::jobs {

struct PositionParts {
  const source::ChangeStream& stream;
  StopRequest& stop;
  const Clock& clock;
  Random& random;
};

/// Where every shard of a stream stands now: a strongly consistent read that begins afterwards sees every change before
/// these positions, so that nothing is missed, and little is applied twice, by reading the table and then the stream
/// from here. Closed shards are over; of open ones, records are read (and dropped) for a while to come near their tip.
/// A shard without records starts at its oldest one.
/// Errors: no such stream, denied, `kStoppedCode`. Lasting throttling is waited out until a stop is requested.
[[nodiscard]] async::Task<Result<std::vector<model::ShardCheckpoint>>> find_stream_position(PositionParts parts);

}  // namespace dynamirror::jobs
