// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.hpp"
#include "aws/api_client.hpp"
#include "aws/streams/records_page.hpp"
#include "base/strong_id.hpp"
#include "json/reader.hpp"
#include "model/checkpoint.hpp"
#include "model/key.hpp"
#include "model/shard.hpp"

namespace dynamirror::aws {

/// One page of DescribeStream.
struct StreamDescription {
  StreamArn arn;
  std::string status;     ///< "ENABLING", "ENABLED", "DISABLING", "DISABLED"
  std::string view_type;  ///< "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"
  TableName table;
  std::string hash_name;  ///< key schema: the stream knows names, not types
  std::optional<std::string> range_name;
  std::vector<model::Shard> shards;       ///< in no order
  std::optional<ShardId> last_evaluated;  ///< more pages follow after this shard
};

struct DescribeStreamOptions {
  std::optional<ShardId> exclusive_start{};  ///< the last page's `last_evaluated`
  std::optional<ShardId> children_of{};      ///< only the children of this closed shard (ShardFilter CHILD_SHARDS)
  int limit = 100;                           ///< the service's maximum
};

struct GetRecordsOptions {
  std::string iterator;
  int limit = 1000;  ///< the service's maximum; it may answer fewer, also none
  ShardId shard;     ///< for messages
  RecordsOptions records{};
};

/// The calls of DynamoDB Streams that we use.
///
/// Errors are those of ApiClient, throttling being returned at once to the caller, who paces itself; plus class fatal
/// for an answer that is not what the service documents. `resource` names region, table, stream label and shard. Of
/// note: code "ExpiredIteratorException" (15 minutes after it was given), "TrimmedDataAccessException" (the position is
/// older than 24 hours), both class as classified beside the wire. Arguments are borrowed until the task ends. Not
/// thread-safe: lives on one event loop; calls may overlap.
class StreamsClient {
 public:
  /// REQUIRES: api (with target prefix "DynamoDBStreams_20120810") outlives the client.
  explicit StreamsClient(ApiClient& api) : api_(api) {}

  [[nodiscard]] async::Task<Result<StreamDescription>> describe_stream(const StreamArn& stream,
                                                                       DescribeStreamOptions options);

  /// Where reading starts: TRIM_HORIZON, LATEST or AFTER_SEQUENCE_NUMBER. REQUIRES: `from` is not the shard's end.
  [[nodiscard]] async::Task<Result<std::string>> get_shard_iterator(const StreamArn& stream, const ShardId& shard,
                                                                    const model::Checkpoint& from);

  /// Errors of the page itself: see `parse_records_page`. `key` is the table's schema.
  [[nodiscard]] async::Task<Result<RecordsPage>> get_records(const StreamArn& stream, const model::KeySchema& key,
                                                             GetRecordsOptions options);

 private:
  ApiClient& api_;
  json::Reader reader_;  ///< answers are read without suspension, so one serves all calls
};

/// "eu-west-1/Orders stream 2026-01-01T00:00:00.000" from a stream's ARN, for messages; the ARN itself if it is none.
[[nodiscard]] std::string describe(const StreamArn& stream);

}  // namespace dynamirror::aws
