// SPDX-License-Identifier: Apache-2.0
// `dynamirror launch-kinesis-cluster`: the command line of the Kinesis client
// library for Node.js, under which the first dynamodb-replicator ran, and the
// environment that its consumer file read; so that a replica goes on under our
// binary with nothing but another program name, from the leases that are there.
#include <memory>
#include <string>
#include <utility>

#include "app/cli/replicate_command.hpp"
#include "app/options/kinesis_cluster.hpp"
#include "app/options/options.hpp"
#include "aws/environment.hpp"
#include "base/log.hpp"

namespace dynamirror::app {
namespace {

struct LaunchCommand {
  KinesisClusterCommand line;
  bool old_words = false;  ///< there are no others
  CommonOptions common;
};

service::TableOptions table_of(const std::string& endpoint, const std::string& region, const std::string& table,
                               const std::string& side) {
  service::TableOptions options{.address = (endpoint.empty() ? region : endpoint) + "/" + table, .region = region};
  options.side.side = side;
  return options;
}

service::ChangesOptions changes_of(const KinesisClusterCommand& line) {
  service::ChangesOptions changes;
  changes.address = line.kinesis_endpoint.empty() ? "kinesis:" + line.region + "/" + line.stream
                                                  : line.kinesis_endpoint + "/" + line.stream;
  changes.side.side = "changes";
  if (!line.kinesis_endpoint.empty()) changes.side.region = line.region;
  changes.records_a_read = line.records_a_read;
  changes.between_reads = line.time_between_reads;
  return changes;
}

service::LeaseOptions leases_of(const KinesisClusterCommand& line) {
  service::LeaseOptions leases;
  leases.wanted = true;
  leases.table = line.table;
  leases.region = line.region;
  leases.endpoint = line.dynamo_endpoint;
  leases.node = service::NodeLeaseOptions{.throughput = line.capacity};
  return leases;
}

ExitCode run_launch(const LaunchCommand& command) {
  using Position = ordering::ShardGraph::InitialPosition;
  KinesisClusterCommand line = command.line;
  if (auto complete = take_environment(line, aws::process_environment()); !complete) return fail(complete.error());
  if (const std::string note = note_on_consumer(line); !note.empty()) log::warning(note);
  ReplicateCommand replicate;
  replicate.common = line.common;
  if (line.serves_http) replicate.http_port = line.http_port;
  service::ReplicationOptions& options = replicate.replication;
  options.source = table_of(line.primary_endpoint, line.primary_region, line.primary_table, "source");
  options.target = table_of(line.replica_endpoint, line.replica_region, line.replica_table, "target");
  options.changes = changes_of(line);
  options.leases = leases_of(line);
  options.cloudwatch = false;
  options.job.start = line.from_latest ? Position::kLatest : Position::kTrimHorizon;
  options.job.idle_poll = line.time_between_reads;
  // As the library does. What is told by key does no harm when it is read again, and a gap is warned of.
  options.job.on_trim = jobs::ReplicateOptions::OnTrim::kContinue;
  options.files.dead_letters = line.dead_letters;
  return run_replicate(replicate);
}

}  // namespace

void add_kinesis_cluster_command(CLI::App& app, Run& chosen) {
  auto command = std::make_shared<LaunchCommand>();
  CLI::App& launch = *app.add_subcommand("launch-kinesis-cluster",
                                         "replicate as dynamodb-replicator does under the "
                                         "Kinesis library for Node.js: its flags, its leases");
  add_kinesis_cluster_options(launch, command->line);
  add_old_words(launch, command->old_words);
  launch.footer(
      "The tables are those of the environment: PrimaryRegion, "
      "PrimaryTable, ReplicaRegion, ReplicaTable.");
  on_chosen(launch, command, chosen, run_launch);
}

}  // namespace dynamirror::app
