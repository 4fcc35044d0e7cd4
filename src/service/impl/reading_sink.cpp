// SPDX-License-Identifier: Apache-2.0
#include "service/impl/reading_sink.hpp"

#include <string>
#include <utility>

#include "base/log.hpp"
#include "sink/differing_items.hpp"
#include "sink/guarded_images.hpp"
#include "sink/present_items.hpp"

namespace dynamirror::service {
namespace {

/// What one consistent read of an item costs in the mean, as far as the table says.
std::string mean_read_units(const aws::TableDescription& table) {
  const double mean_bytes =
      table.item_count > 0 ? static_cast<double>(table.size_bytes) / static_cast<double>(table.item_count) : 0;
  return std::to_string(static_cast<int>(mean_bytes / 4096) + 1);
}

void say_costs(WayOfWriting way, const ReadingSinkParts& parts) {
  const aws::TableDescription& table = parts.fit.source.source;
  std::string costs;
  switch (way) {
    case WayOfWriting::kImages:
      return;
    case WayOfWriting::kPresentItems:
      costs = "changes are applied by key: each changed key costs a consistent read";
      break;
    case WayOfWriting::kDifferingItems:
      costs = "changes are compared before they are written: each changed key costs a consistent read of both tables";
      break;
    case WayOfWriting::kGuardedImages:
      costs =
          "images are written guarded by the attribute _repl_seen: each modification costs a conditional write, each "
          "insertion and deletion a consistent read of both tables, too";
      break;
  }
  log::info(costs, {{"source", parts.source.display()}, {"mean_read_units", mean_read_units(table)}});
}

ReadingSink open_present(const ReplicationOptions& options, const ReadingSinkParts& parts) {
  const aws::TableDescription& table = parts.fit.source.source;
  sink::ItemReader::Options reading{.table = table.name, .key = table.key, .max_read_units = options.max_read_units};
  auto sink = std::make_unique<sink::PresentItems>(std::move(reading), parts.source.dynamodb(), parts.target.sink(),
                                                   parts.host.clock(), parts.host.random());
  const sink::PresentItems* present = sink.get();
  ReadingSink opened{.sink = std::move(sink)};
  opened.read_units = [present] { return present->reads().consumed_units; };
  return opened;
}

template <class Sink>
ReadingSink open_comparing(const ReplicationOptions& options, const ReadingSinkParts& parts) {
  const aws::TableDescription& table = parts.fit.source.source;
  jobs::TableSide& replica = *parts.target.table();
  sink::BothTablesOptions sink_options{.replica = replica.address().table,
                                       .primary = table.name,
                                       .key = table.key,
                                       .max_write_units = options.max_write_units,
                                       .max_read_units = options.max_read_units};
  const sink::BothTablesParts sink_parts{replica.dynamodb(), parts.source.dynamodb(), parts.host.clock(),
                                         parts.host.random()};
  auto sink = std::make_unique<Sink>(std::move(sink_options), sink_parts);
  const Sink* reading = sink.get();
  ReadingSink opened{.sink = std::move(sink)};
  opened.read_units = [reading] { return reading->statistics().read_units; };
  opened.write_units = [reading] { return reading->statistics().write_units; };
  return opened;
}

}  // namespace

Result<ReadingSink> open_reading_sink(WayOfWriting way, const ReplicationOptions& options, ReadingSinkParts parts) {
  say_costs(way, parts);
  if (way == WayOfWriting::kImages) return ReadingSink{};
  if (way == WayOfWriting::kPresentItems) return open_present(options, parts);
  if (parts.target.table() == nullptr) {
    return failure(ErrorClass::kInvalid, "compare items with those of", parts.fit.display,
                   "only a table can be asked what it holds");
  }
  if (way == WayOfWriting::kDifferingItems) return open_comparing<sink::DifferingItems>(options, parts);
  return open_comparing<sink::GuardedImages>(options, parts);
}

}  // namespace dynamirror::service
