// SPDX-License-Identifier: Apache-2.0
#include "sink/differing_items.hpp"

#include <algorithm>
#include <utility>

#include "base/function_ref.hpp"
#include "model/item_digest.hpp"
#include "sink/differing_write.hpp"
#include "sink/impl/both_tables_access.hpp"

namespace dynamirror::sink {
namespace {

using Step = DifferingWrite::Step;

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
  DifferingWrite write{};
  std::optional<Outcome> trouble{};  ///< why it goes no further
  Item replica{};
  Item primary{};  ///< what is to be written, or was

  [[nodiscard]] bool over() const { return trouble || write.over(); }
};
using Ways = std::vector<Way*>;

Ways ways_at(Step step, const Ways& ways) {
  Ways there;
  for (Way* way : ways) {
    if (!way->trouble && way->write.step() == step) there.push_back(way);
  }
  return there;
}

Outcome outcome_of(Way& way, const std::string& target) {
  if (way.trouble) return std::move(*way.trouble);
  if (way.write.step() == Step::kApplied) return Applied{};
  if (way.write.step() == Step::kAlreadyEqual) return Superseded{"already equal"};
  return TryAgain{keeps_changing(target)};
}

}  // namespace

struct DifferingItems::Impl : BothTablesAccess {
  using BothTablesAccess::BothTablesAccess;

  /// Reads, and gives `use` each way with its item; who cannot be read goes no further.
  [[nodiscard]] async::Task<Status> read(ItemReader& reader, Ways ways, FunctionRef<void(Way&, Item)> use,
                                         SteadyTime not_after);
  /// All reads that are due: those of written items, then of both tables.
  [[nodiscard]] async::Task<Status> compare(const Ways& ways, SteadyTime not_after);
  [[nodiscard]] async::Task<Status> bring(Way& way, SteadyTime not_after);

  std::uint64_t equal = 0;
};

async::Task<Status> DifferingItems::Impl::read(ItemReader& reader, Ways ways, FunctionRef<void(Way&, Item)> use,
                                               SteadyTime not_after) {
  if (ways.empty()) co_return Status{};
  std::vector<std::string_view> keys;
  for (const Way* way : ways) keys.push_back(way->change->key());
  auto items = co_await reader.read(std::move(keys), not_after);
  if (!items) co_return std::unexpected(std::move(items.error()));
  for (std::size_t i = 0; i < ways.size(); ++i) {
    if ((*items)[i]) {
      use(*ways[i], std::move(*(*items)[i]));
      continue;
    }
    auto outcome = as_outcome(std::move((*items)[i].error()));
    if (!outcome) co_return std::unexpected(std::move(outcome.error()));
    ways[i]->trouble = std::move(*outcome);
  }
  co_return Status{};
}

async::Task<Status> DifferingItems::Impl::compare(const Ways& ways, SteadyTime not_after) {
  const auto check = [](Way& way, Item item) { way.write.checked(same(way.primary, item)); };
  Status status = co_await read(primary, ways_at(Step::kCheckPrimary, ways), check, not_after);
  if (!status) co_return status;
  const auto take_replica = [](Way& way, Item item) {
    way.replica = std::move(item);
    way.write.replica_read();
  };
  status = co_await read(replica, ways_at(Step::kReadReplica, ways), take_replica, not_after);
  if (!status) co_return status;
  const auto take_primary = [](Way& way, Item item) {
    way.primary = std::move(item);
    way.write.primary_read(same(way.replica, way.primary));
  };
  co_return co_await read(primary, ways_at(Step::kReadPrimary, ways), take_primary, not_after);
}

async::Task<Status> DifferingItems::Impl::bring(Way& way, SteadyTime not_after) {
  auto condition = way.replica ? aws::still_as(*way.replica, way.primary.value_or(""))
                               : Result<aws::ItemCondition>(aws::still_absent(options.key));
  if (!condition) co_return std::unexpected(std::move(condition.error()));
  std::string item = way.primary.value_or("");
  const auto held = co_await writer.write(*way.change, std::move(item), std::move(*condition), not_after);
  if (held) {
    way.write.written(*held);
    co_return Status{};
  }
  auto outcome = as_outcome(held.error());
  if (!outcome) co_return std::unexpected(std::move(outcome.error()));
  way.trouble = std::move(*outcome);
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
  while (!left.empty()) {  // each way ends within a few rounds
    const Status compared = co_await impl_->compare(left, not_after);
    if (!compared) co_return std::unexpected(compared.error());
    for (Way* way : ways_at(Step::kWrite, left)) {
      const Status brought = co_await impl_->bring(*way, not_after);
      if (!brought) co_return std::unexpected(brought.error());
    }
    std::erase_if(left, [](const Way* way) { return way->over(); });
  }
  std::vector<Outcome> outcomes;
  for (Way& way : ways) {
    outcomes.push_back(outcome_of(way, describe()));
    if (std::holds_alternative<Superseded>(outcomes.back())) ++impl_->equal;
  }
  co_return outcomes;
}

}  // namespace dynamirror::sink
