// SPDX-License-Identifier: Apache-2.0
//
// Goal: two images tell who made a change, which changes need work, and what of a change must outlive its giving way to
// another one. Method: each kind of change once, and beside it the one that only looks like it.
#include "multimaster/record.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "unit/multimaster/values.hpp"

namespace dynamirror::multimaster {
namespace {

using test::change;
using test::content;
using test::stamped;
using test::state;
using test::updated;
using test::version;
using Kind = model::Change::Kind;

const std::string kNone;

Record record(const model::Change& change) {
  auto read = read_record(change);
  EXPECT_TRUE(read);
  return read ? std::move(*read) : Record{};
}
Writer writer(const std::string& before, const std::string& after) { return writer_of(record(change(before, after))); }

bool combined(model::Change& newer, model::Change older) { return combine(newer, older); }

/// Our attributes beside a content that nobody vouches for.
std::string unvouched(int id, const Version& version) { return with_marks(content(id), {.version = version}); }

TEST(WriterOf, WhatHasNoVersionIsAnApplications) {
  EXPECT_EQ(writer(kNone, content(1)), Writer::kApplication);
  EXPECT_EQ(writer(content(1), content(2)), Writer::kApplication);
  EXPECT_EQ(writer(content(1), kNone), Writer::kApplication);
  EXPECT_EQ(writer(stamped(1, version(5, 1)), content(2)), Writer::kApplication) << "a put";
  EXPECT_EQ(writer(stamped(1, version(5, 1)), content(1)), Writer::kApplication) << "a put of what was there";
}

TEST(WriterOf, AnUpdateKeepsTheVersionAndIsAnApplications) {
  EXPECT_EQ(writer(stamped(1, version(5, 1)), updated(stamped(1, version(5, 1)), 1, 2)), Writer::kApplication);
}

TEST(WriterOf, ADeletionOfWhatIsNotMarkedIsAnApplications) {
  EXPECT_EQ(writer(stamped(1, version(5, 1)), kNone), Writer::kApplication);
  EXPECT_EQ(writer(stamped(1, version(5, 1), true), kNone), Writer::kEraser);
}

TEST(WriterOf, AGreaterVersionWithItsContentIsTheReplicators) {
  EXPECT_EQ(writer(kNone, stamped(1, version(5, 1))), Writer::kReplicator);
  EXPECT_EQ(writer(content(1), stamped(2, version(5, 1))), Writer::kReplicator);
  EXPECT_EQ(writer(stamped(1, version(4, 1)), stamped(2, version(5, 1))), Writer::kReplicator);
}

TEST(WriterOf, AnItemWrittenBackWithTheVersionItHadIsAnApplications) {
  EXPECT_EQ(writer(stamped(2, version(6, 2)), stamped(1, version(5, 1))), Writer::kApplication);
  EXPECT_EQ(writer(stamped(2, version(5, 1)), stamped(1, version(5, 1))), Writer::kApplication);
  EXPECT_EQ(writer(stamped(1, version(4, 1)), updated(stamped(2, version(5, 1)), 2, 3)), Writer::kApplication)
      << "a greater version, and a content that it is not of";
}

TEST(WriterOf, AVersionForTheContentThatIsThereIsAStamp) {
  EXPECT_EQ(writer(content(1), stamped(1, version(5, 1))), Writer::kStamp);
  EXPECT_EQ(writer(stamped(1, version(4, 1)), stamped(1, version(5, 1))), Writer::kStamp);
}

TEST(WriterOf, AMarkIsAStampUnlessItBringsAContentOfAnotherTime) {
  EXPECT_EQ(writer(stamped(1, version(4, 1)), stamped(1, version(5, 1), true)), Writer::kStamp);
  EXPECT_EQ(writer(kNone,
                   with_marks(test::kKey,
                              {.version = version(5, 1), .hash = hash_of(state(test::kKey).content), .deleted = true})),
            Writer::kStamp);
  EXPECT_EQ(writer(stamped(2, version(6, 1)), stamped(1, version(5, 1), true)), Writer::kApplication);
}

TEST(WriterOf, AVersionWithoutAHashIsATouch) {
  EXPECT_EQ(writer(content(1), unvouched(1, version(5, 1))), Writer::kTouch);
  EXPECT_EQ(writer(stamped(1, version(4, 1)), unvouched(1, version(5, 1))), Writer::kTouch);
  EXPECT_EQ(writer(stamped(1, version(4, 1)), unvouched(2, version(5, 1))), Writer::kApplication);
}

TEST(ReadRecord, WhatWasUpdatedBetweenMarkAndErasureCountsAsPut) {
  const std::string marked_then_updated = updated(stamped(1, version(5, 1), true), 1, 2);
  const Record seen = record(change(marked_then_updated, kNone));
  EXPECT_TRUE(seen.erased_unseen);
  EXPECT_EQ(seen.kind, Kind::kModify);
  ASSERT_TRUE(seen.new_image);
  EXPECT_EQ(seen.new_image->content, state(content(2)).content);
  EXPECT_EQ(writer_of(seen), Writer::kApplication);
  EXPECT_FALSE(record(change(stamped(1, version(5, 1), true), kNone)).erased_unseen);
  EXPECT_FALSE(record(change(updated(stamped(1, version(5, 1)), 1, 2), kNone)).erased_unseen);
}

TEST(ReadRecord, BringsWhatTheStreamSays) {
  model::Change expired = change(content(1), kNone, 7, 42);
  expired.set_expiry();
  const Record seen = record(expired);
  EXPECT_TRUE(seen.expiry);
  EXPECT_TRUE(seen.is_removal());
  EXPECT_EQ(seen.time, 7'000'000);
  EXPECT_EQ(seen.sequence, model::SequenceNumber::of(42));
  EXPECT_FALSE(read_record(change("no item", content(1))));
  EXPECT_FALSE(read_record(change(content(1), "no item")));
}

struct Need {
  std::string before;
  std::string after;
  bool mesh = false;
  bool ring = false;
  const char* what = "";
};

TEST(NeedsWork, LocalWritesDoAndOfOursWhatMustBeSentOnOrLookedAfter) {
  const Version own = version(5, 1, "a");
  const Version others = version(5, 1, "b");
  const std::string before = stamped(1, version(1, 1, "b"));
  const std::string mark = stamped(1, others, true);
  const std::vector<Need> needs{
      {kNone, content(1), true, true, "a write"},
      {content(1), kNone, true, true, "a deletion"},
      {content(1), unvouched(1, own), true, true, "a touch"},
      {content(1), stamped(1, own), false, false, "its own stamp"},
      {before, stamped(1, others), false, true, "another table's write of the content that was there"},
      {before, stamped(2, others), false, true, "another table's write"},
      {before, stamped(2, own), true, true, "what was put back"},
      {kNone, stamped(2, others), true, true, "another table's insert, which may have come after its deletion"},
      {before, mark, false, false, "a mark"},
      {kNone, mark, true, true, "a mark on nothing"},
      {stamped(1, version(1, 0, "b"), true), kNone, false, true, "an erasure"},
      {mark, kNone, true, true, "an erasure by a version that is later than it"},
  };
  for (const Need& need : needs) {
    const Record seen = record(change(need.before, need.after));
    EXPECT_EQ(needs_work(seen, "a", Topology::kMesh), need.mesh) << need.what;
    EXPECT_EQ(needs_work(seen, "a", Topology::kRing), need.ring) << need.what;
  }
}

TEST(Combine, OfTwoLocalWritesTheLaterStays) {
  model::Change newer = change(content(1), content(2), 2, 2);
  EXPECT_TRUE(combined(newer, change(kNone, content(1), 1, 1)));
  EXPECT_EQ(newer.image(), content(2));
  EXPECT_EQ(newer.old_image(), content(1)) << "no version to be brought";
}

TEST(Combine, ALocalWriteNeverGivesWayToARecordOfOurs) {
  const std::string ours = stamped(1, version(5, 1, "b"));
  model::Change put = change(kNone, ours, 2, 2);
  EXPECT_FALSE(combined(put, change(content(1), kNone, 1, 1)));
  model::Change local = change(ours, content(2), 2, 2);
  EXPECT_TRUE(combined(local, change(kNone, ours, 1, 1)));
  model::Change second = change(ours, stamped(2, version(6, 1, "b")), 2, 2);
  EXPECT_TRUE(combined(second, change(kNone, ours, 1, 1))) << "of two of ours the later one";
}

TEST(Combine, TheOneThatStaysBringsTheGreatestVersionThatEitherHad) {
  const Version greatest = version(9, 1, "b");
  const struct {
    std::string older_before, older_after, newer_before;
  } cases[] = {
      {stamped(1, greatest), content(2), content(2)},
      {stamped(1, version(3, 1, "b")), updated(stamped(1, greatest), 1, 2), content(2)},
      {stamped(1, greatest), kNone, kNone},
      {stamped(1, version(3, 1, "b")), content(2), stamped(4, greatest)},
      {stamped(1, greatest), content(2), stamped(4, version(8, 1, "b"))},
  };
  for (const auto& c : cases) {
    model::Change newer = change(c.newer_before, content(3), 2, 2);
    EXPECT_TRUE(combined(newer, change(c.older_before, c.older_after, 1, 1)));
    const Record seen = record(newer);
    ASSERT_TRUE(seen.old_image) << newer.old_image();
    EXPECT_EQ(seen.old_image->version, greatest) << newer.old_image();
    EXPECT_EQ(newer.image(), content(3));
    const std::string content_before = c.newer_before.empty() ? test::kKey : without_marks(c.newer_before);
    EXPECT_EQ(without_marks(newer.old_image()), content_before) << "the content stays its own";
  }
}

TEST(Combine, AnErasureIsStillRememberedWhenItsKeeperTakesOverAVersion) {
  const Version deletion = version(9, 1, "b");
  model::Change put = change(content(1), content(2), 2, 2);
  model::Change erasure = change(stamped(2, deletion, true), kNone, 2, 3);
  EXPECT_FALSE(combine(erasure, put));
  model::Change older = change(stamped(3, version(4, 1, "b")), content(1), 1, 1);
  EXPECT_TRUE(combine(put, older));
  const Record seen = record(put);
  EXPECT_EQ(seen.old_image->version, version(4, 1, "b"));
  ASSERT_TRUE(seen.old_image->erased);
  EXPECT_EQ(seen.old_image->erased->version, deletion);
}

TEST(Combine, AnErasureThatGivesWayIsRememberedForTheWritesAfterIt) {
  const Version deletion = version(9, 1, "b");
  model::Change put = change(kNone, content(1), 2, 1);
  model::Change erasure = change(stamped(1, deletion, true), kNone, 2, 3);
  EXPECT_FALSE(combine(erasure, put));
  const Record seen = record(put);
  EXPECT_EQ(writer_of(seen), Writer::kApplication);
  ASSERT_TRUE(seen.old_image && seen.old_image->erased);
  EXPECT_EQ(seen.old_image->version, std::nullopt) << "it is from before the erasure";
  EXPECT_EQ(seen.old_image->erased->version, deletion);
  EXPECT_EQ(seen.old_image->erased->at, model::SequenceNumber::of(3));
  model::Change next = change(kNone, content(2), 2, 4);
  EXPECT_TRUE(combine(next, put));
  const Record after = record(next);
  ASSERT_TRUE(after.old_image);
  EXPECT_EQ(after.old_image->version, deletion);
  EXPECT_FALSE(after.old_image->erased);
}

TEST(Combine, WhatWasErasedUnseenStaysThat) {
  const Version deletion = version(5, 1, "b");
  model::Change erased = change(updated(stamped(1, deletion, true), 1, 2), kNone, 2, 2);
  EXPECT_TRUE(combined(erased, change(stamped(3, version(9, 1, "b")), content(4), 1, 1)));
  const Record seen = record(erased);
  EXPECT_TRUE(seen.erased_unseen);
  EXPECT_EQ(seen.old_image->version, version(9, 1, "b"));
  EXPECT_EQ(seen.new_image->content, state(content(2)).content);
}

TEST(Combine, AWriteIsNoEarlierThanTheOneItStandsFor) {
  model::Change newer = change(content(1), content(2), 5, 2);
  EXPECT_TRUE(combined(newer, change(kNone, content(1), 7, 1)));
  EXPECT_EQ(newer.created(), WallTime(std::chrono::seconds(7)));
  EXPECT_EQ(newer.sequence(), model::SequenceNumber::of(2));
}

}  // namespace
}  // namespace dynamirror::multimaster
