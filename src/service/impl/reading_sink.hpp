// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "base/error.hpp"
#include "service/host.hpp"
#include "service/impl/target.hpp"
#include "sink/change_sink.hpp"

namespace dynamirror::service {

/// How changes get to the target.
enum class WayOfWriting {
  kImages,          ///< as the stream tells them, in its order
  kPresentItems,    ///< what the source holds under their keys
  kDifferingItems,  ///< the same, where the target differs: replays of old changes
  kGuardedImages,   ///< images that come twice and out of order
};

/// What stands between the changes and the target where the source's items are read.
struct ReadingSink {
  std::unique_ptr<sink::ChangeSink> sink{};  ///< null: images go to the target as they are
  std::function<double()> read_units{};
  std::function<double()> write_units{};  ///< empty: those of the target's own sink
};

struct ReadingSinkParts {
  jobs::TableSide& source;
  Target& target;
  const Target::Fit& fit;
  Host& host;
};

/// Says, too, what each change will cost. Errors: class invalid for a target that is no table where it must be one.
/// REQUIRES: what the parts refer to outlives the sink.
[[nodiscard]] Result<ReadingSink> open_reading_sink(WayOfWriting way, const ReplicationOptions& options,
                                                    ReadingSinkParts parts);

}  // namespace dynamirror::service
