// SPDX-License-Identifier: Apache-2.0
#include "jobs/diff/diff_verify.hpp"

#include <algorithm>
#include <utility>

#include "jobs/segments/diff_parallel.hpp"
#include "model/item_difference.hpp"

namespace dynamirror::jobs {
async::Task<Result<std::optional<DiffPair>>> DiffVerifier::look(std::string key_json) {
  auto replica = co_await replica_.get(key_json);
  if (!replica) co_return std::unexpected(std::move(replica.error()));
  auto primary = co_await primary_.get(key_json);
  if (!primary) co_return std::unexpected(std::move(primary.error()));
  DiffPair pair{.primary_json = std::move(*primary).value_or(""), .replica_json = std::move(*replica).value_or("")};
  const auto left = digest_of(pair.primary_json);
  if (!left) co_return unreadable_item(left.error(), key_json);
  const auto right = digest_of(pair.replica_json);
  if (!right) co_return unreadable_item(right.error(), key_json);
  if (*left == *right) co_return std::nullopt;
  co_return std::move(pair);
}

Result<std::optional<model::ItemDigest>> DiffVerifier::digest_of(const std::string& item_json) {
  if (item_json.empty()) return std::nullopt;
  const auto digest = digester_.digest(item_json);
  if (!digest) return std::unexpected(digest.error());
  return *digest;
}

async::Task<Status> DiffVerifier::look_again(Key& key) {
  auto pair = co_await look(key.json);
  if (!pair) co_return std::unexpected(std::move(pair.error()));
  if (!*pair) {
    key.state = Key::State::kEqual;
    key.changed = true;
    co_return Status{};
  }
  const auto primary = digest_of((*pair)->primary_json);
  const auto replica = digest_of((*pair)->replica_json);
  key.replica_moved |= *replica != key.replica;
  key.changed = *primary != key.primary || *replica != key.replica;
  key.primary = *primary;
  key.replica = *replica;
  key.state = key.changed ? Key::State::kWaiting : Key::State::kLasting;
  key.finding = {.kind = (*pair)->kind(), .key_json = key.json};
  if (key.finding.kind == DiffKind::kDifferent) {
    auto names = model::item_difference(digester_, (*pair)->primary_json, (*pair)->replica_json);
    if (names) key.finding.attributes = std::move(*names);
  }
  co_return Status{};
}

async::Task<Status> DiffVerifier::settle_after(SteadyTime read_at) {
  while (!stop_.requested()) {  // ends with the pause
    const Duration left = read_at + options_.settle - clock_.steady_now();
    if (left <= Duration::zero()) co_return Status{};
    co_await stop_.changed().wait_for(left);
  }
  co_return failure(ErrorClass::kConflict, "compare", primary_.resource(), "stopped as asked before the end");
}

async::Task<Result<DiffVerifier::Verdicts>> DiffVerifier::verify(std::vector<DiffSuspect> suspects,
                                                                 SteadyTime seen_until) {
  std::vector<Key> keys;
  keys.reserve(suspects.size());
  for (DiffSuspect& suspect : suspects) {
    keys.push_back({.json = std::move(suspect.key_json), .primary = suspect.primary, .replica = suspect.replica});
  }
  suspects = {};

  Verdicts verdicts;
  for (int round = 0; round < options_.max_rounds && !keys.empty(); ++round) {
    Status status = co_await settle_after(seen_until);
    if (status) {
      const auto verify_again = [this, &keys](std::size_t i) { return look_again(keys[i]); };
      status = co_await for_each_in_parallel(keys.size(), options_.width, verify_again);
    }
    if (!status) co_return std::unexpected(std::move(status.error()));
    seen_until = clock_.steady_now();

    const bool quiet = std::none_of(keys.begin(), keys.end(), [](const Key& key) { return key.changed; });
    const bool trusted = round > 0 || quiet;
    std::vector<Key> again;
    for (Key& key : keys) {
      if (key.state == Key::State::kLasting && trusted) {
        verdicts.findings.push_back(std::move(key.finding));
      } else if (key.state != Key::State::kEqual) {
        again.push_back(std::move(key));
      }
    }
    keys = std::move(again);
  }
  for (Key& key : keys) {
    if (key.replica_moved) {
      verdicts.changing.push_back(std::move(key.json));
    } else {
      verdicts.findings.push_back(std::move(key.finding));
    }
  }
  co_return verdicts;
}

}  // namespace dynamirror::jobs
