// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "aws/api_client.hpp"
#include "aws/kinesis/record.hpp"
#include "aws/streams/records_page.hpp"
#include "base/clock.hpp"
#include "base/strong_id.hpp"
#include "json/reader.hpp"
#include "model/checkpoint.hpp"
#include "model/shard.hpp"

namespace dynamirror::aws {

/// How requests name a stream. A stream of another account must be named by its ARN; servers other than AWS's know
/// names alone.
struct KinesisStreamName {
  std::string name;
  StreamArn arn{};      ///< empty: by its name
  std::string display;  ///< for messages, e.g. "kinesis:eu-west-1/orders"
};

/// What DescribeStreamSummary answers.
struct KinesisStreamSummary {
  StreamArn arn;
  std::string status;            ///< "CREATING", "ACTIVE", "UPDATING", "DELETING"
  std::chrono::hours retention;  ///< how long a record can be read: 24 hours to 365 days
  WallTime created{};            ///< tells a stream from an earlier one of its name
};

/// One page of ListShards.
struct KinesisShardPage {
  std::vector<model::Shard> shards;       ///< in the order of their ids
  std::optional<std::string> next_token;  ///< more pages follow; good for 300 seconds
};

/// The calls of Kinesis Data Streams that we use, for one stream.
///
/// Errors are those of ApiClient, throttling being returned at once to the caller, who paces itself; plus class fatal
/// for an answer that is not what the service documents. Of note: codes "ExpiredIteratorException" (5 minutes after it
/// was given), "ExpiredNextTokenException", "ResourceNotFoundException" (of the stream, or of one shard), each class as
/// classified beside the wire. Arguments are borrowed until the task ends. Not thread-safe: lives on one event loop;
/// calls may overlap.
class KinesisClient {
 public:
  /// REQUIRES: api (service "kinesis", target prefix `kTargetPrefix`, JSON version `kJsonVersion`) outlives the client.
  KinesisClient(ApiClient& api, KinesisStreamName stream) : api_(api), stream_(std::move(stream)) {}

  static constexpr const char* kTargetPrefix = "Kinesis_20131202";
  static constexpr const char* kJsonVersion = "1.1";

  [[nodiscard]] const KinesisStreamName& stream() const { return stream_; }

  [[nodiscard]] async::Task<Result<KinesisStreamSummary>> describe_stream_summary();

  struct ListShards {
    std::optional<std::string> next_token{};  ///< of the page before; `after` is not said then
    std::optional<ShardId> after{};           ///< only shards whose id follows this one
  };
  [[nodiscard]] async::Task<Result<KinesisShardPage>> list_shards(ListShards options);

  struct IteratorAt {
    ShardId shard;
    model::Checkpoint from;
    bool inclusive = false;  ///< AT_SEQUENCE_NUMBER instead of AFTER_SEQUENCE_NUMBER
  };
  /// Where reading starts. REQUIRES: `from` is not the shard's end; an AtTimestamp has its moment.
  [[nodiscard]] async::Task<Result<std::string>> get_shard_iterator(const IteratorAt& where);

  struct GetRecords {
    std::string iterator;
    int limit = 10'000;  ///< the service's maximum; it may answer fewer, also none
    ShardId shard;       ///< for messages
  };
  /// Errors of the page itself: see `parse_kinesis_page`.
  [[nodiscard]] async::Task<Result<RecordsPage>> get_records(KinesisRecordReader& records, const GetRecords& options);

 private:
  [[nodiscard]] std::string shard_resource(const ShardId& shard) const;

  ApiClient& api_;
  KinesisStreamName stream_;
  json::Reader reader_;  ///< answers are read without suspension, so one serves all calls
};

}  // namespace dynamirror::aws
