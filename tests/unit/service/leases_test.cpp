// SPDX-License-Identifier: Apache-2.0
//
// Goal: with the table of awslabs' tool, however it is named on the command line, its workers are waited for as long as
// they may take. Method: names.
#include "service/leases.hpp"

#include <gtest/gtest.h>

namespace dynamirror::service {
namespace {

const coordination::CrossRegionTask kTask{"us-east-1", "Orders", "us-west-2", "OrdersReplica"};

TEST(Leases, TheTableOfAwslabsToolHasItsFailOverTimeHoweverItIsNamed) {
  const LeaseOptions derived;
  const LeaseOptions by_task{.task = "Orders"};
  for (const LeaseOptions& options : {derived, by_task}) {
    const auto name = lease_table_name(options, kTask);
    ASSERT_TRUE(name);
    EXPECT_EQ(default_failover(*name), kCrossRegionFailover);
    const LeaseOptions in_full{.table = *name};
    EXPECT_EQ(default_failover(*lease_table_name(in_full, kTask)), kCrossRegionFailover);
  }
  EXPECT_EQ(default_failover("orders-replica"), kFailover);
}

}  // namespace
}  // namespace dynamirror::service
