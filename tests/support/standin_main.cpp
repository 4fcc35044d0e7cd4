// SPDX-License-Identifier: Apache-2.0
//
// dynamodb_standin: the scripted DynamoDB as a process. Prints {"port":N} when it listens, and at SIGTERM or SIGINT
// what happened, as one line of JSON.
#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <iostream>
#include <sstream>

#include "support/dynamodb_standin.hpp"
#include "support/server_process.hpp"
#include "support/service_members.hpp"

namespace {

using namespace dynamirror::support;

/// "Orders:id" or "Orders:id:S:time:N" (types default to S).
std::optional<TableSpec> parse_table(const std::string& text) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ':');) parts.push_back(part);
  if (parts.size() < 2 || parts.size() > 5) return std::nullopt;
  TableSpec spec;
  spec.name = parts[0];
  spec.key.hash = {parts[1], parts.size() > 2 ? parts[2] : "S"};
  if (parts.size() > 3) spec.key.range = {parts[3], parts.size() > 4 ? parts[4] : "S"};
  return spec;
}

boost::json::object summary_of(const DynamoDbStandin& standin) {
  const auto statistics = standin.statistics();
  boost::json::array complaints;
  for (const std::string& line : standin.complaints()) complaints.emplace_back(line);
  return {{"requests", counts_of(statistics.requests)}, {"errors", counts_of(statistics.errors)},
          {"faults", counts_of(statistics.faults)},     {"complaints", complaints},
          {"connections", statistics.connections},      {"overlapping_writes", statistics.overlapping_writes},
          {"write_units", statistics.write_units}};
}

}  // namespace

int main(int argc, char** argv) {
  DynamoDbStandin::Options options;
  FaultPlan::Policy policy;
  std::vector<std::string> tables;
  std::vector<std::string> kinds;
  int shards = 1;
  bool no_signature = false;
  CLI::App app("A scripted DynamoDB with Streams for tests");
  app.add_option("--table", tables, "name:hash[:type[:range[:type]]], several times");
  app.add_option("--shards", shards, "open shards of each table's stream")->check(CLI::PositiveNumber);
  app.add_option("--region", options.service.region, "that requests must be signed for");
  app.add_option("--access-key", options.identities[0].access_key_id);
  app.add_option("--secret-key", options.identities[0].secret_access_key);
  app.add_option("--session-token", options.identities[0].session_token);
  app.add_flag("--no-signature", no_signature, "accept any credentials");
  app.add_option("--port", options.port, "0: a free one");
  app.add_option("--seed", policy.seed);
  app.add_option("--fault-rate", policy.rate)->check(CLI::Range(0.0, 1.0));
  app.add_option("--kinds", kinds, "kinds of faults; all that a client must survive by default")->delimiter(',');
  CLI11_PARSE(app, argc, argv);

  const auto parsed = parse_fault_kinds(kinds);
  if (!parsed) return std::cerr << parsed.error() << "\n", 2;
  policy.kinds = *parsed;
  options.check.verify_signature = !no_signature;
  options.service.seed = policy.seed;

  block_end_signals();
  DynamoDbStandin standin(options);
  for (const std::string& text : tables) {
    auto spec = parse_table(text);
    if (!spec) return std::cerr << "not a table: " << text << "\n", 2;
    spec->shards = shards;
    standin.add_table(*spec);
  }
  standin.set_fault_policy(policy);
  std::cout << "{\"port\":" << standin.port() << "}" << std::endl;
  wait_for_end_signal();
  std::cout << text_of(summary_of(standin)) << std::endl;
  return 0;
}
