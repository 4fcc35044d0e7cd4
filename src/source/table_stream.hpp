// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "aws/dynamodb/table_description.hpp"
#include "aws/streams/client.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "model/key.hpp"
#include "source/change_stream.hpp"

namespace dynamirror::source {

/// DynamoDB Streams: the stream of one table.
class TableStream final : public ChangeStream {
 public:
  /// DynamoDB keeps a record for 24 hours.
  static constexpr std::chrono::hours kRetention{24};

  /// REQUIRES: the client outlives the stream.
  TableStream(aws::StreamsClient& client, StreamArn arn, model::KeySchema key, aws::RecordsOptions records = {})
      : client_(client), arn_(std::move(arn)), key_(std::move(key)), records_(records) {}

  [[nodiscard]] const StreamArn& arn() const override { return arn_; }
  [[nodiscard]] std::string describe() const override { return aws::describe(arn_); }
  [[nodiscard]] const model::KeySchema& key() const override { return key_; }
  [[nodiscard]] std::chrono::hours retention() const override { return kRetention; }
  [[nodiscard]] async::Task<Result<ShardPage>> list_shards(std::optional<ShardId> after) const override;
  [[nodiscard]] async::Task<Result<std::string>> iterator(ShardId shard, model::Checkpoint from) const override;
  [[nodiscard]] async::Task<Result<aws::RecordsPage>> read(Read what) const override;
  [[nodiscard]] Loss loss(const Error& error) const override;

 private:
  aws::StreamsClient& client_;
  StreamArn arn_;
  model::KeySchema key_;
  aws::RecordsOptions records_;
};

/// The stream to replicate a table from. Pure. `table` is the table as the user named it, for messages.
/// Errors: class not found without an enabled stream, with the remedy.
[[nodiscard]] Result<StreamArn> find_stream(const aws::TableDescription& description, const std::string& table);

/// Whether the table has a stream that tells of changed items the keys alone (and what they were before).
[[nodiscard]] inline bool tells_keys_only(const aws::TableDescription& description) {
  return description.stream.enabled && !aws::has_new_images(description.stream.view_type);
}

}  // namespace dynamirror::source
