// SPDX-License-Identifier: Apache-2.0
//
// Goal: what we share with fleets of KCL in one lease table stays theirs as much as ours: every row that a KCL writes
// is read or left alone, and every row that we write is one that each KCL reads. Method: rows spelled as the
// serializers of KCL 1.7.5, 2.x, 3.4, 3.5 and of the stream adapter 2.x write them, in the stand-in; KCL's readers are
// played by a checker of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <map>
#include <set>

#include "unit/coordination/lease_backends.hpp"

namespace dynamirror::coordination {
namespace {

namespace json = boost::json;
using Kind = LeaseWrite::Kind;
using Outcome = LeaseStore::Outcome;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kSequence = "100000000000000000001";
constexpr const char* kLaterSequence = "100000000000000000002";

std::string named(std::string row, const std::string& key) {
  const auto at = row.find("KEY");
  return at == std::string::npos ? row : row.replace(at, 3, key);
}

/// Rows by who writes them, each under the lease key KEY, owned by "peer", counter 7.
const std::map<std::string, std::string>& rows_of_peers() {
  static const std::map<std::string, std::string> rows{
      {"KCL 1.7.5", R"({"leaseKey":{"S":"KEY"},"leaseOwner":{"S":"peer"},"leaseCounter":{"N":"7"},)"
                    R"("ownerSwitchesSinceCheckpoint":{"N":"2"},"checkpoint":{"S":"100000000000000000001"},)"
                    R"("checkpointSubSequenceNumber":{"N":"0"},"parentShardId":{"SS":["shardId-1-a"]}})"},
      {"KCL 2.x", R"({"leaseKey":{"S":"KEY"},"leaseOwner":{"S":"peer"},"leaseCounter":{"N":"7"},)"
                  R"("ownerSwitchesSinceCheckpoint":{"N":"2"},"checkpoint":{"S":"100000000000000000001"},)"
                  R"("checkpointSubSequenceNumber":{"N":"0"},"pendingCheckpoint":{"S":"100000000000000000005"},)"
                  R"("pendingCheckpointSubSequenceNumber":{"N":"0"},"pendingCheckpointState":{"B":"AAEC"},)"
                  R"("parentShardId":{"SS":["shardId-1-a"]},"childShardIds":{"SS":["shardId-3-c","shardId-3-d"]},)"
                  R"("startingHashKey":{"S":"0"},"endingHashKey":{"S":"340282366920938463463374607431768211455"}})"},
      {"adapter 2.x",
       R"({"leaseKey":{"S":"KEY"},"leaseOwner":{"S":"peer"},"leaseCounter":{"N":"7"},)"
       R"("ownerSwitchesSinceCheckpoint":{"N":"2"},"checkpoint":{"S":"100000000000000000001"},)"
       R"("checkpointSubSequenceNumber":{"N":"0"},"startingHashKey":{"S":"0"},"endingHashKey":{"S":"1"},)"
       R"("streamName":{"S":"1:eu-west-1$1$T$L:1"},"shardId":{"S":"shardId-2-b"}})"},
      {"KCL 3.4", R"({"leaseKey":{"S":"KEY"},"leaseOwner":{"S":"peer"},"leaseCounter":{"N":"7"},)"
                  R"("ownerSwitchesSinceCheckpoint":{"N":"2"},"checkpoint":{"S":"100000000000000000001"},)"
                  R"("checkpointSubSequenceNumber":{"N":"0"},"startingHashKey":{"S":"0"},"endingHashKey":{"S":"1"},)"
                  R"("throughputKBps":{"N":"12.5"}})"},
      {"KCL 3.5", R"({"leaseKey":{"S":"KEY"},"leaseOwner":{"S":"peer"},"leaseCounter":{"N":"7"},)"
                  R"("ownerSwitchesSinceCheckpoint":{"N":"2"},"checkpoint":{"S":"100000000000000000001"},)"
                  R"("checkpointSubSequenceNumber":{"N":"0"},"throughputKBps":{"N":"0"},"entityType":{"S":"LEASE"}})"},
  };
  return rows;
}

/// What KCL 3.5 keeps in the same table beside the leases, and what nobody can read.
const std::vector<std::string>& rows_that_are_no_leases() {
  static const std::vector<std::string> rows{
      R"({"leaseKey":{"S":"Leader"},"entityType":{"S":"LEADER"},"ownerName":{"S":"w"},"leaseDuration":{"S":"120000"},)"
      R"("recordVersionNumber":{"S":"r"}})",
      R"({"leaseKey":{"S":"TableMigration3.5"},"entityType":{"S":"TABLE_MIGRATION"},"tm":{"S":"x"},"mb":{"S":"w"},)"
      R"("mts":{"N":"1"},"h":{"L":[]}})",
      R"({"leaseKey":{"S":"worker-1"},"entityType":{"S":"WORKER_METRIC_STATS"},"lut":{"N":"1700000000"},)"
      R"("sts":{"M":{"C":{"L":[{"N":"5"}]}}},"opr":{"M":{"C":{"L":[{"N":"80"}]}}},"sup":{"N":"1"},"slu":{"N":"2"}})",
      R"({"leaseKey":{"S":"stream-1"},"entityType":{"S":"STREAM"}})",
      // Of a kind to come: all that a lease has, and yet none.
      R"({"leaseKey":{"S":"future"},"entityType":{"S":"SOMETHING_NEW"},"leaseCounter":{"N":"1"},)"
      R"("ownerSwitchesSinceCheckpoint":{"N":"0"},"checkpoint":{"S":"LATEST"}})",
      R"({"leaseKey":{"S":"no-checkpoint"},"leaseCounter":{"N":"1"},"ownerSwitchesSinceCheckpoint":{"N":"0"}})",
  };
  return rows;
}

/// Reads a row as the serializers of all KCLs do, and says what one of them would stumble over; nothing when none does.
std::string complaint_of_kcl(const json::object& row) {
  const std::map<std::string, std::string> types{{"leaseKey", "S"},
                                                 {"leaseOwner", "S"},
                                                 {"leaseCounter", "N"},
                                                 {"ownerSwitchesSinceCheckpoint", "N"},
                                                 {"checkpoint", "S"},
                                                 {"checkpointSubSequenceNumber", "N"},
                                                 {"parentShardId", "SS"},
                                                 {"childShardIds", "SS"},
                                                 {"pendingCheckpoint", "S"},
                                                 {"pendingCheckpointSubSequenceNumber", "N"},
                                                 {"pendingCheckpointState", "B"},
                                                 {"startingHashKey", "S"},
                                                 {"endingHashKey", "S"},
                                                 {"streamName", "S"},
                                                 {"shardId", "S"},
                                                 {"checkpointOwner", "S"},
                                                 {"throughputKBps", "N"},
                                                 {"entityType", "S"}};
  for (const auto& member : row) {
    const std::string name(member.key());
    const auto type = types.find(name);
    if (type == types.end()) return "unknown attribute " + name;
    const json::object& value = member.value().as_object();
    if (value.size() != 1 || value.begin()->key() != type->second) return name + " is not of type " + type->second;
    const json::value& content = value.begin()->value();
    const bool empty = content.is_array() ? content.get_array().empty() : content.as_string().empty();
    if (empty) return name + " is empty";
  }
  for (const char* mandatory :
       {"leaseKey", "leaseCounter", "ownerSwitchesSinceCheckpoint", "checkpoint", "checkpointSubSequenceNumber"}) {
    if (!row.contains(mandatory)) return std::string("no ") + mandatory;
  }
  const std::string checkpoint(row.at("checkpoint").at("S").as_string());
  const bool number = checkpoint.find_first_not_of("0123456789") == std::string::npos && checkpoint.size() >= 21;
  const std::set<std::string> sentinels{"TRIM_HORIZON", "LATEST", "SHARD_END"};
  if (!number && !sentinels.contains(checkpoint)) return "checkpoint " + checkpoint;
  if (row.contains("pendingCheckpoint") != row.contains("pendingCheckpointSubSequenceNumber")) return "half a pending";
  if (row.contains("startingHashKey") != row.contains("endingHashKey")) return "half a hash key range";
  return {};
}

class LeaseConformanceTest : public ::testing::Test {
 protected:
  ~LeaseConformanceTest() override { EXPECT_THAT(backend_.standin().complaints(), IsEmpty()); }

  void put(const std::string& row) { backend_.standin().put(backend_.table().str(), row); }
  Result<Outcome> write(const LeaseWrite& write) { return backend_.run(store_.write(write, kNoDeadline)); }
  LeaseRows scan() { return backend_.run(store_.scan({})).value(); }
  std::map<std::string, json::object> rows() {
    std::map<std::string, json::object> rows;
    for (const auto& [key, text] : backend_.standin().snapshot(backend_.table().str())) {
      json::object row = json::parse(text).as_object();
      const std::string name(row.at("leaseKey").at("S").as_string());
      rows.emplace(name, std::move(row));
    }
    return rows;
  }

  /// Every kind of write on one lease of "peer" with counter 7, as takers, owners and departing owners make them.
  /// `between` is called after each.
  void write_everything(const std::string& key, const std::function<void(Kind)>& between) {
    const std::vector<LeaseWrite> writes{
        {.kind = Kind::kTake, .key = key, .counter = 7, .owner = "me", .from = "peer"},
        {.kind = Kind::kRenew, .key = key, .counter = 8},
        {.kind = Kind::kRenew, .key = key, .counter = 9, .checkpoint = kLaterSequence},
        {.kind = Kind::kSetChildren, .key = key, .children = {"shardId-4-e"}},
        {.kind = Kind::kStartHandOver, .key = key, .owner = "peer", .from = "me"},
        {.kind = Kind::kRenew, .key = key, .counter = 10, .handing_over = true},
        {.kind = Kind::kRelease, .key = key, .counter = 11, .owner = "peer", .from = "peer", .checkpoint = kSequence},
        {.kind = Kind::kTake, .key = key, .counter = 12, .owner = "me", .from = "peer"},
        {.kind = Kind::kRelease, .key = key, .counter = 13, .from = "me"},
        {.kind = Kind::kTake, .key = key, .counter = 14, .owner = "me"},
        {.kind = Kind::kRelease,
         .key = key,
         .counter = 15,
         .from = "me",
         .checkpoint = "SHARD_END",
         .children = {"shardId-4-e", "shardId-4-f"}},
    };
    for (const LeaseWrite& each : writes) {
      ASSERT_EQ(write(each), Outcome::kDone) << key << ", kind " << static_cast<int>(each.kind);
      between(each.kind);
    }
  }

  DynamoDbBackend backend_{std::nullopt};
  LeaseStore& store_ = backend_.open();
};

TEST_F(LeaseConformanceTest, LeavesRowsThatAreNoLeasesAlone) {
  for (const std::string& row : rows_that_are_no_leases()) put(row);
  put(named(rows_of_peers().at("KCL 3.5"), "lease"));
  const auto before = rows();
  const LeaseRows read = scan();
  ASSERT_EQ(read.leases.size(), 1u);
  EXPECT_EQ(read.leases.front().key, "lease");
  EXPECT_EQ(read.foreign, rows_that_are_no_leases().size());

  write_everything("lease", [](Kind) {});
  auto after = rows();
  after["lease"] = before.at("lease");
  EXPECT_EQ(after, before);
  EXPECT_FALSE(backend_.run(store_.get("Leader"))) << "a lease of that key cannot be had";
}

TEST_F(LeaseConformanceTest, KeepsAttributesThatItDoesNotKnow) {
  const std::set<std::string> ours{"leaseOwner",     "leaseCounter",  "ownerSwitchesSinceCheckpoint",
                                   "checkpoint",     "childShardIds", "checkpointSubSequenceNumber",
                                   "checkpointOwner"};
  for (auto [writer, row] : rows_of_peers()) {
    row.insert(row.size() - 1, R"(,"tomorrow":{"M":{"deep":{"L":[{"N":"1"},{"NULL":true}]}}})");
    put(named(row, writer));
    const json::object before = rows().at(writer);
    write_everything(writer, [](Kind) {});
    const json::object after = rows().at(writer);
    for (const auto& member : before) {
      const std::string name(member.key());
      if (ours.contains(name)) continue;
      // A checkpoint ends what a peer had prepared.
      if (name.starts_with("pendingCheckpoint")) {
        EXPECT_FALSE(after.contains(name)) << writer << ", " << name;
      } else {
        ASSERT_TRUE(after.contains(name)) << writer << ", " << name;
        EXPECT_EQ(after.at(name), member.value()) << writer << ", " << name;
      }
    }
  }
}

TEST_F(LeaseConformanceTest, KeepsAPendingCheckpointUntilTheNextCheckpoint) {
  put(named(rows_of_peers().at("KCL 2.x"), "a"));
  EXPECT_EQ(scan().leases.front().checkpoint, kSequence) << "what is pending is never the resume point";
  ASSERT_EQ(write({.kind = Kind::kTake, .key = "a", .counter = 7, .owner = "me", .from = "peer"}), Outcome::kDone);
  EXPECT_TRUE(rows().at("a").contains("pendingCheckpointState"));
  ASSERT_EQ(write({.kind = Kind::kRenew, .key = "a", .counter = 8, .checkpoint = kLaterSequence}), Outcome::kDone);
  EXPECT_FALSE(rows().at("a").contains("pendingCheckpointState"));
}

TEST_F(LeaseConformanceTest, ReadsTheRowsOfEveryWriter) {
  for (const auto& [writer, row] : rows_of_peers()) put(named(row, writer));
  const LeaseRows read = scan();
  EXPECT_EQ(read.foreign, 0u);
  ASSERT_EQ(read.leases.size(), rows_of_peers().size());
  for (const Lease& lease : read.leases) {
    EXPECT_EQ(lease.owner, "peer") << lease.key;
    EXPECT_EQ(lease.counter, 7u) << lease.key;
    EXPECT_EQ(lease.owner_switches, 2u) << lease.key;
    EXPECT_EQ(lease.checkpoint, kSequence) << lease.key;
    EXPECT_EQ(lease.parents.empty(), lease.key != "KCL 1.7.5" && lease.key != "KCL 2.x") << lease.key;
    EXPECT_EQ(lease.children.size(), lease.key == "KCL 2.x" ? 2u : 0u) << lease.key;
  }
}

TEST_F(LeaseConformanceTest, AcceptsRowsWithoutWhatNewerWritersAdd) {
  put(R"({"leaseKey":{"S":"a"},"leaseCounter":{"N":"0"},"ownerSwitchesSinceCheckpoint":{"N":"0"},)"
      R"("checkpoint":{"S":"TRIM_HORIZON"}})");
  EXPECT_THAT(scan().leases, ElementsAre(Lease{.key = "a", .checkpoint = "TRIM_HORIZON"}));
  ASSERT_EQ(write({.kind = Kind::kTake, .key = "a", .counter = 0, .owner = "me"}), Outcome::kDone);
  ASSERT_EQ(write({.kind = Kind::kRenew, .key = "a", .counter = 1, .checkpoint = kSequence}), Outcome::kDone);
  EXPECT_EQ(complaint_of_kcl(rows().at("a")), "");
}

TEST_F(LeaseConformanceTest, WritesOnlyRowsThatEveryKclReads) {
  for (const auto& [writer, row] : rows_of_peers()) {
    put(named(row, writer));
    ASSERT_EQ(complaint_of_kcl(rows().at(writer)), "") << "of " << writer << " itself";
    write_everything(writer, [&](Kind kind) {
      EXPECT_EQ(complaint_of_kcl(rows().at(writer)), "") << writer << ", after kind " << static_cast<int>(kind);
    });
  }
  const LeaseWrite child{.kind = Kind::kCreate, .key = "child", .checkpoint = "TRIM_HORIZON", .parents = {"parent"}};
  ASSERT_EQ(write(child), Outcome::kDone);
  ASSERT_EQ(write({.kind = Kind::kCreate, .key = "root", .checkpoint = "LATEST"}), Outcome::kDone);
  ASSERT_EQ(write({.kind = Kind::kSetChildren, .key = "root"}), Outcome::kDone);
  EXPECT_EQ(complaint_of_kcl(rows().at("child")), "");
  EXPECT_EQ(complaint_of_kcl(rows().at("root")), "");
  EXPECT_EQ(
      rows().at("child"),
      json::parse(R"({"leaseKey":{"S":"child"},"leaseCounter":{"N":"0"},"ownerSwitchesSinceCheckpoint":{"N":"0"},)"
                  R"("checkpoint":{"S":"TRIM_HORIZON"},"checkpointSubSequenceNumber":{"N":"0"},)"
                  R"("parentShardId":{"SS":["parent"]}})"));
}

TEST_F(LeaseConformanceTest, HasAReaderThatSeesWhatIsWrong) {
  for (const char* more : {R"("leaseOwner":{"S":""})", R"("leaseOwner":{"NULL":true})", R"("parentShardId":{"S":"p"})",
                           R"("parentShardId":{"SS":[]})", R"("checkpoint":{"S":"1"})",
                           R"("pendingCheckpoint":{"S":"LATEST"})", R"("checkpointSubSequenceNumber":{"S":"0"})"}) {
    json::object row = json::parse(rows_of_peers().at("KCL 1.7.5")).as_object();
    const json::value parsed = json::parse("{" + std::string(more) + "}");
    for (const auto& member : parsed.get_object()) row[member.key()] = member.value();
    EXPECT_NE(complaint_of_kcl(row), "") << more;
  }
}

class LeaseTableKeyTest : public ::testing::Test {
 protected:
  std::string refusal(model::KeySchema key) {
    DynamoDbBackend backend(std::nullopt);
    backend.standin().add_table({.name = "T", .key = std::move(key), .stream_view = std::nullopt});
    const auto prepared = backend.run(backend.open_unprepared(TableName("T")).prepare({.create = true}));
    if (prepared) return "no refusal";
    EXPECT_EQ(prepared.error().error_class, ErrorClass::kInvalid);
    return to_line(prepared.error());
  }
};

TEST_F(LeaseTableKeyTest, RefusesAKeyThatIsNotALeases) {
  EXPECT_EQ(refusal({{"leaseKey", "S"}, {}}), "no refusal");
  EXPECT_EQ(
      refusal({{"id", "S"}, {}}),
      "open lease table eu-west-1/T: is no lease table (its key is id (S), not leaseKey (S)); choose another lease "
      "table");
  EXPECT_THAT(refusal({{"leaseKey", "N"}, {}}), HasSubstr("leaseKey (N)"));
  EXPECT_THAT(refusal({{"leaseKey", "S"}, model::KeyAttribute{"shard", "S"}}), HasSubstr("shard (S)"));
}

TEST_F(LeaseTableKeyTest, RefusesTheTableOfTheKclForNode) {
  EXPECT_THAT(refusal({{"type", "S"}, model::KeyAttribute{"id", "S"}}), HasSubstr("is a table of the KCL for node.js"));
}

/// Who may take leases is what KCL 3.x says of itself, in one place or another, at any time.
class FleetVersionTest : public ::testing::Test {
 protected:
  FleetVersionTest() { backend_.standin().add_table(table("leases", "leaseKey")); }
  ~FleetVersionTest() override { EXPECT_THAT(backend_.standin().complaints(), IsEmpty()); }

  static support::TableSpec table(const std::string& name, const std::string& key) {
    return {.name = name, .key = {{key, "S"}, {}}, .stream_view = std::nullopt};
  }
  void add_coordinator() { backend_.standin().add_table(table("leases-CoordinatorState", "key")); }
  void say_in_coordinator(const std::string& version) {
    backend_.standin().put("leases-CoordinatorState", R"({"key":{"S":"Migration3.0"},"cv":{"S":")" + version +
                                                          R"("},"mb":{"S":"w"},"mts":{"N":"1"},"h":{"L":[]}})");
  }
  void say_in_lease_table(const std::string& version) {
    backend_.standin().put("leases",
                           R"({"leaseKey":{"S":"Migration3.0"},"entityType":{"S":"CLIENT_VERSION_MIGRATION"},)"
                           R"("cv":{"S":")" +
                               version + R"("},"mb":{"S":"w"},"mts":{"N":"1"},"h":{"L":[]}})");
  }
  Result<FleetVersion> read() { return backend_.run(store_.fleet_version()); }

  DynamoDbBackend backend_{std::nullopt};
  DynamoDbLeaseStore& store_ = backend_.open_unprepared(TableName("leases"));
};

const std::map<std::string, FleetVersion>& known_versions() {
  static const std::map<std::string, FleetVersion> versions{
      {"CLIENT_VERSION_INIT", FleetVersion::kTakers},
      {"CLIENT_VERSION_2X", FleetVersion::kTakers},
      {"CLIENT_VERSION_UPGRADE_FROM_2X", FleetVersion::kTakers},
      {"CLIENT_VERSION_3X_WITH_ROLLBACK", FleetVersion::kAssigned},
      {"CLIENT_VERSION_3X", FleetVersion::kAssigned},
  };
  return versions;
}

TEST_F(FleetVersionTest, TakesWhereNoKcl3HasBeen) {
  EXPECT_EQ(read(), FleetVersion::kTakers);
  add_coordinator();
  EXPECT_EQ(read(), FleetVersion::kTakers);
  backend_.standin().put("leases-CoordinatorState", R"({"key":{"S":"Leader"},"ownerName":{"S":"w"}})");
  EXPECT_EQ(read(), FleetVersion::kTakers);
}

TEST_F(FleetVersionTest, FollowsTheCoordinatorsTableLive) {
  add_coordinator();
  for (const auto& [text, version] : known_versions()) {
    say_in_coordinator(text);
    EXPECT_EQ(read(), version) << text;
  }
}

TEST_F(FleetVersionTest, FollowsTheRowInTheLeaseTableLive) {
  for (const auto& [text, version] : known_versions()) {
    say_in_lease_table(text);
    EXPECT_EQ(read(), version) << text;
  }
}

TEST_F(FleetVersionTest, BelievesTheOneThatAssigns) {
  add_coordinator();
  say_in_coordinator("CLIENT_VERSION_2X");
  say_in_lease_table("CLIENT_VERSION_3X");
  EXPECT_EQ(read(), FleetVersion::kAssigned);
  say_in_coordinator("CLIENT_VERSION_3X");
  say_in_lease_table("CLIENT_VERSION_2X");
  EXPECT_EQ(read(), FleetVersion::kAssigned);
}

TEST_F(FleetVersionTest, RefusesAVersionToCome) {
  say_in_lease_table("CLIENT_VERSION_4X");
  const auto refused = read();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error_class, ErrorClass::kInvalid);
  EXPECT_THAT(to_line(refused.error()), HasSubstr("\"CLIENT_VERSION_4X\""));
  EXPECT_THAT(to_line(refused.error()), HasSubstr("eu-west-1/leases"));
  backend_.standin().put("leases", R"({"leaseKey":{"S":"Migration3.0"},"cv":{"N":"3"}})");
  EXPECT_FALSE(read());
}

TEST_F(FleetVersionTest, SaysWhichPermissionIsMissing) {
  backend_.standin().fail_next({.kind = support::FaultKind::kAccessDenied, .operation = "GetItem"});
  const auto refused = read();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error_class, ErrorClass::kDenied);
  EXPECT_THAT(to_line(refused.error()), HasSubstr("eu-west-1/leases-CoordinatorState"));
  EXPECT_THAT(to_line(refused.error()), HasSubstr("allow dynamodb:GetItem"));
}

}  // namespace
}  // namespace dynamirror::coordination
