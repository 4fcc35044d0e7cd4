// SPDX-License-Identifier: Apache-2.0
//
// Goal: what a run says of itself is complete, and is what programs can read.
#include "app/report/summary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ReplicateSummary with_load() {
  ReplicateSummary summary;
  jobs::InitialLoad::Progress load;
  load.phase = "done";
  load.copy.resumed = true;
  load.copy.counters = {.read = 12, .applied = 9, .superseded = 1, .filtered = 0, .dead_lettered = 2};
  load.copy.scan.consumed_units = 6.5;
  load.spooled = 4;
  load.drained = 3;
  summary.load = load;
  return summary;
}

TEST(ReplicateSummary, TellsProgramsWhatTheInitialLoadDid) {
  EXPECT_THAT(to_json(with_load()),
              HasSubstr(R"("initial_load":{"phase":"done","resumed":true,"read":12,"written":9,"superseded":1,)"
                        R"("dead_lettered":2,"in_flight":0,"spooled":4,"drained":3,"consumed_read_units":6.5},)"));
  EXPECT_THAT(to_json(ReplicateSummary{}), HasSubstr(R"("initial_load":null,)"));
}

TEST(ReplicateSummary, TellsPeopleWhatTheInitialLoadDid) {
  const std::string text = to_text(with_load());
  EXPECT_THAT(text,
              HasSubstr("initial load (done): read 12 = written 9 + superseded 1 + dead-lettered 2 + in flight 0; "
                        "4 changes spooled, 3 keys drained, 6.5 read units consumed\n"));
  EXPECT_THAT(to_text(ReplicateSummary{}), Not(HasSubstr("initial load")));
}

TEST(ReplicateSummary, TellsWhatBecameOfWritesInBothTables) {
  ReplicateSummary summary;
  EXPECT_THAT(to_json(summary), HasSubstr(R"("multi_master":null,)"));
  EXPECT_THAT(to_text(summary), Not(HasSubstr("versions")));
  sink::VersionedTables::Statistics& tables = summary.multi_master.emplace();
  tables.stamped = 1200;
  tables.sent = 7;
  tables.waited = 5;
  tables.waiting = 1;
  tables.conflicts = {{"insert/insert", 2}, {"update/delete", 1}};
  EXPECT_THAT(to_json(summary), HasSubstr(R"("multi_master":{"stamped":1200,"sent":7,"waited":5,"waiting":1,)"
                                          R"("conflicts":{"insert/insert":2,"update/delete":1}},)"));
  EXPECT_THAT(to_text(summary), HasSubstr("  versions: 1,200 stamped, 7 sent, 1 waiting, 3 conflicts\n"));
}

TEST(ReplicateSummary, SaysWhatTheTargetStillLacks) {
  ReplicateSummary summary;
  EXPECT_THAT(to_json(summary), HasSubstr(R"("lag_ms":null,)"));
  summary.status.current_lag = std::chrono::milliseconds(41'000);
  EXPECT_THAT(to_json(summary), HasSubstr(R"("lag_ms":41000,)"));
  EXPECT_THAT(to_text(summary), HasSubstr("at the end 41.0 s;"));
}

}  // namespace
}  // namespace dynamirror::app
