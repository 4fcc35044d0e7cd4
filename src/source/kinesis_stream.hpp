// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "aws/kinesis/client.hpp"
#include "aws/kinesis/record.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "model/key.hpp"
#include "source/change_stream.hpp"

namespace dynamirror::source {

/// Kinesis Data Streams: a stream that an application, or DynamoDB itself, tells a table's changes to. What its records
/// may be: see `aws::KinesisRecordReader`.
///
/// A position is a record, or one within an aggregated record; reading goes on at the record of the position, and drops
/// what is not after it, as KCL does. That shows, too, whether the record is still there: Kinesis answers a position
/// that is older than what it keeps with the oldest record there is, and says nothing of the gap. `loss` is kRecords
/// then, even if nothing came between.
class KinesisStream final : public ChangeStream {
 public:
  struct Options {
    aws::KinesisRecordFormat format;
    /// `beginning`, in place of the oldest record; also the moment of an AT_TIMESTAMP that names none.
    std::optional<WallTime> start_time{};
    std::optional<int> most_records{};  ///< of one read; nothing: as many as are asked for
    /// The service allows all readers of a shard together 5 GetRecords and 2 MB a second. One call in five is left to
    /// others.
    ReadPace pace{.between_reads = std::chrono::milliseconds(250), .bytes_per_second = 2u << 20};
  };

  /// REQUIRES: the client outlives the stream. Errors: those of DescribeStreamSummary; class invalid when the stream is
  /// not the one that the client names by its ARN, or is being deleted; class not found ("StreamNotFound").
  [[nodiscard]] static async::Task<Result<std::unique_ptr<KinesisStream>>> open(aws::KinesisClient& client,
                                                                                Options options);

  /// With the second of its creation behind: a stream that was made anew with the same name is another one, whose
  /// shards have the same names.
  [[nodiscard]] const StreamArn& arn() const override { return arn_; }
  [[nodiscard]] std::string describe() const override { return client_.stream().display; }
  [[nodiscard]] const model::KeySchema& key() const override { return options_.format.key; }
  [[nodiscard]] std::chrono::hours retention() const override { return retention_; }
  [[nodiscard]] model::Checkpoint beginning() const override {
    return options_.start_time ? model::Checkpoint(model::AtTimestamp{options_.start_time}) : model::TrimHorizon{};
  }
  /// The margin is for clocks that differ: the service goes by its own.
  [[nodiscard]] model::Checkpoint in_place_of_latest(WallTime taken) const override {
    return model::AtTimestamp{taken - std::chrono::minutes(10)};
  }
  [[nodiscard]] ReadPace pace() const override { return options_.pace; }
  [[nodiscard]] async::Task<Result<ShardPage>> list_shards(std::optional<ShardId> after) const override;
  [[nodiscard]] async::Task<Result<std::string>> iterator(ShardId shard, model::Checkpoint from) const override;
  [[nodiscard]] async::Task<Result<aws::RecordsPage>> read(Read what) const override;
  [[nodiscard]] Loss loss(const Error& error) const override;

 private:
  KinesisStream(aws::KinesisClient& client, Options options, const aws::KinesisStreamSummary& summary);
  [[nodiscard]] Result<model::Checkpoint> settled(const model::Checkpoint& from) const;
  [[nodiscard]] async::Task<Error> tell_stream_from_shard(Error error) const;

  aws::KinesisClient& client_;
  Options options_;
  StreamArn arn_;
  std::chrono::hours retention_;
  mutable aws::KinesisRecordReader records_;  ///< pages are parsed without suspension
  /// Of the last page that another one follows. Good for 300 seconds; the last shard of the page serves as well.
  mutable std::optional<std::pair<ShardId, std::string>> next_token_;
};

}  // namespace dynamirror::source
