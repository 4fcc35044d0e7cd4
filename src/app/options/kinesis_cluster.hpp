// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "app/options/command_line.hpp"
#include "aws/dynamodb/table_description.hpp"
#include "aws/environment.hpp"
#include "base/error.hpp"

namespace CLI {
class App;
}

namespace dynamirror::app {

/// `launch-kinesis-cluster`: the command line of the Kinesis client library for Node.js, and the environment from which
/// the first dynamodb-replicator's consumer file took its tables.
struct KinesisClusterCommand {
  std::string consumer;  ///< the consumer file, which is not run: what it does is built in
  std::string table;     ///< of the leases
  std::string stream;
  bool from_latest = false;                   ///< where shards begin that have no checkpoint; otherwise at TRIM_HORIZON
  std::optional<aws::Throughput> capacity{};  ///< of a lease table that is made; nothing: paid per request
  std::string region;                         ///< of the stream and the leases; empty: the environment's
  bool serves_http = false;
  std::uint16_t http_port = 0;
  std::string dynamo_endpoint;
  std::string kinesis_endpoint;
  std::optional<int> records_a_read{};                  ///< nothing: as many as Kinesis gives
  std::chrono::milliseconds time_between_reads{1'000};  ///< of one shard
  std::string primary_region;
  std::string primary_table;
  std::string replica_region;
  std::string replica_table;
  std::string primary_endpoint;  ///< PrimaryEndpoint, ReplicaEndpoint of later versions; empty: AWS
  std::string replica_endpoint;
  std::string dead_letters;  ///< our own: where changes go that the replica refuses; empty: such a one ends the process
  CommonOptions common;
};

/// Declares the flags. `command` is filled when the line is parsed, and lives as long as `app`.
void add_kinesis_cluster_options(CLI::App& app, KinesisClusterCommand& command);

/// What the environment adds to the line: both tables (PrimaryRegion, PrimaryTable, ReplicaRegion, ReplicaTable, and
/// the servers of each where PrimaryEndpoint and ReplicaEndpoint say so), AWS_REGION (AWS_DEFAULT_REGION) where no
/// region is given, and PORT for an --http without one. Errors: class invalid, naming all variables that are missing.
[[nodiscard]] Status take_environment(KinesisClusterCommand& command, const aws::Environment& environment);

/// What is to be said on stderr about the consumer file.
[[nodiscard]] std::string note_on_consumer(const KinesisClusterCommand& command);

}  // namespace dynamirror::app
