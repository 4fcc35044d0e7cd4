// SPDX-License-Identifier: Apache-2.0
#include "service/impl/adoption.hpp"

#include <utility>

#include "async/sleep.hpp"
#include "base/log.hpp"

namespace dynamirror::service {
namespace {

constexpr std::chrono::milliseconds kLook{200};

source::TableScan::Options scan_options(const TableName& table, std::optional<double> max_read_units) {
  source::TableScan::Options options;
  options.table = table;
  options.consistent = true;
  options.max_read_units = max_read_units;
  options.give_up_after = std::chrono::hours(1);  // a page waits for the stream, and that for the other table's
  return options;
}

}  // namespace

Adoption::Adoption(Parts parts, std::optional<double> max_read_units)
    : parts_(std::move(parts)),
      scan_(scan_options(parts_.source.address().table, max_read_units), parts_.source.dynamodb(), parts_.host.clock(),
            parts_.host.random(), parts_.executor),
      loader_({parts_.key, *parts_.tables.items(), nullptr, parts_.host.clock(), parts_.host.random(), parts_.executor},
              jobs::ItemLoader::Options{.poison_hint = {}}) {}

/// Until every record of before is looked after in this table. What waits for the target is: its item there may be one
/// that is yet to be adopted, by the replication that waits for ours.
async::Task<> Adoption::wait_for_records(SteadyTime read_at) const {
  const SteadyTime soonest = read_at + parts_.after;
  while (true) {  // until the replication ends, which cancels this
    const jobs::ReplicateStatus status = parts_.job.status();
    const bool looked_after = status.counters.held() <= parts_.tables.changes().statistics().waiting;
    if (parts_.host.clock().steady_now() >= soonest && status.at_tip && looked_after) co_return;
    co_await async::sleep_for(kLook);
  }
}

async::Task<Status> Adoption::take(aws::ScanPage page, source::SegmentPosition /*position*/) {
  co_await wait_for_records(parts_.host.clock().steady_now());
  for (std::size_t i = 0; i < page.size(); ++i) {
    auto put = co_await loader_.put(page.item(i));
    if (!put) co_return put;
  }
  co_return Status{};
}

async::Task<> Adoption::run() {
  const std::string table = parts_.source.display();
  log::info("items are being adopted", {{"table", table}});
  Status scanned = co_await scan_.run(scan_.fresh(), *this);
  auto loaded = co_await loader_.finish();
  if (scanned && !loaded) scanned = std::unexpected(std::move(loaded.error().error));
  const std::string items = std::to_string(scan_.statistics().items);
  if (scanned) {
    log::info("all items are adopted", {{"table", table}, {"items", items}});
  } else {
    log::error("not all items are adopted; the replication goes on, start it again with --adopt",
               {{"table", table}, {"error", to_line(scanned.error())}});
  }
}

}  // namespace dynamirror::service
