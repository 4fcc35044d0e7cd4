// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "aws/dynamodb/client.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "sink/change_sink.hpp"
#include "sink/impl/item_reader.hpp"

namespace dynamirror::sink {

/// For changes of which the source tells the key alone: reads the items from the primary and hands what is there to
/// another sink, or a deletion of what is not there. A change's own image, if it has one, is not looked at: the read
/// decides.
///
/// Why that is right: the read of a key begins after its change was taken from the buffer, and no other change of the
/// key is under way then (ChangeBuffer). A change that comes later waits, and is read after this write has ended. So
/// writes of one key go the way that its reads went, and the last read comes after the last change: once the stream is
/// quiet the replica equals the primary, however often changes came, and in which order. In between it may be ahead of
/// the stream, never behind what it was.
///
/// - A key whose read fails is tried again, by itself.
/// - Primary gone or access denied: the write fails as a whole, naming the primary.
/// - `not_after` bounds the write as well as the read before it.
/// Not thread-safe: lives on one event loop; several `write`s may be under way at once.
class PresentItems final : public ChangeSink {
 public:
  /// REQUIRES: client (of the primary), clock, random and `target` outlive the sink.
  PresentItems(ItemReader::Options primary, aws::DynamoDbClient& client, ChangeSink& target, const Clock& clock,
               Random& random)
      : reader_(std::move(primary), client, clock, random), target_(target) {}

  [[nodiscard]] Limits limits() const override;
  [[nodiscard]] async::Task<Result<std::vector<Outcome>>> write(std::span<const model::Change* const> changes,
                                                                SteadyTime not_after) override;
  [[nodiscard]] std::string describe() const override { return target_.describe(); }

  [[nodiscard]] const ItemReader::Statistics& reads() const { return reader_.statistics(); }

 private:
  ItemReader reader_;
  ChangeSink& target_;
};

}  // namespace dynamirror::sink
