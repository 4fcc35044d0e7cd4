// SPDX-License-Identifier: Apache-2.0
#include "sink/present_items.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace dynamirror::sink {
namespace {

using Changes = std::span<const model::Change* const>;

/// As many writes of the target as one read may serve: more would hold the first keys of a batch for the last ones.
constexpr std::size_t kWritesForARead = 4;

/// The first changes that one write of the target takes.
std::size_t portion(Changes changes, const ChangeSink::Limits& limits) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    bytes += changes[i]->key().size() + changes[i]->image().size();
    if (i > 0 && (i == limits.max_changes || bytes > limits.max_bytes)) return i;
  }
  return changes.size();
}

}  // namespace

ChangeSink::Limits PresentItems::limits() const {
  Limits limits = target_.limits();
  limits.max_changes = std::min(limits.max_changes * kWritesForARead, reader_.keys_at_once());
  return limits;
}

async::Task<Result<std::vector<Outcome>>> PresentItems::write(Changes changes, SteadyTime not_after) {
  std::vector<std::string_view> keys;
  for (const model::Change* change : changes) keys.push_back(change->key());
  auto items = co_await reader_.read(std::move(keys), not_after);
  if (!items) {
    items.error().message += "; every change is applied by reading its item from this table, the primary";
    co_return std::unexpected(std::move(items.error()));
  }

  std::vector<Outcome> outcomes(changes.size(), Outcome{Applied{}});
  std::vector<model::Change> present;
  std::vector<std::size_t> places;  // of what is present, among the changes
  for (std::size_t i = 0; i < changes.size(); ++i) {
    ItemReader::Item& item = (*items)[i];
    if (item) {
      const std::string_view image = *item ? std::string_view(**item) : std::string_view();
      present.emplace_back(changes[i]->key(), image, changes[i]->sequence(), changes[i]->created());
      places.push_back(i);
      item = std::optional<std::string>();
    } else if (item.error().retryable()) {
      outcomes[i] = TryAgain{std::move(item.error())};
    } else {
      outcomes[i] = Rejected{std::move(item.error())};
    }
  }

  std::vector<const model::Change*> left;
  for (const model::Change& change : present) left.push_back(&change);
  for (std::size_t begin = 0; begin < left.size();) {
    const Changes rest = Changes(left).subspan(begin);
    const Changes next = rest.first(portion(rest, target_.limits()));
    auto written = co_await target_.write(next, not_after);
    if (!written) co_return std::unexpected(std::move(written.error()));
    for (std::size_t i = 0; i < next.size(); ++i) outcomes[places[begin + i]] = std::move((*written)[i]);
    begin += next.size();
  }
  co_return outcomes;
}

}  // namespace dynamirror::sink
