// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever would stop a replication later is said before it begins, each finding in one clear line with its exit
// code, and all findings at once; what the user asks to have mended is mended.
// Method: the preflight against two scripted servers in every state that it looks for.
#include <algorithm>

#include "integration/replicate_fixture.hpp"
#include "support/raw_client.hpp"

namespace dynamirror::integration {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class Preflight : public ReplicateTest {
 protected:
  /// Each finding as "reason: line".
  static std::vector<std::string> findings(const ReplicationRun::Ended& ended) {
    std::vector<std::string> lines;
    for (const auto& failure : ended.failures) {
      lines.push_back(std::to_string(static_cast<int>(failure.reason)) + ": " + to_line(failure.error));
    }
    return lines;
  }
  static auto finding(Reason reason, const std::vector<std::string>& words) {
    std::vector<::testing::Matcher<std::string>> parts{
        ::testing::StartsWith(std::to_string(static_cast<int>(reason)) + ": "), Not(HasSubstr("\n"))};
    for (const std::string& word : words) parts.push_back(HasSubstr(word));
    return ::testing::AllOfArray(parts);
  }
  void add_source(std::optional<std::string> view = "NEW_AND_OLD_IMAGES") {
    source.add_table({.name = kSource, .key = hash_only(), .stream_view = std::move(view)});
  }
  void add_target(const model::KeySchema& key = hash_only()) {
    target.add_table({.name = kTarget, .key = key, .stream_view = std::nullopt});
  }
  static void deny(DynamoDbStandin& server, const std::string& operation) {
    server.fail_next({.kind = FaultKind::kAccessDenied, .operation = operation, .times = 1'000});
  }
  static std::string described(const DynamoDbStandin& server, const std::string& table) {
    support::RawClient client({.port = server.port(), .region = "local"});
    return client.call("DynamoDB_20120810.DescribeTable", R"({"TableName":")" + table + "\"}").body;
  }
};

TEST_F(Preflight, TwoFittingTablesPassAndNothingIsWritten) {
  add_source();
  add_target();
  target.put(kTarget, R"({"id":{"S":"dynamirror-probe"},"v":{"S":"mine"}})");
  auto run = make_run();
  const auto ended = run.check();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target_values(), "dynamirror-probe=mine") << "even the probe's key is nobody's but the user's";
  EXPECT_THAT(target.writes(kTarget), SizeIs(1));
  EXPECT_THAT(source.complaints(), IsEmpty());
  EXPECT_THAT(target.complaints(), IsEmpty());
}

TEST_F(Preflight, CompositeKeysOfEveryTypeCanBeProbed) {
  const model::KeySchema key{.hash = {"n", "N"}, .range = model::KeyAttribute{"a \"b\"", "B"}};
  source.add_table({.name = kSource, .key = key});
  target.add_table({.name = kTarget, .key = key, .stream_view = std::nullopt});
  auto run = make_run();
  const auto ended = run.check();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_THAT(target.complaints(), IsEmpty());
  EXPECT_EQ(target.statistics().errors["ConditionalCheckFailedException"], 2u) << "both probes have come through";
}

TEST_F(Preflight, TablesThatAreBeingChangedAreUsedAtOnce) {
  add_source(std::nullopt);
  add_target();
  for (DynamoDbStandin* server : {&source, &target}) {
    // As long as its new stream has not begun, a table is UPDATING.
    server->configure([](support::Service::Options& options) { options.describes_until_active = 3; });
    const std::string table = server == &source ? kSource : kTarget;
    support::RawClient client({.port = server->port(), .region = "local"});
    const auto changed =
        client.call("DynamoDB_20120810.UpdateTable",
                    R"({"TableName":")" + table +
                        R"(","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}})");
    EXPECT_EQ(changed.status, 200) << changed.body;
  }
  auto run = make_run();
  const auto ended = run.check();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(source.statistics().requests["DescribeTable"], 1u);
  EXPECT_EQ(target.statistics().requests["DescribeTable"], 1u);
}

TEST_F(Preflight, AMissingSourceIsNotReady) {
  add_target();
  auto run = make_run();
  EXPECT_THAT(findings(run.check()), ElementsAre(finding(Reason::kNotReady, {"/Orders", "no such table"})));
}

TEST_F(Preflight, AMissingTargetIsNotReadyAndTheOptionThatMakesItIsNamed) {
  add_source();
  auto run = make_run();
  EXPECT_THAT(findings(run.check()),
              ElementsAre(finding(Reason::kNotReady, {"/Copy", "no such table", "--create-target"})));
}

TEST_F(Preflight, DifferentKeySchemasAreNotReadyAndBothAreShown) {
  add_source();
  add_target(composite());
  auto run = make_run();
  EXPECT_THAT(findings(run.check()),
              ElementsAre(finding(Reason::kNotReady, {"Orders", "Copy", "id", "time", "equal"})));
}

TEST_F(Preflight, ATableWithoutStreamIsNotReadyAndTheOptionThatMakesOneIsNamed) {
  add_source(std::nullopt);
  add_target();
  auto run = make_run();
  EXPECT_THAT(findings(run.check()),
              ElementsAre(finding(Reason::kNotReady, {"Orders", "no stream", "--enable-stream"})));
}

TEST_F(Preflight, AStreamWithoutNewImagesIsEnough) {
  add_target();
  add_source("KEYS_ONLY");
  auto run = make_run();
  run.options.preflight.enable_stream = true;
  EXPECT_THAT(findings(run.check()), ElementsAre());
  EXPECT_EQ(source.statistics().requests["GetItem"], 1u) << "items must be readable, then";
  EXPECT_EQ(source.statistics().requests["UpdateTable"], 0u) << "a stream that others may read is not replaced";
}

TEST_F(Preflight, AStreamOfNewImagesAloneIsEnough) {
  add_source("NEW_IMAGE");
  add_target();
  put("a", "1");
  put("a", "2");
  source.remove(kSource, key_of("b"));
  auto run = make_run();
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target_values(), "a=2");
}

TEST_F(Preflight, AStreamThatIsBusyIsTheReadersBusiness) {
  add_source();
  add_target();
  // DescribeStream is allowed 10 times a second, for all readers of the account together.
  source.fail_next({.kind = FaultKind::kLimitExceeded, .operation = "DescribeStream", .times = 1'000});
  auto run = make_run();
  const auto ended = run.check();
  EXPECT_TRUE(ended.ok()) << ended.text();
}

TEST_F(Preflight, AStreamThatIsTurnedOnMeanwhileServes) {
  add_source(std::nullopt);
  add_target();
  source.fail_next({.kind = FaultKind::kCloseAfter, .operation = "UpdateTable"});
  auto run = make_run();
  run.options.preflight.enable_stream = true;
  const auto ended = run.check();
  EXPECT_TRUE(ended.ok()) << ended.text();
}

TEST_F(Preflight, EnableStreamTurnsOneOn) {
  add_source(std::nullopt);
  add_target();
  source.configure([](support::Service::Options& options) { options.describes_until_active = 1; });
  auto run = make_run();
  run.options.preflight.enable_stream = true;
  run.options.job.stop_when_caught_up = false;
  bool changed = false;
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    if (!changed) put("a", "1");
    changed = true;
    if (live.status().counters.applied == 1) live.request_stop();
  });
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_THAT(described(source, kSource), HasSubstr("NEW_AND_OLD_IMAGES"));
  EXPECT_EQ(target_values(), "a=1");
}

TEST_F(Preflight, ADryRunTurnsNothingOnAndCreatesNothing) {
  add_source(std::nullopt);
  add_target();
  auto run = make_run();
  run.options.preflight = {.enable_stream = true, .create_target = true, .dry_run = true};
  EXPECT_THAT(findings(run.check()), ElementsAre(finding(Reason::kNotReady, {"no stream"})));
  EXPECT_EQ(source.statistics().requests["UpdateTable"], 0u);
  EXPECT_EQ(target.statistics().requests["PutItem"] + target.statistics().requests["DeleteItem"], 0u);
}

TEST_F(Preflight, SourceAndTargetMayNotBeTheSameTable) {
  add_source();
  auto run = make_run();
  run.options.target = run.options.source;
  EXPECT_THAT(findings(run.check()), ElementsAre(finding(Reason::kNotReady, {"the same table"})));
}

TEST_F(Preflight, TablesOfOneNameOnTwoServersAreTwoTables) {
  add_source();
  target.add_table({.name = kSource, .key = hash_only(), .stream_view = std::nullopt});
  auto run = make_run();
  run.options.target = target.address_of(kSource);
  const auto ended = run.check();
  EXPECT_TRUE(ended.ok()) << ended.text();
}

TEST_F(Preflight, EachOperationThatIsDeniedIsNamed) {
  add_source();
  add_target();
  auto run = make_run();
  for (const char* operation : {"DescribeTable", "DescribeStream", "GetShardIterator", "GetRecords"}) {
    deny(source, operation);
    EXPECT_THAT(findings(run.check()), ElementsAre(finding(Reason::kDenied, {"Orders", "AccessDenied"}))) << operation;
    source.clear_faults();
  }
  for (const char* operation : {"DescribeTable", "PutItem", "DeleteItem"}) {
    deny(target, operation);
    EXPECT_THAT(findings(run.check()), ElementsAre(finding(Reason::kDenied, {"Copy", "AccessDenied"}))) << operation;
    target.clear_faults();
  }
}

TEST_F(Preflight, AServerThatIsNotThereIsUnreachable) {
  add_source();
  add_target();
  target.go_away();
  auto run = make_run();
  const auto ended = run.check();
  EXPECT_THAT(findings(ended), ElementsAre(finding(Reason::kUnreachable, {"Copy"})));
}

TEST_F(Preflight, WrongCredentialsAreDenied) {
  add_source();
  add_target();
  auto run = make_run();
  run.target_environment.variables["AWS_SECRET_ACCESS_KEY"] = "wrong";
  EXPECT_THAT(findings(run.check()), ElementsAre(finding(Reason::kDenied, {"Copy"})));
}

TEST_F(Preflight, AllFindingsAreSaidAtOnce) {
  add_source(std::nullopt);
  add_target(composite());
  deny(target, "PutItem");
  auto run = make_run();
  const auto ended = run.check();
  EXPECT_EQ(ended.reason, ended.failures.front().reason);
  EXPECT_THAT(findings(ended), ::testing::UnorderedElementsAre(finding(Reason::kNotReady, {"no stream"}),
                                                               finding(Reason::kNotReady, {"both must be equal"}),
                                                               finding(Reason::kDenied, {"put item", "Copy"})));
}

TEST_F(Preflight, BothTablesMissingAreTwoFindings) {
  auto run = make_run();
  EXPECT_THAT(findings(run.check()),
              ElementsAre(finding(Reason::kNotReady, {"/Orders"}), finding(Reason::kNotReady, {"/Copy"})));
}

class CreateTarget : public Preflight {
 protected:
  CreateTarget() {
    support::RawClient client({.port = source.port(), .region = "local"});
    const auto made =
        client.call("DynamoDB_20120810.CreateTable", R"({"TableName":"Orders","BillingMode":"PAY_PER_REQUEST",
      "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"},{"AttributeName":"time","AttributeType":"N"},
                              {"AttributeName":"owner","AttributeType":"S"},{"AttributeName":"size","AttributeType":"N"}],
      "KeySchema":[{"AttributeName":"id","KeyType":"HASH"},{"AttributeName":"time","KeyType":"RANGE"}],
      "GlobalSecondaryIndexes":[{"IndexName":"by-owner","KeySchema":[{"AttributeName":"owner","KeyType":"HASH"}],
                                 "Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["v"]}}],
      "LocalSecondaryIndexes":[{"IndexName":"by-size","KeySchema":[{"AttributeName":"id","KeyType":"HASH"},
                                {"AttributeName":"size","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}],
      "StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}})");
    EXPECT_EQ(made.status, 200) << made.body;
  }
};

TEST_F(CreateTarget, MakesItLikeTheSourceWithItsIndexesAndReplicates) {
  target.configure([](support::Service::Options& options) { options.describes_until_active = 1; });
  Workload(source, {.composite = true, .keys = 20}).change(50);
  auto run = make_run();
  run.options.preflight.create_target = true;
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_THAT(described(target, kTarget),
              AllOf(HasSubstr("by-owner"), HasSubstr("NonKeyAttributes"), HasSubstr("by-size"),
                    HasSubstr("PAY_PER_REQUEST"), Not(HasSubstr("StreamSpecification"))));
  expect_in_step(ended);
  EXPECT_TRUE(run.run().ok()) << "a target that is there is taken as it is";
}

TEST_F(CreateTarget, TakesATableThatAppearsMeanwhile) {
  // As after a kill: the creation of the process before is carried out when this one has just looked.
  target.fail_next({.kind = FaultKind::kCloseAfter, .operation = "CreateTable"});
  auto run = make_run();
  run.options.preflight.create_target = true;
  const auto ended = run.check();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target.statistics().requests["CreateTable"], 2u) << "the second finds the table of the first";
}

TEST_F(CreateTarget, MakesNothingWhenTheSourceIsNotFit) {
  source.disable_stream(kSource);
  auto run = make_run();
  run.options.preflight.create_target = true;
  EXPECT_THAT(findings(run.check()), ElementsAre(finding(Reason::kNotReady, {"no stream"})))
      << "that the target is missing is no finding: it is to be made";
  EXPECT_EQ(target.statistics().requests["CreateTable"], 0u);
}

TEST_F(CreateTarget, ADryRunReadsAsIfTheTargetWereThere) {
  auto run = make_run();
  run.options.preflight = {.create_target = true, .dry_run = true};
  const auto ended = run.check();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target.statistics().requests["CreateTable"], 0u);
}

TEST_F(CreateTarget, IsDeniedInOneLine) {
  deny(target, "CreateTable");
  auto run = make_run();
  run.options.preflight.create_target = true;
  EXPECT_THAT(findings(run.check()), ElementsAre(finding(Reason::kDenied, {"create table", "Copy"})));
}

}  // namespace
}  // namespace dynamirror::integration
