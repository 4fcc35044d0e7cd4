// SPDX-License-Identifier: Apache-2.0
//
// Goal: a comparison names exactly what differs, at the price of two scans, also on tables that live, and a repair
// never undoes what a live replication has brought. Method: the whole job over sockets against two scripted services;
// live changes happen between the job's own requests.
#include <set>

#include "integration/diff_fixture.hpp"

namespace dynamirror::integration {
namespace {

using jobs::DiffKind;
using jobs::DiffVerdict;
using Mode = jobs::DiffOptions::Mode;

std::string filled(const std::string& value) { return value + std::string(2'600, 'x'); }

TEST_F(DiffTest, NamesExactlyAThousandDifferencesAmongTwentyThousandItemsForThePriceOfTwoScans) {
  constexpr int kItems = 20'000;
  add_tables();
  std::map<std::string, DiffKind> expected;
  double bytes = 0;
  for (int i = 0; i < kItems; ++i) {
    const std::string id = "key " + std::to_string(i);
    const int kind = i < 19'982 ? i % 60 : 0;  // 333 of each, and one more
    const bool missing = kind == 1;
    const bool extraneous = kind == 2;
    const bool different = kind == 3;
    if (!extraneous) put(id, filled("a"));
    if (!missing) put_replica(id, filled(different ? "b" : "a"));
    bytes += (extraneous || missing ? 1 : 2) * static_cast<double>(2'600 + id.size() + 4);
    if (missing) expected[key_of(id)] = DiffKind::kMissing;
    if (extraneous) expected[key_of(id)] = DiffKind::kExtraneous;
    if (different) expected[key_of(id)] = DiffKind::kDifferent;
  }
  ASSERT_EQ(expected.size(), 1'000u);

  DiffRun diff = make_diff();
  diff.options.memory_bytes = 256u << 10;
  diff.options.temp_folder = folder.path();
  EXPECT_EQ(*diff.run(), DiffVerdict::kDifferent);
  std::map<std::string, DiffKind> found;
  for (const auto& finding : diff.findings) {
    EXPECT_TRUE(found.emplace(finding.key_json, finding.kind).second) << "named twice: " << finding.key_json;
    if (finding.kind == DiffKind::kDifferent) {
      EXPECT_THAT(finding.attributes, ::testing::ElementsAre("v"));
    }
  }
  EXPECT_EQ(found, expected);
  EXPECT_EQ(diff.totals.changing, 0u);
  EXPECT_GT(diff.totals.spilled_bytes, 0u);
  EXPECT_LE(diff.totals.primary_read_units + diff.totals.replica_read_units, 1.2 * bytes / 8'192);
  expect_no_complaints();

  diff.options.mode = Mode::kRepair;
  EXPECT_EQ(*diff.run(), DiffVerdict::kEqual);
  EXPECT_EQ(differences(), "");
  EXPECT_EQ(diff.totals.put + diff.totals.deleted, 1'000u);
  expect_no_complaints();
}

TEST_F(DiffTest, SurvivesFaultsOfTheServices) {
  add_tables();
  for (int i = 0; i < 300; ++i) {
    put("key " + std::to_string(i), "a");
    if (i % 3 != 0) put_replica("key " + std::to_string(i), i % 3 == 1 ? "a" : "b");
  }
  const support::FaultPlan::Policy faults{.seed = 3,
                                          .rate = 0.1,
                                          .kinds = {FaultKind::kInternalError, FaultKind::kProvisionedThroughput,
                                                    FaultKind::kCloseAfter, FaultKind::kWrongCrc},
                                          .operations = {"Scan", "GetItem", "PutItem", "DeleteItem"}};
  source.set_fault_policy(faults);
  target.set_fault_policy(faults);
  DiffRun diff = make_diff();
  diff.options.mode = Mode::kRepair;
  EXPECT_EQ(*diff.run(), DiffVerdict::kEqual);
  EXPECT_EQ(diff.totals.missing, 100u);
  EXPECT_EQ(diff.totals.different, 100u);
  EXPECT_EQ(differences(), "");
}

TEST_F(DiffTest, DismissesAnItemThatTheReplicaGetsLater) {
  add_tables();
  put("late", "a");
  put("lost", "a");
  DiffRun diff = make_diff();
  // The first look finds both missing; then the replication brings one of them.
  diff.hook = [&](std::string_view operation, const std::string& body) {
    if (operation == "GetItem" && body.find("late") != std::string::npos) put_replica("late", "a");
  };
  EXPECT_EQ(*diff.run(), DiffVerdict::kDifferent);
  ASSERT_EQ(diff.findings.size(), 1u);
  EXPECT_EQ(diff.findings[0].key_json, key_of("lost"));
  EXPECT_EQ(diff.totals.suspects, 2u);
}

TEST_F(DiffTest, TakesAnItemThatLivesForShortForNoDifference) {
  // Scanned in the replica only, gone when looked at, and there again between two looks: the replica is always one
  // change behind, and each look finds the primary without it.
  add_tables();
  put("witness", "0");
  put_replica("ghost", "1");
  int looks = 0;
  DiffRun diff = make_diff();
  diff.hook = [&](std::string_view operation, const std::string& body) {
    if (operation != "GetItem") return;
    if (body.find("ghost") != std::string::npos) put_replica("ghost", std::to_string(++looks / 2));
    if (body.find("witness") != std::string::npos) put_replica("witness", "0");  // shows that the table lives
  };
  EXPECT_EQ(*diff.run(), DiffVerdict::kEqual);
  EXPECT_EQ(diff.findings.size(), 0u);
  EXPECT_THAT(diff.still_changing, ::testing::ElementsAre(key_of("ghost")));
}

TEST_F(DiffTest, AHotKeyOfAReplicaThatNeverMovesIsADifference) {
  add_tables();
  put("hot", "1");
  put_replica("hot", "0");
  int looks = 1;
  DiffRun diff = make_diff();
  diff.hook = [&](std::string_view operation, const std::string& body) {
    if (operation == "GetItem" && body.find("hot") != std::string::npos) put("hot", std::to_string(++looks));
  };
  EXPECT_EQ(*diff.run(), DiffVerdict::kDifferent);
  ASSERT_EQ(diff.findings.size(), 1u);
  EXPECT_EQ(diff.findings[0].key_json, key_of("hot"));
  EXPECT_EQ(diff.findings[0].kind, jobs::DiffKind::kDifferent);
}

TEST_F(DiffTest, RepairWritesNothingOverALiveChangeThatComesInBetween) {
  add_tables();
  put("a", "1");
  put_replica("a", "0");
  DiffRun diff = make_diff();
  diff.options.mode = Mode::kRepair;
  bool once = false;
  diff.hook = [&](std::string_view operation, const std::string&) {
    if (operation != "PutItem" || std::exchange(once, true)) return;
    put("a", "2");
    put_replica("a", "2");
  };
  EXPECT_EQ(*diff.run(), DiffVerdict::kEqual);
  std::vector<std::string> values;
  for (const auto& write : target.writes_of(kTarget, key_of("a"))) values.push_back(write.item->text);
  EXPECT_THAT(values, ::testing::ElementsAre(item_of("a", "0"), item_of("a", "2")));
  expect_no_complaints();
}

TEST_F(DiffTest, RepairSeesALiveChangeThatAddsAnAttribute) {
  add_tables();
  put("a", "1");
  target.put(kTarget, R"({"id":{"S":"a"},"v":{"S":"0"}})");
  source.put(kSource, R"({"id":{"S":"a"},"v":{"S":"0"},"w":{"S":"1"}})");
  DiffRun diff = make_diff();
  diff.options.mode = Mode::kRepair;
  bool once = false;
  const std::string live = R"({"id":{"S":"a"},"v":{"S":"0"},"w":{"S":"2"}})";
  diff.hook = [&](std::string_view operation, const std::string&) {
    if (operation != "PutItem" || std::exchange(once, true)) return;
    source.put(kSource, live);
    target.put(kTarget, live);
  };
  EXPECT_EQ(*diff.run(), DiffVerdict::kEqual);
  EXPECT_EQ(target.writes_of(kTarget, key_of("a")).size(), 2u) << "ours would be a third";
  EXPECT_EQ(differences(), "");
}

TEST_F(DiffTest, RepairDoesNotLeaveAnItemThatIsDeletedMeanwhile) {
  add_tables();
  put("a", "1");
  DiffRun diff = make_diff();
  diff.options.mode = Mode::kRepair;
  bool once = false;
  diff.hook = [&](std::string_view operation, const std::string&) {
    if (operation != "PutItem" || std::exchange(once, true)) return;
    source.remove(kSource, key_of("a"));
    target.remove(kTarget, key_of("a"));  // replicated, with nothing there to delete
  };
  EXPECT_EQ(*diff.run(), DiffVerdict::kEqual);
  EXPECT_EQ(differences(), "");
}

TEST_F(DiffTest, RepairDoesNotDeleteAnItemThatIsInsertedMeanwhile) {
  add_tables();
  put_replica("a", "0");
  DiffRun diff = make_diff();
  diff.options.mode = Mode::kRepair;
  bool once = false;
  diff.hook = [&](std::string_view operation, const std::string&) {
    if (operation != "DeleteItem" || std::exchange(once, true)) return;
    put("a", "2");
    put_replica("a", "2");
  };
  EXPECT_EQ(*diff.run(), DiffVerdict::kEqual);
  EXPECT_EQ(target.writes_of(kTarget, key_of("a")).size(), 2u) << "a delete of ours would be a third";
  EXPECT_EQ(differences(), "");
}

TEST_F(DiffTest, BackfillDoesNotBringBackWhatIsDeletedMeanwhile) {
  add_tables();
  put("a", "1");
  put("b", "1");
  put_replica("b", "0");
  DiffRun diff = make_diff();
  diff.options.mode = Mode::kRepair;
  diff.options.backfill = true;
  bool once = false;
  diff.hook = [&](std::string_view operation, const std::string& body) {
    if (operation != "PutItem" || body.find(R"("S":"a")") == std::string::npos || std::exchange(once, true)) return;
    source.remove(kSource, key_of("a"));
    target.remove(kTarget, key_of("a"));
  };
  EXPECT_EQ(*diff.run(), DiffVerdict::kEqual);
  EXPECT_TRUE(once);
  EXPECT_EQ(differences(), "");
}

TEST_F(DiffTest, AnItemThatTheReplicaRefusesDoesNotKeepTheOthersBack) {
  add_tables();
  for (int i = 0; i < 20; ++i) put("key " + std::to_string(i), "a");
  target.refuse_key(kTarget, key_of("key 7"));
  for (const bool backfill : {true, false}) {
    DiffRun diff = make_diff();
    diff.options.mode = Mode::kRepair;
    diff.options.backfill = backfill;
    EXPECT_EQ(*diff.run(), DiffVerdict::kDifferent);
    EXPECT_EQ(diff.totals.put, backfill ? 19u : 0u);
    EXPECT_EQ(diff.totals.unrepaired, 1u);
  }
  EXPECT_EQ(target.snapshot(kTarget).size(), 19u);
}

TEST_F(DiffTest, KeepsWithinItsBudgets) {
  add_tables();
  for (int i = 0; i < 60; ++i) put("key " + std::to_string(i), "a");
  DiffRun diff = make_diff();
  diff.options.mode = Mode::kRepair;
  diff.options.max_write_units = 40;  // half a second's worth at once, the other 40 take a second
  const SteadyTime begun = system_clock().steady_now();
  EXPECT_EQ(*diff.run(), DiffVerdict::kEqual);
  const auto took = system_clock().steady_now() - begun;
  EXPECT_EQ(diff.totals.write_units, 60);
  EXPECT_GE(took, std::chrono::milliseconds(950));
}

}  // namespace
}  // namespace dynamirror::integration
