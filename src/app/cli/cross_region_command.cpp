// SPDX-License-Identifier: Apache-2.0
// `dynamirror cross-region`: the command line of awslabs' DynamoDB cross-region library, as it is, so that a running
// task goes on under our binary with nothing but another program name. What its flags mean, and which of them that tool
// reads and ignores, is its own CommandLineArgs and CommandLineInterface.
#include <memory>
#include <string>

#include "app/cli/replicate_command.hpp"
#include "app/options/options.hpp"

namespace dynamirror::app {
namespace {

struct CrossRegionCommand {
  std::string source_region;
  std::string source_table;
  std::string source_endpoint;
  std::string streams_endpoint;  ///< that tool ignores it: it reads the stream at the source's endpoint
  std::string target_region;
  std::string target_table;
  std::string target_endpoint;
  std::string lease_region;
  std::string lease_endpoint;  ///< that tool ignores it without a region
  std::string task;
  int batch_size = 1'000;
  int parent_poll_ms = 10'000;
  bool without_cloudwatch = false;
  ReplicateCommand replicate;
  CommonOptions common;
};

/// An endpoint as we write it; empty for the service's own, which are left to us: its streams have other ones.
std::string server(std::string endpoint) {
  if (endpoint.find(".amazonaws.com") != std::string::npos) return {};
  while (endpoint.ends_with('/')) endpoint.pop_back();
  if (endpoint.empty() || endpoint.find("://") != std::string::npos) return endpoint;
  return "https://" + endpoint;
}

std::string address(const std::string& endpoint, const std::string& region, const std::string& table) {
  const std::string named = server(endpoint);
  return (named.empty() ? region : named) + "/" + table;
}

ExitCode run_cross_region(const CrossRegionCommand& command) {
  ReplicateCommand replicate = command.replicate;
  replicate.common = command.common;
  service::ReplicationOptions& options = replicate.replication;
  options.source.address = address(command.source_endpoint, command.source_region, command.source_table);
  options.source.region = command.source_region;
  options.target =
      service::TableOptions{.address = address(command.target_endpoint, command.target_region, command.target_table),
                            .region = command.target_region};
  options.cloudwatch = !command.without_cloudwatch;
  options.leases.wanted = true;
  options.leases.task = command.task;
  options.leases.region = command.lease_region;
  if (!command.lease_region.empty()) options.leases.endpoint = server(command.lease_endpoint);
  for (const auto& [flag, value] :
       {std::pair{"--sourceStreamsEndpoint", command.streams_endpoint},
        std::pair{"--kclEndpoint", command.lease_region.empty() ? command.lease_endpoint : std::string()}}) {
    if (!value.empty()) log::info("ignored, as awslabs' tool does", {{"flag", flag}, {"value", value}});
  }
  return run_replicate(replicate);
}

void add_options(CLI::App& app, CrossRegionCommand& command) {
  const auto text = [&app](const char* flag, std::string& value, const char* help) {
    return app.add_option(flag, value, help)->option_text("TEXT");
  };
  text("--sourceRegion", command.source_region, "region of the table to read changes of")->required();
  text("--sourceTable", command.source_table, "that table")->required();
  text("--destinationRegion", command.target_region, "region of the table to write them to")->required();
  text("--destinationTable", command.target_table, "that table")->required();
  text("--sourceEndpoint", command.source_endpoint, "server of the source");
  text("--sourceStreamsEndpoint", command.streams_endpoint, "ignored: the stream is at the source");
  text("--destinationEndpoint", command.target_endpoint, "server of the destination");
  text("--kclRegion", command.lease_region, "region of the lease table (the source's)");
  text("--kclEndpoint", command.lease_endpoint, "server of the lease table; only beside --kclRegion");
  text("--taskName", command.task, "name of the task (default: made from regions and tables)");
  app.add_option("--batchSize", command.batch_size, "ignored: as many records are read at once as the service gives")
      ->option_text("N");
  app.add_option("--parentShardPollIntervalMillis", command.parent_poll_ms, "ignored: children start at once")
      ->option_text("N");
  app.add_flag("--dontPublishCloudwatch", command.without_cloudwatch, "send no metrics to CloudWatch");
  add_common(app, command.common);
}

}  // namespace

void add_cross_region_command(CLI::App& app, Run& chosen) {
  auto command = std::make_shared<CrossRegionCommand>();
  CLI::App& cross_region =
      *app.add_subcommand("cross-region", "replicate as awslabs' cross-region library does: its flags, its leases");
  add_options(cross_region, *command);
  on_chosen(cross_region, command, chosen, run_cross_region);
}

}  // namespace dynamirror::app
