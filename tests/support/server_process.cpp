// SPDX-License-Identifier: Apache-2.0
#include "support/server_process.hpp"

#include <csignal>

namespace dynamirror::support {
namespace {

sigset_t end_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

void block_end_signals() {
  const sigset_t signals = end_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void wait_for_end_signal() {
  const sigset_t signals = end_signals();
  int received = 0;
  sigwait(&signals, &received);
}

std::expected<std::vector<FaultKind>, std::string> parse_fault_kinds(const std::vector<std::string>& names) {
  if (names.empty()) return survivable_fault_kinds();
  std::vector<FaultKind> kinds;
  for (const std::string& name : names) {
    const auto kind = parse_fault_kind(name);
    if (!kind) {
      std::string known;
      for (const FaultKind each : all_fault_kinds()) known += " " + std::string(to_string(each));
      return std::unexpected("unknown kind of fault " + name + "; there are:" + known);
    }
    kinds.push_back(*kind);
  }
  return kinds;
}

boost::json::object counts_of(const std::map<std::string, std::uint64_t>& counts) {
  boost::json::object object;
  for (const auto& [name, count] : counts) object[name] = count;
  return object;
}

boost::json::object counts_of(const std::map<FaultKind, std::uint64_t>& counts) {
  boost::json::object object;
  for (const auto& [kind, count] : counts) {
    const std::string_view name = to_string(kind);
    object[boost::json::string_view(name.data(), name.size())] = count;
  }
  return object;
}

}  // namespace dynamirror::support
