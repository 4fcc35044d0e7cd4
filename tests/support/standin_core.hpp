// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/dynamodb_standin.hpp"
#include "support/wire_server.hpp"

namespace dynamirror::support {

/// What a DynamoDbStandin does with one request: check, fault, operation, answer. Everything in it belongs to the
/// holder of its lock; the server's thread takes it for one request at a time and never while it waits.
class StandinCore {
 public:
  struct State {
    Service service;
    RequestCheck check;
    FaultPlan faults{};
    std::chrono::seconds clock_offset{0};
    DynamoDbStandin::Statistics statistics{};
    std::vector<std::string> complaints{};
    std::map<std::string, int> unanswered{};  ///< writes applied whose answer is still under way, by table and key
    std::uint64_t answers = 0;

    /// REQUIRES: the table exists.
    TableState& table(const std::string& name);
    /// The latest stream, enabled or not. REQUIRES: there is one.
    StreamLog& stream(const std::string& table_name);
    std::string canonical_key(const std::string& table_name, std::string_view key);
  };

  /// Holds the lock while it lives.
  class Locked {
   public:
    Locked(std::mutex& mutex, State& state) : lock_(mutex), state_(state) {}
    State* operator->() { return &state_; }

   private:
    std::scoped_lock<std::mutex> lock_;
    State& state_;
  };

  explicit StandinCore(DynamoDbStandin::Options options);

  [[nodiscard]] Locked locked() { return {mutex_, state_}; }

  /// On the server's thread.
  [[nodiscard]] async::Task<WireReply> serve(WireRequest request);

  const std::uint16_t port;

 private:
  WireReply answer(const WireRequest& request);
  WireReply perform(const std::string& target, std::string_view operation, const std::string& body,
                    std::optional<FaultKind> fault);
  WireReply reply_with(int status, std::string body);
  WireReply refusal(const ServiceError& error, std::string_view operation);
  void note_unanswered(WireReply& reply);

  std::mutex mutex_;
  State state_;
};

}  // namespace dynamirror::support
