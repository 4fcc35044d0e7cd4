// SPDX-License-Identifier: Apache-2.0
#include "app/options/kinesis_cluster.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>
#include <vector>

#include "app/options/options.hpp"

namespace dynamirror::app {
namespace {

constexpr std::int64_t kUnitsByDefault = 10;  // the library's, for the one of both that is not given
constexpr int kMostRecords = 10'000;          // Kinesis: of one GetRecords
constexpr int kLongestPauseMs = 240'000;      // an iterator lives five minutes

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) {
    return failure(ErrorClass::kInvalid, "read port", std::string(text), "a number from 1 to 65535 is wanted");
  }
  return port;
}

void add_capacity(CLI::App& app, KinesisClusterCommand& command, const std::string& flag,
                  std::int64_t aws::Throughput::* units) {
  app.add_option_function<std::int64_t>(
         flag,
         [&command, units](const std::int64_t& value) {
           if (!command.capacity) command.capacity = aws::Throughput{kUnitsByDefault, kUnitsByDefault};
           (*command.capacity).*units = value;
         },
         "units per second of a lease table that is made (10 when only the other is given; paid per request when none)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}))
      ->option_text("N");
}

/// bunyan's words, as a name or a number, and ours.
void add_log_level(CLI::App& app, log::Level& level) {
  add_choice<log::Level>(app, "--log-level", level,
                         {{"trace", log::Level::kDebug},
                          {"10", log::Level::kDebug},
                          {"debug", log::Level::kDebug},
                          {"20", log::Level::kDebug},
                          {"info", log::Level::kInfo},
                          {"30", log::Level::kInfo},
                          {"warn", log::Level::kWarning},
                          {"40", log::Level::kWarning},
                          {"warning", log::Level::kWarning},
                          {"error", log::Level::kError},
                          {"50", log::Level::kError},
                          {"fatal", log::Level::kError},
                          {"60", log::Level::kError},
                          {"off", log::Level::kOff}},
                         "trace, debug, info (default), warn, error or fatal", "LEVEL");
}

void add_what(CLI::App& app, KinesisClusterCommand& command) {
  app.add_option("--consumer", command.consumer, "accepted, and not run: what the replicator's file does is built in")
      ->option_text("FILE");
  app.add_option("--table", command.table, "table of the leases; made when there is none")
      ->required()
      ->option_text("NAME");
  app.add_option("--stream", command.stream, "Kinesis stream of the primary's changes")
      ->required()
      ->option_text("NAME");
  add_choice<bool>(app, "--start-at", command.from_latest, {{"trim_horizon", false}, {"latest", true}},
                   "where a shard without a checkpoint begins: trim_horizon (default) or latest", "POSITION");
  add_capacity(app, command, "--capacity.read", &aws::Throughput::read_units);
  add_capacity(app, command, "--capacity.write", &aws::Throughput::write_units);
  app.add_option("--aws.region", command.region, "region of the stream and of the leases (AWS_REGION)")
      ->option_text("REGION");
}

/// `--http` alone takes the port from the environment.
void add_http(CLI::App& app, KinesisClusterCommand& command) {
  app.add_option_function<std::vector<std::string>>(
         "--http",
         [&command](const std::vector<std::string>& values) {
           command.serves_http = true;
           const auto named = std::ranges::find_if(values, [](const std::string& value) { return !value.empty(); });
           if (named == values.end()) return;
           const auto port = parse_port(*named);
           if (!port) throw CLI::ValidationError("--http", to_line(port.error()));
           command.http_port = *port;
         },
         "answer whether replication goes on, over HTTP; PORT: the variable of that name")
      ->expected(0, 1)
      ->option_text("[PORT]");
}

}  // namespace

void add_kinesis_cluster_options(CLI::App& app, KinesisClusterCommand& command) {
  add_what(app, command);
  add_http(app, command);
  app.add_option("--dynamo-endpoint", command.dynamo_endpoint, "server of the lease table, in place of AWS")
      ->option_text("URL");
  app.add_option("--kinesis-endpoint", command.kinesis_endpoint, "server of the stream, in place of AWS")
      ->option_text("URL");
  app.add_option("--num-records", command.records_a_read, "most records of one read")
      ->check(CLI::Range(1, kMostRecords))
      ->option_text("N");
  app.add_option_function<int>(
         "--time-between-reads",
         [&command](const int& value) { command.time_between_reads = std::chrono::milliseconds(value); },
         "of one shard, in milliseconds (1000)")
      ->check(CLI::Range(0, kLongestPauseMs))
      ->option_text("MS");
  app.add_option(
         "--dead-letter", command.dead_letters,
         "file for changes that the replica refuses and records that are no changes (without it such a one ends "
         "the process); no flag of that library")
      ->option_text("FILE");
  add_log_level(app, command.common.log_level);
}

Status take_environment(KinesisClusterCommand& command, const aws::Environment& environment) {
  std::string missing;
  const auto take = [&](std::string_view name, std::string& value) {
    value = environment.variable(name).value_or("");
    if (value.empty()) missing += (missing.empty() ? "" : ", ") + std::string(name);
  };
  take("PrimaryRegion", command.primary_region);
  take("PrimaryTable", command.primary_table);
  take("ReplicaRegion", command.replica_region);
  take("ReplicaTable", command.replica_table);
  command.primary_endpoint = environment.variable("PrimaryEndpoint").value_or("");
  command.replica_endpoint = environment.variable("ReplicaEndpoint").value_or("");
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (command.region.empty()) command.region = environment.variable(name).value_or("");
  }
  if (command.serves_http && command.http_port == 0) {
    std::string text;
    take("PORT", text);
    auto port = text.empty() ? Result<std::uint16_t>(0) : parse_port(text);
    if (!port) {
      port.error().resource = "PORT=" + text;
      return std::unexpected(std::move(port.error()));
    }
    command.http_port = *port;
  }
  const bool local = !command.kinesis_endpoint.empty() && !command.dynamo_endpoint.empty();
  if (missing.empty() && command.region.empty() && !local) {
    return failure(ErrorClass::kInvalid, "find the stream", command.stream,
                   "no region is known; say --aws.region REGION, or set AWS_REGION");
  }
  if (missing.empty()) return {};
  return failure(ErrorClass::kInvalid, "read the environment", {},
                 "set " + missing + ", as the consumer file of dynamodb-replicator reads them");
}

std::string note_on_consumer(const KinesisClusterCommand& command) {
  if (command.consumer.empty()) return {};
  return command.consumer + " is not run: changes of " + command.primary_region + "/" + command.primary_table +
         " are replicated to " + command.replica_region + "/" + command.replica_table;
}

}  // namespace dynamirror::app
