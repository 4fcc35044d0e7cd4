// SPDX-License-Identifier: Apache-2.0
#include "jobs/conflicts/list_conflicts.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "base/text.hpp"
#include "source/table_scan.hpp"
#include "tables/stoppable_scan.hpp"

namespace dynamirror::jobs {
namespace {

class ConflictCollector final : public source::PageReceiver {
 public:
  explicit ConflictCollector(std::optional<WallTime> since) : since_(since ? format_time(*since) : "") {}

  [[nodiscard]] async::Task<Status> take(aws::ScanPage page, source::SegmentPosition /*position*/) override {
    for (std::size_t i = 0; i < page.size(); ++i) {
      auto row = sink::read_conflict(page.item(i));
      if (!row) co_return std::unexpected(std::move(row.error()));
      if (*row && (*row)->noted >= since_) lines_.push_back(line_of(std::move(**row)));
    }
    co_return Status{};
  }

  [[nodiscard]] std::vector<ConflictLine> in_order() {
    std::ranges::sort(lines_, [](const ConflictLine& a, const ConflictLine& b) {
      return std::tie(a.row.noted, a.row.key, a.row.loser) < std::tie(b.row.noted, b.row.key, b.row.loser);
    });
    return std::move(lines_);
  }

 private:
  std::string since_;
  std::vector<ConflictLine> lines_;
};

}  // namespace

ConflictLine line_of(sink::ConflictRow row) {
  const bool kept = row.loser_image || row.loser_deletes();
  row.winner_image.reset();
  row.loser_image.reset();
  return {.row = std::move(row), .loser_kept = kept};
}

async::Task<Result<std::vector<ConflictLine>>> list_conflicts(SharedTable& table, std::optional<WallTime> since,
                                                              ListParts parts) {
  source::TableScan::Options options;
  options.table = table.companion();
  options.split = 4;
  options.consistent = true;
  source::TableScan scan(std::move(options), table.side().dynamodb(), parts.clock, parts.random, parts.executor);
  ConflictCollector collector(since);
  auto scanned = co_await scan_until_stopped(scan, collector, parts.stop, "list conflicts of", table.display());
  if (!scanned) co_return std::unexpected(std::move(scanned.error()));
  co_return collector.in_order();
}

}  // namespace dynamirror::jobs
