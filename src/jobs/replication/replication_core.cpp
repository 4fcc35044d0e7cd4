// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/replication_core.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "base/log.hpp"

namespace dynamirror::jobs {
namespace {

/// An empty answer does not prove that a shard has no more records: DynamoDB answers empty pages in mid-shard, too.
/// Several in a row from every shard, with nothing held and a fresh listing, is as near to certain as the service
/// allows.
constexpr std::size_t kEmptyAnswersAtTip = 4;
constexpr std::size_t kEmptyAnswersAfterListing = 3;

std::string where(const model::Checkpoint& checkpoint) {
  return std::holds_alternative<model::AfterSequence>(checkpoint) ? "after " + model::to_string(checkpoint)
                                                                  : "from its first record on";
}

JobFailure out_of_order(const ShardId& shard, const model::SequenceNumber& now, const model::SequenceNumber& before) {
  return {Reason::kBug, Error{.error_class = ErrorClass::kFatal,
                              .doing = "read shard",
                              .resource = shard.str(),
                              .code = {},
                              .message = "the stream answered record " + now.str() + " after " + before.str() +
                                         "; order cannot be kept"}};
}

}  // namespace

ReplicationCore::ReplicationCore(WriteCore& writes, const ShardRights& rights, Options options)
    : writes_(writes), rights_(rights), options_(options) {
  writes_.name_shards([this](ShardHandle handle) {
    const Shard* shard = find(handle);
    return shard == nullptr ? ShardId() : shard->id;
  });
  if (rights_.shares()) writes_.permit_writes([this](ShardHandle handle) { return write_permit(handle); });
}

ReplicationCore::Shard& ReplicationCore::start(const ordering::ShardGraph::Readable& readable) {
  Shard& shard =
      shards_.emplace_back(Shard{.id = readable.shard, .from = readable.from, .handle = writes_.add_shard()});
  if (of_handle_.size() <= shard.handle) of_handle_.resize(shard.handle + 1);
  of_handle_[shard.handle] = &shard;
  return shard;
}

void ReplicationCore::revoke(const ShardId& id, bool wind_down) {
  for (Shard& shard : shards_) {
    if (shard.id == id && shard.revoked != Revoked::kLost) {
      shard.revoked = wind_down ? Revoked::kWindDown : Revoked::kLost;
    }
  }
}

const ReplicationCore::Shard* ReplicationCore::find(ShardHandle handle) const {
  return handle < of_handle_.size() ? of_handle_[handle] : nullptr;
}

std::optional<SteadyTime> ReplicationCore::write_permit(ShardHandle handle) const {
  const Shard* shard = find(handle);
  if (shard == nullptr || shard->revoked == Revoked::kLost) return std::nullopt;
  return rights_.write_until(shard->id);
}

std::optional<JobFailure> ReplicationCore::page_arrived(Shard& shard, source::ShardReader::Page page, SteadyTime at) {
  if (!reads(shard)) return std::nullopt;
  shard.answered_at = at;
  shard.empty_answers = page.empty_answers;
  shard.ended = page.shard_ended;
  auto unreadable = page.unreadable.begin();
  for (model::Change& change : page.changes) {
    const auto after = std::find_if(unreadable, page.unreadable.end(), [&](const model::UnreadableRecord& record) {
      return record.sequence > change.sequence();
    });
    if (auto failure = pass(shard, {unreadable, after})) return failure;
    unreadable = after;
    if (shard.pushed && change.sequence() <= *shard.pushed) {
      return out_of_order(shard.id, change.sequence(), *shard.pushed);
    }
    shard.pushed = change.sequence();
    shard.newest = change.created();
    writes_.push(shard.handle, std::move(change));
  }
  return pass(shard, {unreadable, page.unreadable.end()});
}

/// Records that are no changes, and are in the dead letters.
std::optional<JobFailure> ReplicationCore::pass(Shard& shard, std::span<const model::UnreadableRecord> records) {
  for (const model::UnreadableRecord& record : records) {
    if (shard.pushed && record.sequence <= *shard.pushed) return out_of_order(shard.id, record.sequence, *shard.pushed);
    shard.pushed = record.sequence;
    writes_.push_set_aside(shard.handle, record.sequence);
  }
  return std::nullopt;
}

std::optional<JobFailure> ReplicationCore::cannot_read_on(Shard& shard, const Error& error,
                                                          source::ChangeStream::Loss loss) {
  if (!reads(shard)) return std::nullopt;
  if (loss == source::ChangeStream::Loss::kNone) return JobFailure{reason_for(error), error};
  shard.lost = loss;
  const model::Checkpoint reached = shard.pushed ? model::Checkpoint(model::AfterSequence{*shard.pushed}) : shard.from;
  if (!rights_.promised(shard.id, reached)) {
    log::info("a shard was trimmed before this replication began to read it", {{"shard", shard.id.str()}});
    return std::nullopt;
  }
  Error gap = error;
  gap.doing = "read shard";
  gap.resource = shard.id.str();
  gap.message = "its changes " + where(reached) + " are gone (the stream keeps its records for " +
                std::to_string(options_.retention.count()) +
                " hours): the target has missed them. Bring the tables in step (copy or "
                "compare and repair), then start with --on-trim continue to go on from the oldest change there is";
  if (options_.on_trim == ReplicateOptions::OnTrim::kStop) return JobFailure{Reason::kTrimmed, std::move(gap)};
  log::warning(to_line(gap));
  return std::nullopt;
}

/// The end of a shard is the one barrier: its children may hold later changes of the same keys, and another process may
/// be the one to read them.
std::optional<ReplicationCore::Next> ReplicationCore::at_rest(const Shard& shard) const {
  if (reads(shard) || writes_.outstanding(shard.handle) > 0) return std::nullopt;
  if (shard.revoked == Revoked::kNo) return Next::kRetire;
  return shard.revoked == Revoked::kWindDown ? Next::kGiveBack : Next::kDrop;
}

void ReplicationCore::remove(Shard& shard) {
  of_handle_[shard.handle] = nullptr;
  writes_.remove_shard(shard.handle);
  shards_.remove_if([&](const Shard& candidate) { return &candidate == &shard; });
}

std::optional<model::SequenceNumber> ReplicationCore::give_back(Shard& shard) {
  const std::optional<model::SequenceNumber> safe = writes_.safe(shard.handle);
  remove(shard);
  return safe;
}

std::vector<SafeShard> ReplicationCore::take_safe() {
  std::vector<SafeShard> moved;
  for (Shard& shard : shards_) {
    const auto& safe = writes_.safe(shard.handle);
    if (shard.revoked == Revoked::kLost || shard.retires || !safe || safe == shard.told) continue;
    shard.told = safe;
    moved.push_back({.shard = shard.id, .sequence = *safe});
  }
  return moved;
}

std::vector<ReadUntil> ReplicationCore::read_until(SteadyTime steady, WallTime wall) const {
  std::vector<ReadUntil> read;
  for (const Shard& shard : shards_) {
    ReadUntil& until = read.emplace_back(ReadUntil{.shard = shard.id, .newest = shard.newest});
    if (!shard.pushed && !shard.ended && had_nothing(shard)) {
      until.empty_until = wall - std::chrono::duration_cast<WallTime::duration>(steady - shard.answered_at);
    }
  }
  return read;
}

std::vector<ShardId> ReplicationCore::unsettled() const {
  std::vector<ShardId> unsettled;
  for (const Shard& shard : shards_) {
    if (writes_.outstanding(shard.handle) > 0) unsettled.push_back(shard.id);
  }
  return unsettled;
}

bool ReplicationCore::had_nothing(const Shard& shard) { return shard.empty_answers >= kEmptyAnswersAtTip; }

bool ReplicationCore::caught_up(bool all_started) const {
  return all_started && writes_.counters().held() == 0 && std::ranges::all_of(shards_, had_nothing);
}

void ReplicationCore::listed_anew() {
  for (Shard& shard : shards_) shard.empty_answers_at_listing = shard.empty_answers;
}

/// Answers may be empty in the middle of a shard, and those that came before the listing know nothing of a shard that
/// ended meanwhile.
bool ReplicationCore::confirmed() const {
  return std::ranges::all_of(shards_, [](const Shard& shard) {
    return shard.empty_answers >= shard.empty_answers_at_listing + kEmptyAnswersAfterListing;
  });
}

}  // namespace dynamirror::jobs
