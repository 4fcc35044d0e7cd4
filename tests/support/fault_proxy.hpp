// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "http/transport.hpp"
#include "support/faults.hpp"

namespace dynamirror::support {

/// An HTTP proxy between a client and a real DynamoDB (DynamoDB Local), both plain HTTP, that makes every kind of fault
/// the stand-in knows: correctness under faults against AWS's own code. Requests go on unchanged but for batches of
/// which a part is held back, to be returned as UnprocessedItems; signatures then no longer fit, which DynamoDB Local
/// does not check.
///
/// Thread-safe: serves on a thread of its own; every member may be called from any thread.
class FaultProxy {
 public:
  struct Options {
    std::string target_host = "127.0.0.1";  ///< an address, no name
    std::uint16_t target_port = 0;
    std::uint16_t port = 0;
    FaultPlan::Policy policy{};
  };
  explicit FaultProxy(Options options);
  ~FaultProxy();

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] http::Endpoint endpoint() const;

  void set_policy(FaultPlan::Policy policy);
  void fail_next(FaultPlan::Script script);
  void clear_faults();
  void drop_connections();

  struct Statistics {
    std::map<std::string, std::uint64_t> requests{};  ///< by operation
    std::map<FaultKind, std::uint64_t> faults{};
    std::uint64_t unreachable = 0;  ///< requests answered 502 because the server behind did not answer
  };
  [[nodiscard]] Statistics statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::support
