// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"

namespace dynamirror::support {

/// What can go wrong with one request. "Before" and "after" say whether the request took effect.
enum class FaultKind {
  kInternalError,          ///< before; HTTP 500 InternalServerError
  kUnavailableHtml,        ///< before; HTTP 503 with a load balancer's HTML page
  kProvisionedThroughput,  ///< before; ProvisionedThroughputExceededException
  kThrottling,             ///< before; ThrottlingException
  kLimitExceeded,          ///< before; LimitExceededException
  kUnprocessedSome,        ///< BatchWriteItem: about half of the writes come back as UnprocessedItems
  kUnprocessedAll,         ///< BatchWriteItem: all of them
  kCloseBefore,            ///< before; the connection closes without an answer
  kCloseAfter,             ///< after; the connection closes without an answer
  kHalfAnswer,             ///< after; half of the answer, then the connection closes
  kWrongCrc,               ///< after; x-amz-crc32 does not fit the body
  kExpiredToken,           ///< before; ExpiredTokenException
  kExpiredIterator,        ///< GetRecords: ExpiredIteratorException
  kEmptyPage,              ///< GetRecords: no records although there are some; the next iterator stands where it was
  kSlow,                   ///< after; the answer is held back for `FaultPlan::kSlowAnswer`
  kFreeze,                 ///< before; never an answer
  kAccessDenied,           ///< before; AccessDeniedException
};

/// The spelling of the command lines and of the counts: "internal-error", "half-answer" …
[[nodiscard]] std::string_view to_string(FaultKind kind);
[[nodiscard]] std::optional<FaultKind> parse_fault_kind(std::string_view text);
[[nodiscard]] const std::vector<FaultKind>& all_fault_kinds();

/// Every kind that a client must survive without help and without waiting for a time-out: all but freeze and
/// access-denied.
[[nodiscard]] const std::vector<FaultKind>& survivable_fault_kinds();

/// Whether this kind can happen to this operation: iterators expire only in GetRecords, and so on.
[[nodiscard]] bool applies_to(FaultKind kind, std::string_view operation);

/// Decides for each request what goes wrong: scripted one-shots first, then a seeded policy.
/// Pure (same seed and same sequence of requests: same faults) and not thread-safe.
class FaultPlan {
 public:
  static constexpr std::chrono::milliseconds kSlowAnswer{700};

  struct Policy {
    std::uint64_t seed = 1;
    double rate = 0;                           ///< share of requests that meet a fault
    std::vector<FaultKind> kinds{};            ///< drawn from those that apply to the operation and happened least
    std::set<std::string> operations{};        ///< empty: every operation
    std::chrono::microseconds min_latency{0};  ///< of every answer
    std::chrono::microseconds max_latency{0};
  };

  /// Fails the requests number `after + 1` … `after + times` of `operation` that come from now on.
  struct Script {
    FaultKind kind = FaultKind::kInternalError;
    std::string operation{};  ///< empty: any that the kind applies to
    int times = 1;
    int after = 0;
  };

  void set_policy(Policy policy);
  void add(Script script) { scripts_.push_back(std::move(script)); }
  /// Ends policy and scripts; counts stay.
  void clear();

  /// Counts what it returns.
  [[nodiscard]] std::optional<FaultKind> next(std::string_view operation);
  [[nodiscard]] std::chrono::microseconds next_latency();

  /// Faults that happened, by kind.
  [[nodiscard]] const std::map<FaultKind, std::uint64_t>& counts() const { return counts_; }

 private:
  [[nodiscard]] std::optional<FaultKind> scripted(std::string_view operation);
  [[nodiscard]] std::optional<FaultKind> drawn(std::string_view operation);

  Policy policy_;
  Random random_{1};
  std::list<Script> scripts_;
  std::map<FaultKind, std::uint64_t> counts_;
};

}  // namespace dynamirror::support
