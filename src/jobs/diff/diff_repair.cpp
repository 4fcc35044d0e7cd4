// SPDX-License-Identifier: Apache-2.0
#include "jobs/diff/diff_repair.hpp"

#include <utility>

#include "async/retry.hpp"
#include "base/log.hpp"

namespace dynamirror::jobs {
namespace {

constexpr int kMaxRounds = 8;

/// Another round may help: the item has changed, or nobody knows whether it was written.
bool worth_another_round(const Error& error) { return error.error_class == ErrorClass::kConflict || error.retryable(); }

constexpr async::RetryPolicy kRounds{
    .max_attempts = async::RetryPolicy::kUnlimited,  // the rounds are counted
    .backoff = {.base = std::chrono::milliseconds(20), .cap = std::chrono::milliseconds(1'000)},
    .give_up_after = std::nullopt,
    .worth_another = worth_another_round};

/// This one item cannot be written: no reason to leave out the others.
bool is_refusal(const Error& error) { return error.error_class == ErrorClass::kInvalid; }

}  // namespace

RepairOutcome DiffRepairer::refused(const std::string& key_json, const Error& error) const {
  log::warning("the replica does not take an item", {{"key", key_json}, {"error", to_line(error)}});
  return RepairOutcome::kRefused;
}

async::Task<Result<RepairOutcome>> DiffRepairer::repair(std::string key_json) {
  return run(std::move(key_json), RepairOutcome::kEqual);
}

async::Task<Result<RepairOutcome>> DiffRepairer::repair_missing(std::string key_json, std::string item_json) {
  aws::ItemCondition absent = aws::still_absent(key_);
  const Status written = co_await replica_.put(std::move(item_json), std::move(absent));
  if (!written && is_refusal(written.error())) co_return refused(key_json, written.error());
  if (!written && !worth_another_round(written.error())) co_return std::unexpected(written.error());
  co_return co_await run(std::move(key_json), written ? RepairOutcome::kPut : RepairOutcome::kEqual);
}

async::Task<Result<RepairOutcome>> DiffRepairer::run(std::string key_json, RepairOutcome written) {
  async::Retry retry(kRounds, random_);
  for (int round = 0; round < kMaxRounds; ++round) {
    auto pair = co_await looker_.look(key_json);
    if (!pair) co_return std::unexpected(std::move(pair.error()));
    if (!*pair) co_return written;
    const RepairOutcome wanted =
        (*pair)->kind() == DiffKind::kExtraneous ? RepairOutcome::kDeleted : RepairOutcome::kPut;
    const Status status = co_await bring(key_json, std::move(**pair));
    if (!status && is_refusal(status.error())) co_return refused(key_json, status.error());
    // A write without an answer may have been done: what the next look finds is counted as ours.
    if (status || !status.error().not_applied) written = wanted;
    if (status) continue;
    const bool again = co_await retry.again(status.error());
    if (!again) co_return std::unexpected(status.error());
  }
  const auto pair = co_await looker_.look(key_json);
  if (!pair) co_return std::unexpected(pair.error());
  co_return *pair ? RepairOutcome::kChanging : written;
}

async::Task<Status> DiffRepairer::bring(std::string key_json, DiffPair pair) {
  if (pair.replica_json.empty()) {
    aws::ItemCondition absent = aws::still_absent(key_);
    co_return co_await replica_.put(std::move(pair.primary_json), std::move(absent));
  }
  auto unchanged = aws::still_as(pair.replica_json, pair.primary_json);
  if (!unchanged) co_return std::unexpected(std::move(unchanged.error()));
  if (pair.primary_json.empty()) co_return co_await replica_.remove(std::move(key_json), std::move(*unchanged));
  co_return co_await replica_.put(std::move(pair.primary_json), std::move(*unchanged));
}

}  // namespace dynamirror::jobs
