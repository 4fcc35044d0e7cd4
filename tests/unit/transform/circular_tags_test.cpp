// SPDX-License-Identifier: Apache-2.0
//
// Goal: a change is tagged when it leaves the table that it began in, goes once around the circle, and ends before that
// table; items are otherwise not touched.
// Method: images by hand; a circle of three tables, each hop by its own rule.
#include "transform/circular_tags.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace dynamirror::transform {
namespace {

const TaggedTable kEast{.region = "us-east-1", .table = "Orders"};
const TaggedTable kWest{.region = "us-west-2", .table = "Orders"};
const TaggedTable kEurope{.region = "eu-west-1", .table = "Orders-eu"};

CircularTags from_to(const TaggedTable& source, const TaggedTable& target) {
  return CircularTags({.source = source, .target = target});
}

model::Change change_of(std::string_view image) {
  return {R"({"id":{"S":"a"}})", image, model::SequenceNumber::parse("1").value(), WallTime{}};
}

struct Judged {
  Verdict verdict;
  std::string image;
};
Judged judge(const CircularTags& rule, std::string_view image) {
  model::Change change = change_of(image);
  const Verdict verdict = rule.apply(change, WallTime{});
  EXPECT_EQ(change.key(), R"({"id":{"S":"a"}})");
  return {verdict, std::string(change.image())};
}

constexpr std::string_view kTagsOfEast =
    R"("_repl_source_region":{"S":"us-east-1"},"_repl_source_table":{"S":"Orders"})";

TEST(CircularTags, TagsAnItemWithTheTableThatItLeavesAndChangesNothingElse) {
  const auto rule = from_to(kEast, kWest);
  const std::string item = R"({"id":{"S":"a"},"n":{"N":"1.2345678901234567890123456789012345678"},"s":{"S":"}"})";
  const auto judged = judge(rule, item + "}");
  EXPECT_EQ(judged.verdict, Verdict::kRewrite);
  EXPECT_EQ(judged.image, item + "," + std::string(kTagsOfEast) + "}");
}

TEST(CircularTags, DropsWhatBeganInTheTarget) {
  const std::string item = R"({"id":{"S":"a"},)" + std::string(kTagsOfEast) + "}";
  EXPECT_EQ(judge(from_to(kWest, kEast), item).verdict, Verdict::kDrop);
  EXPECT_EQ(judge(from_to(kWest, kEast), R"({ "_repl_source_table" : { "S" : "Orders" } , "id":{"S":"a"},)"
                                         R"( "_repl_source_\u0072egion" : {"S":"us\u002deast-1"} } )")
                .verdict,
            Verdict::kDrop);
}

TEST(CircularTags, PassesOnWhatBeganElsewhereAsItIs) {
  const std::string item = R"({"id":{"S":"a"},)" + std::string(kTagsOfEast) + "}";
  for (const TaggedTable& target : {kEurope, TaggedTable{.region = "us-east-1", .table = "orders"},
                                    TaggedTable{.region = "us-east-2", .table = "Orders"}}) {
    const auto judged = judge(from_to(kWest, target), item);
    EXPECT_EQ(judged.verdict, Verdict::kPass) << target.region << "/" << target.table;
    EXPECT_EQ(judged.image, item);
  }
}

TEST(CircularTags, AreAttributesOfTheItemItself) {
  const std::string item = R"({"id":{"S":"_repl_source_region"},"m":{"M":{)" + std::string(kTagsOfEast) + "}}";
  const auto judged = judge(from_to(kWest, kEast), item + "}");
  EXPECT_EQ(judged.verdict, Verdict::kRewrite);
  EXPECT_EQ(judged.image, item + R"(,"_repl_source_region":{"S":"us-west-2"},"_repl_source_table":{"S":"Orders"}})");
}

// As the circular replicator does: the region alone tells whether an item is tagged.
TEST(CircularTags, BrokenTagsAreMendedWhereTheRegionIsMissingAndKeptWhereNot) {
  const auto without_region = judge(from_to(kEast, kWest), R"({"id":{"S":"a"},"_repl_source_table":{"S":"Orders"}})");
  EXPECT_EQ(without_region.verdict, Verdict::kRewrite);
  EXPECT_EQ(without_region.image, R"({"id":{"S":"a"},)" + std::string(kTagsOfEast) + "}");
  for (const std::string item :
       {R"({"id":{"S":"a"},"_repl_source_region":{"S":"us-west-2"}})",
        R"({"id":{"S":"a"},"_repl_source_region":{"N":"1"},"_repl_source_table":{"NULL":true}})"}) {
    const auto kept = judge(from_to(kEast, kWest), item);
    EXPECT_EQ(kept.verdict, Verdict::kPass);
    EXPECT_EQ(kept.image, item);
  }
}

TEST(CircularTags, DeletionsAlwaysPass) {
  EXPECT_EQ(judge(from_to(kWest, kEast), "").verdict, Verdict::kPass);
  model::Change deletion = change_of("");
  deletion.set_old_image(R"({"id":{"S":"a"},)" + std::string(kTagsOfEast) + "}");
  EXPECT_EQ(from_to(kWest, kEast).apply(deletion, WallTime{}), Verdict::kPass);
}

TEST(CircularTags, EveryChangeGoesOnceAroundTheCircle) {
  const std::array<TaggedTable, 3> circle{kEast, kWest, kEurope};
  for (std::size_t start = 0; start < circle.size(); ++start) {
    std::string image = R"({"id":{"S":"a"}})";
    std::size_t hops = 0;
    for (;; ++hops) {
      ASSERT_LT(hops, circle.size());
      const auto& source = circle[(start + hops) % circle.size()];
      const auto& target = circle[(start + hops + 1) % circle.size()];
      auto judged = judge(from_to(source, target), image);
      if (judged.verdict == Verdict::kDrop) break;
      image = std::move(judged.image);
    }
    EXPECT_EQ(hops, 2u);
    EXPECT_NE(image.find(circle[start].region), std::string::npos);
  }
}

}  // namespace
}  // namespace dynamirror::transform
