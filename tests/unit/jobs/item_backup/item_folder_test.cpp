// SPDX-License-Identifier: Apache-2.0
//
// Goal: the items of a table are found where this tool or mapbox's has put them, its description never among them.
// Method: a bucket in memory.
#include "jobs/item_backup/item_folder.hpp"

#include <gtest/gtest.h>

#include "aws/content_hash.hpp"
#include "jobs/item_backup/incremental_record.hpp"
#include "support/memory_objects.hpp"
#include "support/run_task.hpp"

namespace dynamirror::jobs {
namespace {

using std::chrono::seconds;
using support::run_task;

class ItemFolder : public ::testing::Test {
 protected:
  std::string folder() {
    const auto found = run_task(find_item_folder(store, "t"));
    return found ? *found : to_line(found.error());
  }
  std::string key() {
    const auto found = run_task(find_item_key(store, "t"));
    if (!found) return to_line(found.error());
    return *found ? model::describe(**found) : "nothing";
  }
  void write(int second, const std::string& name, std::optional<std::string> body) {
    store.now = WallTime(seconds(second));
    store.write(name, std::move(body));
  }

  support::MemoryObjects store;
};

TEST_F(ItemFolder, IsBehindAnEmptyPartOfTheNameOnlyWhereNothingIsInThePlainPlace) {
  EXPECT_EQ(folder(), "t");
  store.write("/t2/a", "a neighbour's");
  EXPECT_EQ(folder(), "t");
  store.write("/t/a", "{}");
  EXPECT_EQ(folder(), "/t");
  store.write("t/a", "{}");
  EXPECT_EQ(folder(), "t");
  store.write("t/a", std::nullopt);
  EXPECT_EQ(folder(), "t") << "its items are deleted now";
}

TEST_F(ItemFolder, ItsDescriptionIsReadFromWhereItWasFormerlyToo) {
  EXPECT_EQ(run_task(read_item_settings(store, "t")).value(), std::nullopt);
  store.write("t.table.json", "old");
  EXPECT_EQ(run_task(read_item_settings(store, "t")).value(), "old");
  store.write("@tables/t/settings.table.json", "new");
  EXPECT_EQ(run_task(read_item_settings(store, "t")).value(), "new");
  store.write("/@tables/t/settings.table.json", "behind an empty part");
  EXPECT_EQ(run_task(read_item_settings(store, "/t")).value(), "behind an empty part");
  for (const auto& [name, _] : store.versions) EXPECT_TRUE(is_item_settings(name)) << name;
  EXPECT_FALSE(is_item_settings("t.table.json/" + std::string(64, 'a')));
}

TEST_F(ItemFolder, TellsTheKeyOfATableThatIsGone) {
  EXPECT_EQ(key(), "nothing");
  const std::string item = R"({"v":{"S":"1"},"id":{"N":"7"}})";
  store.write("t/" + aws::sha256_hex(R"({"id":{"N":"7"}})"), item);
  store.write("t/" + aws::sha256_hex(R"({"id":{"N":"7"}})"), std::nullopt);
  EXPECT_EQ(key(), "id (N)") << "from a version, although the item is deleted";
  store.write("t.table.json", R"({"Table":{"TableName":"t","TableStatus":"ACTIVE",)"
                              R"("KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],)"
                              R"("AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}]}})");
  EXPECT_EQ(key(), "pk (S)") << "the description knows";
}

TEST_F(ItemFolder, OfARecordUnderBothNamesTheNewerObjectIsRead) {
  const sink::ItemObject object{.name = "t/sorted", .old_name = "t/old"};
  const auto read = [&] { return run_task(read_item_object(store, object)).value().value_or("nothing"); };
  EXPECT_EQ(read(), "nothing");
  write(1, "t/sorted", "1");
  EXPECT_EQ(read(), "1");
  write(2, "t/old", "2");
  EXPECT_EQ(read(), "2");
  write(2, "t/sorted", "3");
  EXPECT_EQ(read(), "3") << "of two that are equally old the sorted one's";
  write(4, "t/sorted", std::nullopt);
  EXPECT_EQ(read(), "2");
}

}  // namespace
}  // namespace dynamirror::jobs
