// SPDX-License-Identifier: Apache-2.0
#include "support/faults.hpp"

#include <algorithm>
#include <array>

namespace dynamirror::support {
namespace {

struct Named {
  FaultKind kind;
  std::string_view name;
};

constexpr std::array<Named, 17> kNames{{
    {FaultKind::kInternalError, "internal-error"},
    {FaultKind::kUnavailableHtml, "unavailable-html"},
    {FaultKind::kProvisionedThroughput, "provisioned-throughput"},
    {FaultKind::kThrottling, "throttling"},
    {FaultKind::kLimitExceeded, "limit-exceeded"},
    {FaultKind::kUnprocessedSome, "unprocessed-some"},
    {FaultKind::kUnprocessedAll, "unprocessed-all"},
    {FaultKind::kCloseBefore, "close-before"},
    {FaultKind::kCloseAfter, "close-after"},
    {FaultKind::kHalfAnswer, "half-answer"},
    {FaultKind::kWrongCrc, "wrong-crc"},
    {FaultKind::kExpiredToken, "expired-token"},
    {FaultKind::kExpiredIterator, "expired-iterator"},
    {FaultKind::kEmptyPage, "empty-page"},
    {FaultKind::kSlow, "slow"},
    {FaultKind::kFreeze, "freeze"},
    {FaultKind::kAccessDenied, "access-denied"},
}};

bool one_of(std::string_view operation, std::initializer_list<std::string_view> operations) {
  return std::find(operations.begin(), operations.end(), operation) != operations.end();
}

}  // namespace

std::string_view to_string(FaultKind kind) {
  for (const Named& each : kNames) {
    if (each.kind == kind) return each.name;
  }
  return "unknown";
}

std::optional<FaultKind> parse_fault_kind(std::string_view text) {
  for (const Named& each : kNames) {
    if (each.name == text) return each.kind;
  }
  return std::nullopt;
}

const std::vector<FaultKind>& all_fault_kinds() {
  static const std::vector<FaultKind> kinds = [] {
    std::vector<FaultKind> all;
    for (const Named& each : kNames) all.push_back(each.kind);
    return all;
  }();
  return kinds;
}

const std::vector<FaultKind>& survivable_fault_kinds() {
  static const std::vector<FaultKind> kinds = [] {
    std::vector<FaultKind> some = all_fault_kinds();
    std::erase(some, FaultKind::kFreeze);
    std::erase(some, FaultKind::kAccessDenied);
    return some;
  }();
  return kinds;
}

bool applies_to(FaultKind kind, std::string_view operation) {
  switch (kind) {
    case FaultKind::kUnprocessedSome:
    case FaultKind::kUnprocessedAll:
      return operation == "BatchWriteItem";
    case FaultKind::kExpiredIterator:
    case FaultKind::kEmptyPage:
      return operation == "GetRecords";
    case FaultKind::kProvisionedThroughput:
      return one_of(operation, {"BatchWriteItem", "PutItem", "DeleteItem", "GetItem", "Scan", "GetRecords"});
    case FaultKind::kLimitExceeded:
      return one_of(operation, {"GetRecords", "DescribeStream", "CreateTable", "UpdateTable"});
    default:
      return true;
  }
}

void FaultPlan::set_policy(Policy policy) {
  policy_ = std::move(policy);
  random_ = Random(policy_.seed);
}

void FaultPlan::clear() {
  scripts_.clear();
  policy_ = {};
}

std::optional<FaultKind> FaultPlan::next(std::string_view operation) {
  auto kind = scripted(operation);
  if (!kind) kind = drawn(operation);
  if (kind) ++counts_[*kind];
  return kind;
}

std::optional<FaultKind> FaultPlan::scripted(std::string_view operation) {
  for (auto script = scripts_.begin(); script != scripts_.end(); ++script) {
    const bool named = script->operation == operation;
    if (!named && !(script->operation.empty() && applies_to(script->kind, operation))) continue;
    if (script->after > 0) {
      --script->after;
      continue;
    }
    const FaultKind kind = script->kind;
    if (--script->times == 0) scripts_.erase(script);
    return kind;
  }
  return std::nullopt;
}

std::optional<FaultKind> FaultPlan::drawn(std::string_view operation) {
  if (policy_.rate <= 0) return std::nullopt;
  if (!policy_.operations.empty() && !policy_.operations.contains(std::string(operation))) return std::nullopt;
  if (!random_.chance(policy_.rate)) return std::nullopt;
  // Of those that happened least: so each happens, however few requests there are.
  std::vector<FaultKind> possible;
  std::uint64_t least = 0;
  for (const FaultKind kind : policy_.kinds) {
    if (!applies_to(kind, operation)) continue;
    const auto found = counts_.find(kind);
    const std::uint64_t happened = found == counts_.end() ? 0 : found->second;
    if (possible.empty() || happened < least) {
      possible.clear();
      least = happened;
    }
    if (happened == least) possible.push_back(kind);
  }
  if (possible.empty()) return std::nullopt;
  return possible[random_.below(possible.size())];
}

std::chrono::microseconds FaultPlan::next_latency() {
  const auto range = (policy_.max_latency - policy_.min_latency).count();
  if (range <= 0) return policy_.min_latency;
  return policy_.min_latency + std::chrono::microseconds(random_.below(static_cast<std::uint64_t>(range) + 1));
}

}  // namespace dynamirror::support
