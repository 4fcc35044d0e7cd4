// SPDX-License-Identifier: Apache-2.0
//
// Goal: a running task of awslabs' tool is found by its name, and workers are told apart. The example is made with
// `printf us-east-1Ordersus-west-2OrdersReplica | md5sum`.
#include "coordination/lease_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::coordination {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const CrossRegionTask kTask{.source_region = "us-east-1",
                            .source_table = "Orders",
                            .target_region = "us-west-2",
                            .target_table = "OrdersReplica"};

TEST(CrossRegionLeaseTable, IsNamedByRegionsAndTables) {
  EXPECT_EQ(cross_region_lease_table("", kTask), "DynamoDBCrossRegionReplication5d5acded41cf96306faf419caf6d78a5");
  CrossRegionTask reverse{.source_region = kTask.target_region,
                          .source_table = kTask.target_table,
                          .target_region = kTask.source_region,
                          .target_table = kTask.source_table};
  EXPECT_NE(cross_region_lease_table("", reverse).value(), cross_region_lease_table("", kTask).value());
}

TEST(CrossRegionLeaseTable, IsNamedByTheTaskWhenThereIsOne) {
  EXPECT_EQ(cross_region_lease_table("orders", kTask), "DynamoDBCrossRegionReplicationorders");
}

TEST(CrossRegionLeaseTable, IsNoLongerThanATablesNameMayBe) {
  const std::size_t room = 255 - std::string("DynamoDBCrossRegionReplication").size();
  EXPECT_TRUE(cross_region_lease_table(std::string(room, 't'), kTask));
  const auto long_name = cross_region_lease_table(std::string(room + 1, 't'), kTask);
  ASSERT_FALSE(long_name);
  EXPECT_EQ(long_name.error().error_class, ErrorClass::kInvalid);
  EXPECT_THAT(long_name.error().message, HasSubstr(std::to_string(room)));
}

TEST(WorkerId, IsNewWithEveryStart) {
  Random random(1);
  const std::string first = new_worker_id(random);
  EXPECT_THAT(first, StartsWith("dynamirror-"));
  EXPECT_NE(new_worker_id(random), first);
}

TEST(WorkerId, IsKnownForOurs) {
  Random random(1);
  EXPECT_TRUE(is_our_worker(new_worker_id(random)));
  EXPECT_TRUE(is_our_worker("dynamirror-ip-10-0-0-1.ec2.internal-1-00ff00ff00ff00ff"));
}

TEST(WorkerId, OfAnotherMakeIsNotTakenForOursWhateverItsHostIsCalled) {
  for (const char* name :
       {"", "dynamirror-", "dynamirror-0", "dynamirror-0:6f0c1e3a-9b1d-4c52-8a77-0123456789ab",
        "dynamirror-6d4cf56db6-xk2lp", "dynamirror-0123456789abcdef", "dynamirror-h-0123456789abcdef",
        "dynamirror-h-12-0123456789ABCDEF", "workerDynamoDBCrossRegionReplication-1-0123456789abcdef"}) {
    EXPECT_FALSE(is_our_worker(name)) << name;
  }
}

}  // namespace
}  // namespace dynamirror::coordination
