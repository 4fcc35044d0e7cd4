// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "async/task.hpp"
#include "aws/dynamodb/client.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"

namespace dynamirror::aws {

/// A stream of Kinesis that DynamoDB tells a table's changes to.
struct KinesisDestination {
  StreamArn stream;
  std::string status;           ///< "ENABLING", "ACTIVE", "DISABLING", "DISABLED", "ENABLE_FAILED", "UPDATING"
  std::string status_reason{};  ///< of a failure
  std::string precision{};      ///< "MILLISECOND", "MICROSECOND"; empty: the service does not say
};

/// DescribeKinesisStreamingDestination: those of the last 24 hours. Errors: those of `DynamoDbClient::control`.
[[nodiscard]] async::Task<Result<std::vector<KinesisDestination>>> kinesis_destinations(DynamoDbClient& client,
                                                                                        const TableName& table);

/// EnableKinesisStreamingDestination, with times in microseconds, which alone tell the order of two changes of a key
/// that come in one millisecond. The service takes a while: it answers ENABLING, and changes made before it is ACTIVE
/// are not in the stream. Errors: as above; class invalid or conflict when the table has one already.
[[nodiscard]] async::Task<Result<KinesisDestination>> enable_kinesis_destination(DynamoDbClient& client,
                                                                                 const TableName& table,
                                                                                 const StreamArn& stream);

}  // namespace dynamirror::aws
