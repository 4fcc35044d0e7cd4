// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "async/retry.hpp"
#include "async/task.hpp"
#include "base/random.hpp"
#include "model/shard.hpp"
#include "source/change_stream.hpp"

namespace dynamirror::source {

/// Lists the shards of one stream page by page, at the pace that the service allows (10 DescribeStream calls a second
/// for an account and region, shared with every other reader there).
///
/// Promise: what was listed before a throttled or failed page is not thrown away: the listing ends as partial, and the
/// next `list` goes on from that page. Not thread-safe.
class ShardLister {
 public:
  struct Options {
    std::chrono::milliseconds pause_between_pages{200};
    int max_throttled_attempts = 5;  ///< for one page, before the listing is answered as partial
    int max_pages = 10'000;          ///< a million shards; more can only be a paging loop
  };

  struct Listing {
    std::vector<model::Shard> shards;
    bool complete = false;       ///< every page since the pass began has been listed
    bool stream_enabled = true;  ///< false: the stream was turned off; what it holds stays readable for 24 hours
  };

  /// REQUIRES: stream and random outlive the lister.
  ShardLister(const ChangeStream& stream, Random& random, Options options);

  /// One pass, or what is left of the last partial one. Throttling and transient trouble end it as partial; errors are
  /// those that a later attempt does not mend (no such stream, denied). REQUIRES: no other `list` is under way.
  [[nodiscard]] async::Task<Result<Listing>> list();

  /// What the service said last, when that was trouble; empty after a good page.
  [[nodiscard]] const std::string& last_trouble() const { return last_trouble_; }

 private:
  [[nodiscard]] async::Task<Result<ChangeStream::ShardPage>> list_page();

  const ChangeStream& stream_;
  Random& random_;
  Options options_;
  std::optional<ShardId> resume_after_;  ///< the last shard of the last good page of an unfinished pass
  std::string last_trouble_;
};

}  // namespace dynamirror::source
