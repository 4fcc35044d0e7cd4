// SPDX-License-Identifier: Apache-2.0
//
// Goal: command lines and environments of the Kinesis client library for Node.js, as the first dynamodb-replicator was
// started, mean the same to us; what does not fit is named. Method: lines as its documentation and its users write
// them.
#include "app/options/kinesis_cluster.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <map>
#include <vector>

namespace dynamirror::app {
namespace {

using ::testing::HasSubstr;

class Variables final : public aws::Environment {
 public:
  explicit Variables(std::map<std::string, std::string, std::less<>> values) : values_(std::move(values)) {}
  [[nodiscard]] std::optional<std::string> variable(std::string_view name) const override {
    const auto entry = values_.find(name);
    return entry == values_.end() || entry->second.empty() ? std::nullopt : std::optional(entry->second);
  }
  [[nodiscard]] Result<std::string> read_file(const std::string& path) const override {
    return failure(ErrorClass::kNotFound, "read", path, "no such file");
  }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

const std::map<std::string, std::string, std::less<>> kTables{{"AWS_REGION", "us-east-1"},
                                                              {"PrimaryRegion", "us-east-1"},
                                                              {"PrimaryTable", "primary"},
                                                              {"ReplicaRegion", "eu-west-1"},
                                                              {"ReplicaTable", "replica"}};

/// Words after the command's name.
Result<KinesisClusterCommand> parse(std::vector<std::string> words) {
  CLI::App app;
  KinesisClusterCommand command;
  add_kinesis_cluster_options(app, command);
  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return failure(ErrorClass::kInvalid, "parse", {}, error.what());
  }
  return command;
}

Result<KinesisClusterCommand> parse_more(std::vector<std::string> words) {
  words.insert(words.begin(), {"--consumer", "./consumer.js", "--table", "leases", "--stream", "changes"});
  return parse(std::move(words));
}

TEST(KinesisCluster, TakesTheLineOfTheReplicatorsReadme) {
  const auto command = parse_more({});
  ASSERT_TRUE(command) << to_line(command.error());
  EXPECT_EQ(command->consumer, "./consumer.js");
  EXPECT_EQ(command->table, "leases");
  EXPECT_EQ(command->stream, "changes");
  EXPECT_FALSE(command->from_latest);
  EXPECT_FALSE(command->capacity);
  EXPECT_FALSE(command->serves_http);
  EXPECT_EQ(command->region, "");
  EXPECT_FALSE(command->records_a_read);
  EXPECT_EQ(command->time_between_reads, std::chrono::milliseconds(1'000));
  EXPECT_EQ(command->common.log_level, log::Level::kInfo);
}

TEST(KinesisCluster, TakesEveryFlag) {
  const auto command = parse_more({"--start-at", "LATEST", "--capacity.read=20", "--capacity.write", "30",
                                   "--aws.region", "us-west-2", "--http", "8080", "--dynamo-endpoint",
                                   "http://127.0.0.1:8000", "--kinesis-endpoint=http://127.0.0.1:4567", "--num-records",
                                   "500", "--time-between-reads", "250", "--log-level", "warn"});
  ASSERT_TRUE(command) << to_line(command.error());
  EXPECT_TRUE(command->from_latest);
  EXPECT_EQ(command->capacity, (aws::Throughput{.read_units = 20, .write_units = 30}));
  EXPECT_EQ(command->region, "us-west-2");
  EXPECT_TRUE(command->serves_http);
  EXPECT_EQ(command->http_port, 8080);
  EXPECT_EQ(command->dynamo_endpoint, "http://127.0.0.1:8000");
  EXPECT_EQ(command->kinesis_endpoint, "http://127.0.0.1:4567");
  EXPECT_EQ(command->records_a_read, 500);
  EXPECT_EQ(command->time_between_reads, std::chrono::milliseconds(250));
  EXPECT_EQ(command->common.log_level, log::Level::kWarning);
}

TEST(KinesisCluster, GivesTheOtherCapacityAsTheLibraryDoes) {
  EXPECT_EQ(parse_more({"--capacity.write", "5"})->capacity, (aws::Throughput{.read_units = 10, .write_units = 5}));
  EXPECT_EQ(parse_more({"--capacity.read", "5"})->capacity, (aws::Throughput{.read_units = 5, .write_units = 10}));
}

TEST(KinesisCluster, TakesThePortOfTheEnvironmentForAnHttpWithoutOne) {
  for (const auto& words : {std::vector<std::string>{"--http"}, {"--http", "--aws.region", "eu-west-1"}}) {
    auto command = parse_more(words);
    ASSERT_TRUE(command) << to_line(command.error());
    EXPECT_TRUE(command->serves_http);
    auto variables = kTables;
    const auto refused = take_environment(*command, Variables(variables));
    ASSERT_FALSE(refused);
    EXPECT_THAT(to_line(refused.error()), HasSubstr("set PORT"));
    variables["PORT"] = "http";
    EXPECT_FALSE(take_environment(*command, Variables(variables)));
    variables["PORT"] = "9090";
    ASSERT_TRUE(take_environment(*command, Variables(variables)));
    EXPECT_EQ(command->http_port, 9090);
  }
}

TEST(KinesisCluster, TakesBothTablesFromTheEnvironment) {
  auto command = parse_more({});
  ASSERT_TRUE(take_environment(*command, Variables(kTables)));
  EXPECT_EQ(command->primary_region + "/" + command->primary_table, "us-east-1/primary");
  EXPECT_EQ(command->replica_region + "/" + command->replica_table, "eu-west-1/replica");
  EXPECT_EQ(note_on_consumer(*command),
            "./consumer.js is not run: changes of us-east-1/primary are replicated to eu-west-1/replica");
}

TEST(KinesisCluster, NamesEveryVariableThatIsMissing) {
  auto command = parse_more({});
  auto variables = kTables;
  variables.erase("PrimaryTable");
  variables["ReplicaRegion"] = "";
  const auto refused = take_environment(*command, Variables(variables));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error_class, ErrorClass::kInvalid);
  EXPECT_THAT(to_line(refused.error()), HasSubstr("set PrimaryTable, ReplicaRegion, as"));
}

TEST(KinesisCluster, TakesTheRegionFromTheEnvironmentUnlessItIsGivenOrNoneIsNeeded) {
  auto command = parse_more({});
  auto variables = kTables;
  variables["AWS_REGION"] = "eu-central-1";
  ASSERT_TRUE(take_environment(*command, Variables(variables)));
  EXPECT_EQ(command->region, "eu-central-1");
  command = parse_more({"--aws.region", "us-west-2"});
  ASSERT_TRUE(take_environment(*command, Variables(variables)));
  EXPECT_EQ(command->region, "us-west-2");
  variables.erase("AWS_REGION");
  command = parse_more({});
  const auto refused = take_environment(*command, Variables(variables));
  ASSERT_FALSE(refused);
  EXPECT_THAT(to_line(refused.error()), HasSubstr("--aws.region"));
  command = parse_more({"--kinesis-endpoint", "http://localhost:1", "--dynamo-endpoint", "http://localhost:2"});
  EXPECT_TRUE(take_environment(*command, Variables(variables)));
}

TEST(KinesisCluster, SaysNothingOfAConsumerThatIsNotGiven) {
  const auto command = parse({"--table", "leases", "--stream", "changes"});
  ASSERT_TRUE(command) << to_line(command.error());
  EXPECT_EQ(note_on_consumer(*command), "");
}

TEST(KinesisCluster, RefusesWhatItCannotTake) {
  EXPECT_FALSE(parse({"--consumer", "c.js", "--table", "leases"})) << "no stream";
  EXPECT_FALSE(parse({"--consumer", "c.js", "--stream", "changes"})) << "no table";
  EXPECT_FALSE(parse_more({"--start-at", "yesterday"}));
  EXPECT_FALSE(parse_more({"--capacity.read", "0"}));
  EXPECT_FALSE(parse_more({"--http", "65536"}));
  EXPECT_FALSE(parse_more({"--http", "0"}));
  EXPECT_FALSE(parse_more({"--num-records", "10001"}));
  EXPECT_FALSE(parse_more({"--time-between-reads", "-1"}));
  EXPECT_FALSE(parse_more({"--aws.accessKeyId", "AKIA"})) << "no secrets on the command line";
  EXPECT_FALSE(parse_more({"--local-dynamo"}));
}

}  // namespace
}  // namespace dynamirror::app
