// SPDX-License-Identifier: Apache-2.0
#include "sink/differing_items.hpp"

#include <algorithm>
#include <utility>

#include "model/item_digest.hpp"
#include "sink/impl/both_tables_access.hpp"

namespace dynamirror::sink {
namespace {

constexpr int kMaxRounds = 8;
/// Each that differs is a write of its own, and its neighbours wait for it.
constexpr std::size_t kMaxChanges = 50;

using Item = std::optional<std::string>;

bool same(const Item& left, const Item& right) {
  return left.has_value() == right.has_value() && (!left || model::same_item(*left, *right));
}

Error keeps_changing(const std::string& target) {
  return Error{.error_class = ErrorClass::kTransient,
               .doing = "write items that differ",
               .resource = target,
               .code = "ItemChanging",
               .message = "the item changes whenever it is looked at",
               .not_applied = true};
}

/// One change on its way.
struct Way {
  const model::Change* change = nullptr;
  std::optional<Outcome> outcome{};
  bool wrote = false;
  bool check = false;  ///< written just now: is it still what the primary has?
  Item replica{};
  Item primary{};  ///< what is to be written, or was

  void settle_equal() { outcome = wrote ? Outcome{Applied{}} : Outcome{Superseded{"already equal"}}; }
};
using Ways = std::vector<Way*>;

}  // namespace

struct DifferingItems::Impl : BothTablesAccess {
  using BothTablesAccess::BothTablesAccess;

  /// Reads the items of all into what `part` names; who cannot be read has an outcome then.
  [[nodiscard]] async::Task<Status> read(ItemReader& reader, Ways ways, Item Way::* part, SteadyTime not_after);
  /// Reads both sides, or after a write the primary alone; who is equal has an outcome then.
  [[nodiscard]] async::Task<Status> compare(Ways ways, SteadyTime not_after);
  [[nodiscard]] async::Task<Status> bring(Way& way, SteadyTime not_after);

  std::uint64_t equal = 0;
};

async::Task<Status> DifferingItems::Impl::read(ItemReader& reader, Ways ways, Item Way::* part, SteadyTime not_after) {
  std::erase_if(ways, [](const Way* way) { return way->outcome.has_value(); });
  if (ways.empty()) co_return Status{};
  std::vector<std::string_view> keys;
  for (const Way* way : ways) keys.push_back(way->change->key());
  auto items = co_await reader.read(std::move(keys), not_after);
  if (!items) co_return std::unexpected(std::move(items.error()));
  for (std::size_t i = 0; i < ways.size(); ++i) {
    if ((*items)[i]) {
      ways[i]->*part = std::move(*(*items)[i]);
      continue;
    }
    auto outcome = as_outcome(std::move((*items)[i].error()));
    if (!outcome) co_return std::unexpected(std::move(outcome.error()));
    ways[i]->outcome = std::move(*outcome);
  }
  co_return Status{};
}

async::Task<Status> DifferingItems::Impl::compare(Ways ways, SteadyTime not_after) {
  Ways checks = ways;
  std::erase_if(checks, [](const Way* way) { return !way->check; });
  std::vector<Item> written;
  for (const Way* way : checks) written.push_back(way->primary);
  Status status = co_await read(primary, checks, &Way::primary, not_after);
  if (!status) co_return status;
  for (std::size_t i = 0; i < checks.size(); ++i) {
    checks[i]->check = false;
    if (!checks[i]->outcome && same(written[i], checks[i]->primary)) checks[i]->settle_equal();
  }
  status = co_await read(replica, ways, &Way::replica, not_after);
  if (!status) co_return status;
  status = co_await read(primary, ways, &Way::primary, not_after);
  if (!status) co_return status;
  for (Way* way : ways) {
    if (!way->outcome && same(way->replica, way->primary)) way->settle_equal();
  }
  co_return Status{};
}

async::Task<Status> DifferingItems::Impl::bring(Way& way, SteadyTime not_after) {
  auto condition = way.replica ? aws::still_as(*way.replica, way.primary.value_or(""))
                               : Result<aws::ItemCondition>(aws::still_absent(options.key));
  if (!condition) co_return std::unexpected(std::move(condition.error()));
  std::string item = way.primary.value_or("");
  const auto held = co_await writer.write(*way.change, std::move(item), std::move(*condition), not_after);
  if (held) {
    way.check = *held;
    way.wrote = way.wrote || *held;
    co_return Status{};
  }
  auto outcome = as_outcome(held.error());
  if (!outcome) co_return std::unexpected(std::move(outcome.error()));
  way.outcome = std::move(*outcome);
  co_return Status{};
}

DifferingItems::DifferingItems(Options options, Parts parts)
    : impl_(std::make_unique<Impl>(std::move(options), parts)) {}
DifferingItems::~DifferingItems() = default;

ChangeSink::Limits DifferingItems::limits() const {
  return {.max_changes = std::min({kMaxChanges, impl_->replica.keys_at_once(), impl_->primary.keys_at_once()})};
}

std::string DifferingItems::describe() const { return impl_->replica.describe(); }

DifferingItems::Statistics DifferingItems::statistics() const {
  const ConditionalWriter::Statistics& writes = impl_->writer.statistics();
  return {.equal = impl_->equal,
          .written = writes.written,
          .refused = writes.refused,
          .write_units = writes.consumed_units,
          .read_units = impl_->replica.statistics().consumed_units + impl_->primary.statistics().consumed_units};
}

async::Task<Result<std::vector<Outcome>>> DifferingItems::write(std::span<const model::Change* const> changes,
                                                                SteadyTime not_after) {
  std::vector<Way> ways(changes.size());
  Ways left;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    ways[i].change = changes[i];
    left.push_back(&ways[i]);
  }
  for (int round = 0; round < kMaxRounds && !left.empty(); ++round) {
    const Status compared = co_await impl_->compare(left, not_after);
    if (!compared) co_return std::unexpected(compared.error());
    std::erase_if(left, [](const Way* way) { return way->outcome.has_value(); });
    for (Way* way : left) {
      const Status brought = co_await impl_->bring(*way, not_after);
      if (!brought) co_return std::unexpected(brought.error());
    }
    std::erase_if(left, [](const Way* way) { return way->outcome.has_value(); });
  }
  std::vector<Outcome> outcomes;
  for (Way& way : ways) {
    outcomes.push_back(way.outcome ? std::move(*way.outcome) : Outcome{TryAgain{keeps_changing(describe())}});
    if (std::holds_alternative<Superseded>(outcomes.back())) ++impl_->equal;
  }
  co_return outcomes;
}

}  // namespace dynamirror::sink
