// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "aws/dynamodb/client.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"

namespace dynamirror::source {

/// Where the scan of one segment stands. The key of resuming: everything before `after_key_json` has been received.
struct SegmentPosition {
  std::uint32_t segment = 0;     ///< of `TableScan::Plan::total_segments`
  std::string after_key_json{};  ///< wire-form key; empty: from the start
  bool done = false;
};

/// What takes the pages of a scan.
class PageReceiver {
 public:
  virtual ~PageReceiver() = default;

  /// Takes one page of a segment. Calls for different segments overlap; the next page of the same segment is read only
  /// when this has ended, so that `position` (where the segment stands after this page) may be made durable at its end.
  /// An error ends the scan.
  [[nodiscard]] virtual async::Task<Status> take(aws::ScanPage page, SegmentPosition position) = 0;
};

/// Reads every item of a table, or of one share of it, by segments side by side: more at once while that brings
/// throughput, fewer when the service throttles, never above a budget of consumed read units.
///
/// Memory: at most one page (1 MB) for each segment under way. Not thread-safe: lives on one event loop.
class TableScan {
 public:
  struct Options {
    TableName table{};
    std::uint32_t share = 0;   ///< `--segment`: which part of the table is this process's …
    std::uint32_t shares = 1;  ///< … of how many (`--segments`)
    std::uint32_t split = 16;  ///< segments into which this share is cut; fixed for a resumed scan
    std::size_t max_parallel = 16;
    bool consistent = false;
    std::optional<double> max_read_units{};            ///< consumed units a second, hard
    std::chrono::milliseconds give_up_after{300'000};  ///< without a single page, though asked for again and again
  };

  struct Statistics {
    std::uint64_t items = 0;
    std::uint64_t pages = 0;
    std::uint64_t bytes = 0;  ///< of answers
    std::uint64_t throttled = 0;
    double consumed_units = 0;
    std::uint32_t segments = 0;
    std::uint32_t segments_done = 0;
  };

  /// REQUIRES: what is referred to outlives the scan; share < shares; split >= 1.
  TableScan(Options options, aws::DynamoDbClient& client, const Clock& clock, Random& random,
            boost::asio::any_io_executor executor);
  ~TableScan();

  /// The segments of this share, from their start: number `share · split + i` of `shares · split`.
  [[nodiscard]] std::vector<SegmentPosition> fresh() const;

  /// Reads from the given positions (of all this share's segments) to the end of each.
  /// Errors: the receiver's; those of the client that no retry mends. Cancellation passes through.
  [[nodiscard]] async::Task<Status> run(std::vector<SegmentPosition> from, PageReceiver& receiver);

  /// Ends the run under way, or the next one, with this error; what is under way is cancelled, also in the receiver.
  void end(Error reason);

  // For a process whose segments come and go while it reads, in place of `run`:

  /// Reads what `add` gives, until cancelled. Errors: as `run`.
  [[nodiscard]] async::Task<Status> serve(PageReceiver& receiver);
  /// REQUIRES: not at its end; no position of this segment `holds`.
  void add(SegmentPosition position);
  /// Asks for no further page of a segment. One under way is still delivered.
  void remove(std::uint32_t segment);
  /// Whether pages of this segment are to come.
  [[nodiscard]] bool holds(std::uint32_t segment) const;

  [[nodiscard]] const Statistics& statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::source
