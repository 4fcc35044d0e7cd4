// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "jobs/replication_impl.hpp"

namespace dynamirror::jobs {
namespace {

constexpr std::string_view kTrimmedData = "TrimmedDataAccessException";

bool is_trim(const Error& error) { return error.code == kTrimmedData || error.error_class == ErrorClass::kNotFound; }
/// The shard itself is no longer known to the service, not only its oldest records.
bool is_shard_gone(const Error& error) { return is_trim(error) && error.code != kTrimmedData; }

std::string where(const model::Checkpoint& checkpoint) {
  return std::holds_alternative<model::AfterSequence>(checkpoint) ? "after " + model::to_string(checkpoint)
                                                                  : "from its first record on";
}

}  // namespace

/// REQUIRES: `shard` stays in `active` until this ends; it is removed as the last act.
async::Task<> Replication::Impl::read_shard(ActiveShard& shard) {
  const std::optional<Error> trouble = co_await read_to_end(shard);
  if (failure) co_return;
  if (trouble && !may_skip(shard, *trouble)) co_return;
  // The end of a shard is the one barrier: its children may hold later changes of the same keys, and another process
  // may be the one to read them.
  while (buffer.outstanding(shard.handle) > 0) co_await pump.settled().wait();
  retire(shard, trouble);
}

/// Nothing when the shard has been read to its end (or the job has failed); otherwise why it cannot be read on.
async::Task<std::optional<Error>> Replication::Impl::read_to_end(ActiveShard& shard) {
  while (!shard.ended) {
    shard.waits_for_room = true;
    while (!buffer.has_room()) co_await pump.room().wait();
    shard.waits_for_room = false;
    shard.asked_at = parts.clock.steady_now();

    auto page = co_await shard.reader.next();
    if (!page) co_return std::move(page.error());
    shard.empty_answers = page->empty_answers;
    shard.ended = page->shard_ended;
    if (!push_page(shard, std::move(page->changes))) co_return std::nullopt;
  }
  co_return std::nullopt;
}

bool Replication::Impl::push_page(ActiveShard& shard, std::vector<model::Change> changes) {
  if (changes.empty()) return true;
  const WallTime now = parts.clock.wall_now();
  for (model::Change& change : changes) {
    if (shard.pushed && change.sequence() <= *shard.pushed) {
      fail({ExitCode::kInternal, Error{.error_class = ErrorClass::kFatal,
                                       .doing = "read shard",
                                       .resource = shard.id.str(),
                                       .code = {},
                                       .message = "the stream answered record " + change.sequence().str() + " after " +
                                                  shard.pushed->str() + "; order cannot be kept"}});
      return false;
    }
    shard.pushed = change.sequence();
    const bool rejected = std::any_of(filters.begin(), filters.end(),
                                      [&](const auto& filter) { return filter->rejects(change, now).has_value(); });
    if (rejected) {
      buffer.push_filtered(shard.handle, change.sequence());
    } else {
      buffer.push(shard.handle, std::move(change));
    }
  }
  pump.changes_arrived();
  return true;
}

/// Decides what to do about a shard that cannot be read on. True: skip what is lost; otherwise the job has failed.
bool Replication::Impl::may_skip(const ActiveShard& shard, const Error& error) {
  if (!is_trim(error)) {
    fail({exit_code_for(error), error});
    return false;
  }
  const model::Checkpoint reached = shard.pushed ? model::Checkpoint(model::AfterSequence{*shard.pushed}) : shard.from;
  const bool promised = !first_shards.contains(shard.id) || !std::holds_alternative<model::TrimHorizon>(reached);
  if (!promised) {
    log::info("a shard was trimmed before this replication began to read it", {{"shard", shard.id.str()}});
    return true;
  }
  Error gap = error;
  gap.doing = "read shard";
  gap.resource = shard.id.str();
  gap.message = "its changes " + where(reached) +
                " are gone (a stream keeps 24 hours): the target has missed them. Bring the tables in step (copy or "
                "compare and repair), then start with --on-trim continue to go on from the oldest change there is";
  if (options.on_trim == ReplicateOptions::OnTrim::kStop) {
    fail({ExitCode::kTrimmed, std::move(gap)});
    return false;
  }
  log::warning(to_line(gap));
  return true;
}

/// Makes the end of a shard (or the loss of its oldest records) durable, and starts what waited for it.
void Replication::Impl::retire(ActiveShard& shard, const std::optional<Error>& trimmed) {
  const bool ended = !trimmed || is_shard_gone(*trimmed);
  const model::Checkpoint last = ended ? model::Checkpoint(model::ShardEnd{}) : model::TrimHorizon{};
  if (!save({{.shard = shard.id, .parents = parents_of[shard.id], .checkpoint = last}})) return;
  if (trimmed) {
    graph->skip_trimmed(shard.id, is_shard_gone(*trimmed));
  } else {
    graph->finished(shard.id);
  }
  log::debug(ended ? "shard finished" : "shard restarts at its oldest record", {{"shard", shard.id.str()}});
  buffer.remove_shard(shard.handle);
  active.remove_if([&](const ActiveShard& candidate) { return &candidate == &shard; });
  list_now.notify();
  start_readable();
}

}  // namespace dynamirror::jobs
