// SPDX-License-Identifier: Apache-2.0
//
// Goal: writing the object of an item that was read a while ago undoes no newer state and resurrects no deleted item.
// Method: a bucket in memory; the item handed over is older than what the table holds, as in a scan's page.
#include "integration/copy_fixture.hpp"
#include "integration/replicate_fixture.hpp"
#include "jobs/item_backup/incremental_record.hpp"
#include "support/memory_objects.hpp"

namespace dynamirror::integration {
namespace {

class StaleItem : public ReplicateTest {
 protected:
  [[nodiscard]] jobs::ObjectUpdate write(const std::string& stale, bool recheck) {
    add_tables();
    if (!now.empty()) put("a", now);
    CopyProcess process({source.address_of(kSource), target.address_of(kTarget), folder.path()});
    jobs::ObjectUpdate update;
    process.execute(write_object(process.source(), stale, recheck, update), {});
    return update;
  }

  async::Task<> write_object(jobs::TableSide& table, std::string stale, bool recheck, jobs::ObjectUpdate& update) {
    std::string key = key_of("a");
    sink::ItemObject object{"Orders/a", std::nullopt};
    auto written =
        co_await jobs::write_item_object(table, store, std::move(object), std::move(key), item_of("a", stale), recheck);
    EXPECT_TRUE(written);
    if (written) update = std::move(*written);
  }

  std::string now;  ///< the item's value in the table; empty: it was deleted
  support::MemoryObjects store;
};

TEST_F(StaleItem, FollowsTheTableWhenTheItemHasChanged) {
  now = "2";
  EXPECT_EQ(write("1", true).corrections, 1);
  EXPECT_EQ(store.newest("Orders/a"), item_of("a", "2"));
}

TEST_F(StaleItem, IsRemovedAgainWhenTheItemWasDeleted) {
  EXPECT_EQ(write("1", true).corrections, 1);
  EXPECT_EQ(store.newest("Orders/a"), std::nullopt);
}

TEST_F(StaleItem, IsWrittenOnceWhenNothingHasChanged) {
  now = "1";
  EXPECT_EQ(write("1", true).corrections, 0);
  EXPECT_EQ(store.versions["Orders/a"].size(), 1u);
}

TEST_F(StaleItem, StaysAsItIsWithoutTheSecondLook) {
  now = "2";
  EXPECT_EQ(write("1", false).consumed_read_units, 0);
  EXPECT_EQ(store.newest("Orders/a"), item_of("a", "1"));
}

}  // namespace
}  // namespace dynamirror::integration
