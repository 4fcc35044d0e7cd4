// SPDX-License-Identifier: Apache-2.0
//
// fault_proxy: the proxy as a process, between dynamirror and a DynamoDB Local. Prints {"port":N} when it listens, and
// at SIGTERM or SIGINT the requests and the faults, as one line of JSON.
#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <iostream>

#include "support/fault_proxy.hpp"
#include "support/server_process.hpp"
#include "support/service_members.hpp"

int main(int argc, char** argv) {
  using namespace dynamirror::support;
  FaultProxy::Options options;
  std::string target;
  std::vector<std::string> kinds;
  std::vector<std::string> operations;
  std::int64_t min_delay_ms = 0;
  std::int64_t max_delay_ms = 0;
  CLI::App app("An HTTP proxy in front of a DynamoDB that makes faults");
  app.add_option("--target", target, "http://ADDRESS:PORT")->required();
  app.add_option("--port", options.port, "0: a free one");
  app.add_option("--seed", options.policy.seed);
  app.add_option("--fault-rate", options.policy.rate)->check(CLI::Range(0.0, 1.0));
  app.add_option("--kinds", kinds, "kinds of faults; all that a client must survive by default")->delimiter(',');
  app.add_option("--operations", operations, "only these, e.g. BatchWriteItem,GetRecords")->delimiter(',');
  app.add_option("--min-delay-ms", min_delay_ms)->check(CLI::NonNegativeNumber);
  app.add_option("--max-delay-ms", max_delay_ms)->check(CLI::NonNegativeNumber);
  CLI11_PARSE(app, argc, argv);

  const auto url = dynamirror::http::parse_url(target);
  if (!url || url->endpoint.tls) return std::cerr << "not http://ADDRESS:PORT: " << target << "\n", 2;
  const auto parsed = parse_fault_kinds(kinds);
  if (!parsed) return std::cerr << parsed.error() << "\n", 2;
  options.target_host = url->endpoint.host == "localhost" ? "127.0.0.1" : url->endpoint.host;
  options.target_port = url->endpoint.port;
  options.policy.kinds = *parsed;
  options.policy.operations = {operations.begin(), operations.end()};
  options.policy.min_latency = std::chrono::milliseconds(min_delay_ms);
  options.policy.max_latency = std::chrono::milliseconds(std::max(min_delay_ms, max_delay_ms));

  block_end_signals();
  FaultProxy proxy(options);
  std::cout << "{\"port\":" << proxy.port() << "}" << std::endl;
  wait_for_end_signal();
  const auto statistics = proxy.statistics();
  std::cout << text_of({{"requests", counts_of(statistics.requests)},
                        {"faults", counts_of(statistics.faults)},
                        {"unreachable", statistics.unreachable}})
            << std::endl;
  return 0;
}
