// SPDX-License-Identifier: Apache-2.0
#include "sink/guarded_images.hpp"

#include <utility>

#include "model/item_digest.hpp"
#include "sink/guarded_write.hpp"
#include "sink/impl/both_tables_access.hpp"
#include "sink/impl/guarded_item.hpp"

namespace dynamirror::sink {
namespace {

using Step = GuardedWrite::Step;

Error keeps_changing(const std::string& target) {
  return Error{.error_class = ErrorClass::kTransient,
               .doing = "write item",
               .resource = target,
               .code = "GuardChanging",
               .message = "somebody else writes this item of the replica, again and again",
               .not_applied = true};
}

bool same_content(std::string_view left, std::string_view right) {
  return model::same_item(without_guard(left), without_guard(right));
}

}  // namespace

struct GuardedImages::Impl : BothTablesAccess {
  using BothTablesAccess::BothTablesAccess;

  /// One change on its way.
  struct Way {
    const model::Change& change;
    SteadyTime not_after;
    GuardedWrite guarded;
    std::optional<std::string> there{};  ///< the replica's item, when it was read
    std::optional<std::string> read{};   ///< the primary's

    [[nodiscard]] bool is_image(const std::optional<std::string>& item) const {
      return item && !change.image().empty() && same_content(*item, change.image());
    }
  };

  [[nodiscard]] async::Task<Result<Outcome>> apply(const model::Change& change, SteadyTime not_after);
  [[nodiscard]] async::Task<Status> take_step(Way& way);
  [[nodiscard]] async::Task<Result<std::optional<std::string>>> read(ItemReader& reader, const Way& way);
  [[nodiscard]] async::Task<Status> read_replica(Way& way);
  [[nodiscard]] async::Task<Status> read_primary(Way& way);

  Statistics statistics;
};

async::Task<Result<std::optional<std::string>>> GuardedImages::Impl::read(ItemReader& reader, const Way& way) {
  std::vector<std::string_view> keys{way.change.key()};
  auto items = co_await reader.read(std::move(keys), way.not_after);
  if (!items) co_return std::unexpected(std::move(items.error()));
  co_return std::move(items->front());
}

async::Task<Status> GuardedImages::Impl::read_replica(Way& way) {
  auto item = co_await read(replica, way);
  if (!item) co_return std::unexpected(std::move(item.error()));
  way.there = std::move(*item);
  GuardedWrite::Replica state{.there = way.there.has_value(), .is_image = way.is_image(way.there)};
  if (way.there) {
    if (const auto guard = guard_of(*way.there)) state.seen = parse_seen(*guard);
  }
  way.guarded.replica_is(state);
  co_return Status{};
}

async::Task<Status> GuardedImages::Impl::read_primary(Way& way) {
  ++statistics.read;
  const std::int64_t asked_at = microseconds(parts.clock.wall_now());
  auto item = co_await read(primary, way);
  if (!item) co_return std::unexpected(std::move(item.error()));
  way.read = std::move(*item);
  const GuardedWrite::Primary state{.there = way.read.has_value(),
                                    .is_image = way.is_image(way.read),
                                    .asked_at = asked_at,
                                    .answered_at = microseconds(parts.clock.wall_now())};
  way.guarded.primary_is(state);
  co_return Status{};
}

async::Task<Status> GuardedImages::Impl::take_step(Way& way) {
  const Step step = way.guarded.step();
  if (step == Step::kReadReplica) co_return co_await read_replica(way);
  if (step == Step::kReadPrimary) co_return co_await read_primary(way);
  std::string item;
  aws::ItemCondition condition;
  if (step == Step::kPutImage) {
    item = with_guard(way.change.image(), way.guarded.guard());
    condition = older_than(way.guarded.created());
  } else {
    if (step == Step::kPutItem) item = with_guard(*way.read, way.guarded.guard());
    condition = still_guarded_as(way.there, options.key);
  }
  const auto held = co_await writer.write(way.change, std::move(item), std::move(condition), way.not_after);
  if (!held) co_return std::unexpected(held.error());
  if (step == Step::kPutImage) {
    if (*held) ++statistics.images;
    way.guarded.image_put(*held);
  } else {
    way.guarded.written(*held);
  }
  co_return Status{};
}

async::Task<Result<Outcome>> GuardedImages::Impl::apply(const model::Change& change, SteadyTime not_after) {
  Way way{change, not_after, GuardedWrite(microseconds(change.created()), !change.image().empty())};
  while (true) {  // GuardedWrite bounds its rounds
    switch (way.guarded.step()) {
      case Step::kApplied:
        co_return Outcome{Applied{}};
      case Step::kSuperseded:
        co_return Outcome{Superseded{way.guarded.rule()}};
      case Step::kTryAgain:
        co_return Outcome{TryAgain{keeps_changing(replica.describe())}};
      default:
        break;
    }
    const Status taken = co_await take_step(way);
    if (!taken) co_return as_outcome(taken.error());
  }
}

GuardedImages::GuardedImages(Options options, Parts parts) : impl_(std::make_unique<Impl>(std::move(options), parts)) {}
GuardedImages::~GuardedImages() = default;

std::string GuardedImages::describe() const { return impl_->replica.describe(); }

GuardedImages::Statistics GuardedImages::statistics() const {
  Statistics statistics = impl_->statistics;
  statistics.conditions = impl_->writer.statistics().refused;
  statistics.write_units = impl_->writer.statistics().consumed_units;
  statistics.read_units = impl_->replica.statistics().consumed_units + impl_->primary.statistics().consumed_units;
  return statistics;
}

async::Task<Result<std::vector<Outcome>>> GuardedImages::write(std::span<const model::Change* const> changes,
                                                               SteadyTime not_after) {
  std::vector<Outcome> outcomes;
  for (const model::Change* change : changes) {
    auto outcome = co_await impl_->apply(*change, not_after);
    if (!outcome) co_return std::unexpected(std::move(outcome.error()));
    outcomes.push_back(std::move(*outcome));
  }
  co_return outcomes;
}

}  // namespace dynamirror::sink
