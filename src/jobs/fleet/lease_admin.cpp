// SPDX-License-Identifier: Apache-2.0
#include "jobs/fleet/lease_admin.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "async/retry.hpp"
#include "base/text.hpp"
#include "model/checkpoint.hpp"

namespace dynamirror::jobs {
namespace {

using coordination::Lease;
using coordination::LeaseStore;
using coordination::LeaseWrite;
using Kind = LeaseAction::Kind;

constexpr std::chrono::seconds kAttemptTime{10};
constexpr async::RetryPolicy kActing{.max_attempts = 6,
                                     .backoff = {.base = std::chrono::milliseconds(50),
                                                 .cap = std::chrono::milliseconds(200),
                                                 .least = std::chrono::milliseconds(25)},
                                     .give_up_after = std::nullopt};
constexpr std::size_t kMostDigits = 40;  // of a sequence number

bool is_done(const LeaseAction& action, const std::optional<Lease>& row) {
  if (action.kind == Kind::kRemove || !row) return !row;
  const bool free = row->owner.empty() && row->checkpoint_owner.empty();
  return free && (action.kind == Kind::kRelease || row->checkpoint == action.checkpoint);
}

/// Whether a row that has changed since it was read is still what the operator meant.
bool is_still_meant(const LeaseAction& action, const Lease& as_read, const Lease& now) {
  if (action.insist) return true;
  if (now.owner != as_read.owner) return false;
  return action.kind == Kind::kRelease || (now.owner.empty() && now.checkpoint == as_read.checkpoint);
}

std::string done_text(const LeaseAction& action, const Lease& was) {
  const std::string owner = was.owner.empty() ? "nobody's" : was.owner + "'s";
  switch (action.kind) {
    case Kind::kRelease:
      return "released (was " + owner + ")";
    case Kind::kSetCheckpoint:
      return "set to " + action.checkpoint + " (was " + owner + ", at " + was.checkpoint + ")";
    case Kind::kRemove:
      return "removed (was " + owner + ", at " + was.checkpoint + ")";
  }
  return {};
}

LeaseActionResult left_alone(const Lease& as_read, const std::optional<Lease>& now) {
  if (!now) return {.done = false, .said = "left alone: it is gone"};
  if (now->owner != as_read.owner) {
    return {.done = false, .said = "left alone: " + (now->owner.empty() ? "nobody" : now->owner) + " has it now"};
  }
  return {.done = false,
          .said = "left alone: " + (now->owner.empty() ? "somebody else" : now->owner) + " has changed it meanwhile"};
}

}  // namespace

Result<std::vector<Lease>> select_leases(std::span<const Lease> rows, const LeaseSelection& selection,
                                         const std::string& table) {
  std::vector<Lease> selected;
  for (const Lease& lease : rows) {
    const bool of_owner =
        !selection.owner.empty() && (lease.owner == selection.owner || lease.checkpoint_owner == selection.owner);
    if (selection.all || of_owner || (!selection.key.empty() && lease.key == selection.key)) selected.push_back(lease);
  }
  if (selected.empty() && !selection.key.empty()) {
    return failure(ErrorClass::kNotFound, "find lease " + selection.key, table,
                   "there is no such lease; `dynamirror leases list` shows all");
  }
  if (selected.empty() && !selection.owner.empty()) {
    return failure(ErrorClass::kNotFound, "find leases of worker " + selection.owner, table,
                   "it has none; `dynamirror leases list` shows all");
  }
  std::ranges::sort(selected, {}, &Lease::key);
  return selected;
}

Result<std::string> parse_reset_position(std::string_view text) {
  const std::string word = to_lower(text);
  if (word == "trim-horizon" || word == "trim_horizon") return model::to_string(model::TrimHorizon{});
  if (word == "latest") return model::to_string(model::Latest{});
  const auto sequence = model::SequenceNumber::parse(text);
  if (sequence && text.size() <= kMostDigits) return std::string(text);
  return failure(ErrorClass::kInvalid, "read position", std::string(text),
                 "must be trim-horizon, latest, or a sequence number (up to 40 digits)");
}

Status check_positions(std::span<const Lease> leases, const std::string& table) {
  for (const Lease& lease : leases) {
    if (lease.key.find('/') == std::string::npos) continue;  // no shard has one, every segment has
    return failure(ErrorClass::kInvalid, "set the checkpoint of lease " + lease.key, table,
                   "it is no shard's (it belongs to a copy or backup); start that over with `leases reset --all "
                   "--delete`");
  }
  return {};
}

LeaseWrite write_for(const LeaseAction& action, const Lease& as_read) {
  LeaseWrite write{
      .kind = LeaseWrite::Kind::kRelease, .key = as_read.key, .counter = as_read.counter, .from = as_read.owner};
  if (action.kind == Kind::kSetCheckpoint) write.checkpoint = action.checkpoint;
  if (action.kind == Kind::kRemove) write.kind = LeaseWrite::Kind::kRemove;
  return write;
}

async::Task<Result<LeaseActionResult>> act_on_lease(LeaseActing acting, Lease as_read, LeaseAction action) {
  std::optional<Lease> row = as_read;
  async::Retry retry(kActing, acting.random);
  for (bool again = true; again; again = co_await retry.again()) {
    LeaseWrite write = write_for(action, *row);
    const SteadyTime not_after = acting.clock.steady_now() + kAttemptTime;
    const auto outcome = co_await acting.store.write(std::move(write), not_after);
    if (!outcome && !outcome.error().retryable()) co_return std::unexpected(outcome.error());
    if (outcome && *outcome == LeaseStore::Outcome::kDone) {
      co_return LeaseActionResult{.done = true, .said = done_text(action, *row)};
    }
    auto now = co_await acting.store.get(as_read.key);
    if (!now) co_return std::unexpected(std::move(now.error()));
    // A write whose answer was lost may have had its effect.
    if (is_done(action, *now)) co_return LeaseActionResult{.done = true, .said = done_text(action, *row)};
    if (!*now || !is_still_meant(action, as_read, **now)) co_return left_alone(as_read, *now);
    row = std::move(*now);
  }
  co_return LeaseActionResult{.done = false, .said = "left alone: it changed with every attempt"};
}

}  // namespace dynamirror::jobs
