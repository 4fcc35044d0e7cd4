// SPDX-License-Identifier: Apache-2.0
#include "sink/versioned_tables.hpp"

#include <set>
#include <utility>

#include "aws/dynamodb/item_condition.hpp"
#include "base/log.hpp"
#include "json/writer.hpp"
#include "multimaster/key_work.hpp"
#include "sink/companion_table.hpp"
#include "sink/impl/conditional_writer.hpp"
#include "sink/impl/item_reader.hpp"

namespace dynamirror::sink {
namespace {

using multimaster::Conflict;
using multimaster::KeyWork;
using multimaster::Marks;
using Step = KeyWork::Step;

constexpr std::chrono::milliseconds kShortWait{200};

/// SET and REMOVE of our attributes.
ItemUpdate update_of(multimaster::Write write, const Marks& marks) {
  const auto text = [](std::string_view value) { return R"({"S":")" + std::string(value) + "\"}"; };
  const bool raise = write == multimaster::Write::kRaise;
  ItemUpdate update{
      .expression = "SET #rv = :rv", .names_json = {}, .values_json = "{\":rv\":" + text(marks.version.text())};
  std::string removed;
  std::string names = "{\"#rv\":" + json_quoted(multimaster::kVersionName);
  names += ",\"#rh\":" + json_quoted(multimaster::kHashName);
  if (raise) {
    removed = "#rh";
  } else {
    update.expression += ", #rh = :rh";
    update.values_json += ",\":rh\":" + text(marks.hash);
    names += ",\"#rb\":" + json_quoted(multimaster::kBaseName) + ",\"#rd\":" + json_quoted(multimaster::kDeletedName);
    if (marks.base) {
      update.expression += ", #rb = :rb";
      update.values_json += ",\":rb\":" + text(marks.base->text());
    } else {
      removed = "#rb";
    }
    if (marks.deleted) {
      update.expression += ", #rd = :rd";
      update.values_json += R"(,":rd":{"BOOL":true})";
    } else {
      removed += removed.empty() ? "#rd" : ", #rd";
    }
  }
  if (!removed.empty()) update.expression += " REMOVE " + removed;
  update.names_json = names + "}";
  update.values_json += "}";
  return update;
}

Error keeps_changing(const std::string& table) {
  return Error{.error_class = ErrorClass::kTransient,
               .doing = "write item",
               .resource = table,
               .code = "ItemChanging",
               .message = "the item changes whenever it is looked at",
               .not_applied = true};
}

Error without_version(const std::string& table, std::string_view key) {
  return Error{.error_class = ErrorClass::kTransient,
               .doing = "write item",
               .resource = table,
               .code = "WithoutVersion",
               .message = "its item " + std::string(key) +
                          " was written there and has no version yet; the replication "
                          "from that table gives it one: is it running, and was the table adopted (--adopt)?",
               .not_applied = true};
}

}  // namespace

struct VersionedTables::Impl {
  /// One table with its companion.
  struct Table {
    Table(const Side& side_in, const Options& options, aws::DynamoDbClient& client, const Parts& parts)
        : side(side_in),
          key(options.key),
          items({.table = side.table, .key = options.key, .max_read_units = options.max_read_units}, client,
                parts.clock, parts.random),
          writer(side.table, options.max_write_units, client, parts.clock),
          companion({.table = side.companion, .kept = options.tombstones_kept}, client, parts.clock, parts.random) {}

    const Side& side;
    const model::KeySchema& key;
    ItemReader items;
    ConditionalWriter writer;
    CompanionTable companion;
  };
  /// A key on its way through one table.
  struct Way {
    Table& table;
    const model::Change& change;
    SteadyTime not_after;
    KeyWork& work;
    std::optional<Conflict> noted{};
    [[nodiscard]] std::string key() const { return std::string(change.key()); }
  };

  Impl(Options options_in, Parts parts_in)
      : options(std::move(options_in)),
        parts(parts_in),
        home(options.home, options, parts.home, parts),
        peer(options.peer, options, parts.peer, parts) {}

  [[nodiscard]] async::Task<Result<Outcome>> apply(const model::Change& change, SteadyTime not_after);
  [[nodiscard]] async::Task<Status> walk(Way& way);
  [[nodiscard]] async::Task<Status> read_tombstone(Way& way);
  [[nodiscard]] async::Task<Status> read_item(Way& way);
  [[nodiscard]] async::Task<Status> bury(Way& way);
  [[nodiscard]] async::Task<Status> write_item(Way& way);
  [[nodiscard]] async::Task<Result<bool>> send_write(Way& way);
  [[nodiscard]] async::Task<Status> note_conflict(Way& way);
  [[nodiscard]] async::Task<Status> settle_conflict(Way& way);
  [[nodiscard]] Result<KeyWork> home_work(const model::Change& change) const;
  [[nodiscard]] Status check_age(const model::Change& change) const;
  [[nodiscard]] Outcome wait_for_version(const Way& way) const;

  const Options options;
  const Parts parts;
  Table home;
  Table peer;
  std::set<std::string, std::less<>> waiting{};  ///< keys that have their version here, and none there
  Statistics statistics;
};

Status VersionedTables::Impl::check_age(const model::Change& change) const {
  constexpr std::chrono::hours kMargin{1};
  if (parts.clock.wall_now() - change.created() < options.tombstones_kept - kMargin) return {};
  return std::unexpected(Error{
      .error_class = ErrorClass::kFatal,
      .doing = "apply change",
      .resource = options.peer.description,
      .code = std::string(kTooOld),
      .message = "the change of " + std::string(change.key()) + " is older than tombstones are kept (" +
                 std::to_string(options.tombstones_kept.count()) +
                 " hours), so that it might bring back what was deleted; compare the tables (diff-tables), and start "
                 "with --adopt and a new state file",
      .not_applied = true});
}

async::Task<Status> VersionedTables::Impl::read_tombstone(Way& way) {
  auto tombstone = co_await way.table.companion.tombstone(way.key(), way.not_after);
  if (!tombstone) co_return std::unexpected(std::move(tombstone.error()));
  way.work.tombstone_is(std::move(*tombstone));
  co_return Status{};
}

async::Task<Status> VersionedTables::Impl::read_item(Way& way) {
  std::vector<std::string_view> keys{way.change.key()};
  auto items = co_await way.table.items.read(std::move(keys), way.not_after);
  if (!items) co_return std::unexpected(std::move(items.error()));
  auto& item = items->front();
  if (!item) co_return std::unexpected(std::move(item.error()));
  if (!*item) {
    way.work.item_is(std::nullopt);
    co_return Status{};
  }
  auto state = multimaster::read_state(**item);
  if (!state) co_return std::unexpected(std::move(state.error()));
  way.work.item_is(std::move(*state));
  co_return Status{};
}

async::Task<Status> VersionedTables::Impl::bury(Way& way) {
  auto held = co_await way.table.companion.bury(way.key(), way.work.burial(), way.not_after);
  if (!held) co_return std::unexpected(std::move(held.error()));
  way.work.written(*held);
  co_return Status{};
}

async::Task<Result<bool>> VersionedTables::Impl::send_write(Way& way) {
  const auto& item = way.work.item();
  aws::ItemCondition condition = aws::still_absent(way.table.key);
  if (item) {
    auto as_read = aws::still_as(item->json, multimaster::without_marks(item->json));
    if (!as_read) co_return std::unexpected(std::move(as_read.error()));
    condition = std::move(*as_read);
  }
  const multimaster::Write write = way.work.write();
  if (write == multimaster::Write::kErase) {
    co_return co_await way.table.writer.write(way.change, std::string(), std::move(condition), way.not_after);
  }
  if (write == multimaster::Write::kPut) {
    std::string put = multimaster::with_marks(way.work.content(), way.work.marks());
    co_return co_await way.table.writer.write(way.change, std::move(put), std::move(condition), way.not_after);
  }
  const model::Change cost(way.change.key(), item->json, way.change.sequence(), way.change.created());
  ItemUpdate update = update_of(write, way.work.marks());
  co_return co_await way.table.writer.update(cost, std::move(update), std::move(condition), way.not_after);
}

async::Task<Status> VersionedTables::Impl::write_item(Way& way) {
  auto noted = co_await note_conflict(way);
  if (!noted) co_return noted;
  const bool stamp = way.work.write() == multimaster::Write::kStamp && !way.work.marks().deleted;
  auto held = co_await send_write(way);
  if (!held) co_return std::unexpected(std::move(held.error()));
  if (*held && stamp) ++statistics.stamped;
  way.work.written(*held);
  co_return Status{};
}

async::Task<Status> VersionedTables::Impl::note_conflict(Way& way) {
  const auto& conflict = way.work.conflict();
  if (!conflict || way.noted) co_return Status{};
  auto noted = co_await way.table.companion.note(way.key(), *conflict, way.not_after);
  if (!noted) co_return noted;
  way.noted = *conflict;
  co_return Status{};
}

/// Counts the conflict that was decided, or takes back the note of one that came to nothing.
async::Task<Status> VersionedTables::Impl::settle_conflict(Way& way) {
  auto noted = co_await note_conflict(way);
  if (!noted || !way.noted) co_return noted;
  if (!way.work.conflict() && !way.work.holds_own_version()) {
    co_return co_await way.table.companion.take_back(way.key(), *way.noted, way.not_after);
  }
  ++statistics.conflicts[multimaster::kind_of(*way.noted)];
  log::info("conflict", {{"table", way.table.side.description},
                         {"key", way.key()},
                         {"kind", std::string(multimaster::kind_of(*way.noted))},
                         {"winner", way.noted->winner.text()},
                         {"loser", way.noted->loser.text()}});
  co_return Status{};
}

/// Until the work is done, or can go no further.
async::Task<Status> VersionedTables::Impl::walk(Way& way) {
  while (true) {  // KeyWork bounds its rounds
    Status status;
    switch (way.work.step()) {
      case Step::kReadTombstone:
        status = co_await read_tombstone(way);
        break;
      case Step::kReadItem:
        status = co_await read_item(way);
        break;
      case Step::kWriteTombstone:
        status = co_await bury(way);
        break;
      case Step::kWriteItem:
        status = co_await write_item(way);
        break;
      default:
        co_return co_await settle_conflict(way);
    }
    if (!status) co_return status;
  }
}

Outcome VersionedTables::Impl::wait_for_version(const Way& way) const {
  if (way.work.step() == Step::kTryAgain) return TryAgain{keeps_changing(way.table.side.description)};
  const bool long_ago = parts.clock.wall_now() - way.change.created() > kLongWait;
  if (long_ago) return TryAgain{without_version(way.table.side.description, way.change.key())};
  return WaitUntil{parts.clock.steady_now() + kShortWait};
}

Result<KeyWork> VersionedTables::Impl::home_work(const model::Change& change) const {
  if (options.adopt_rank) {
    const auto item = multimaster::read_state(change.image());
    if (!item) return std::unexpected(item.error());
    return KeyWork(multimaster::AdoptWork{.rank = *options.adopt_rank, .content = item->content});
  }
  auto record = multimaster::read_record(change);
  if (!record) return std::unexpected(std::move(record.error()));
  return KeyWork(multimaster::LocalWork{.record = std::move(*record),
                                        .origin = options.home.origin,
                                        .topology = options.topology,
                                        .next = options.peer.origin});
}

async::Task<Result<Outcome>> VersionedTables::Impl::apply(const model::Change& change, SteadyTime not_after) {
  if (auto fine = check_age(change); !fine) co_return std::unexpected(std::move(fine.error()));
  if (parts.changes != nullptr && parts.changes->waits(change.key())) {
    co_return Outcome{WaitUntil{parts.clock.steady_now() + kShortWait}};
  }
  auto work = home_work(change);
  if (!work) co_return as_outcome(std::move(work.error()));
  KeyWork& local = *work;
  Way at_home{home, change, not_after, local};
  Status walked = co_await walk(at_home);
  if (!walked) co_return as_outcome(std::move(walked.error()));
  if (local.step() != Step::kDone) {
    ++statistics.waited;
    co_return wait_for_version(at_home);
  }
  if (!local.sent_on()) {
    if (local.rule().empty()) co_return Outcome{Applied{}};
    co_return Outcome{Superseded{local.rule()}};
  }
  KeyWork remote(multimaster::RemoteWork{.message = *local.sent_on(),
                                         .origin = options.peer.origin,
                                         .key = std::string(change.key()),
                                         .topology = options.topology});
  Way at_peer{peer, change, not_after, remote};
  walked = co_await walk(at_peer);
  if (!walked) co_return as_outcome(std::move(walked.error()));
  if (remote.step() != Step::kDone) {
    ++statistics.waited;
    waiting.insert(at_peer.key());
    co_return wait_for_version(at_peer);
  }
  waiting.erase(at_peer.key());
  ++statistics.sent;
  co_return Outcome{Applied{}};
}

VersionedTables::VersionedTables(Options options, Parts parts)
    : impl_(std::make_unique<Impl>(std::move(options), parts)) {}
VersionedTables::~VersionedTables() = default;

std::string VersionedTables::describe() const { return impl_->options.peer.description; }

bool VersionedTables::waits(std::string_view key) const { return impl_->waiting.contains(key); }

VersionedTables::Statistics VersionedTables::statistics() const {
  Statistics statistics = impl_->statistics;
  statistics.waiting = impl_->waiting.size();
  for (const Impl::Table* table : {&impl_->home, &impl_->peer}) {
    statistics.conditions += table->writer.statistics().refused;
    statistics.read_units += table->items.statistics().consumed_units + table->companion.read_units();
    statistics.write_units += table->writer.statistics().consumed_units + table->companion.write_units();
  }
  return statistics;
}

async::Task<Result<std::vector<Outcome>>> VersionedTables::write(std::span<const model::Change* const> changes,
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
