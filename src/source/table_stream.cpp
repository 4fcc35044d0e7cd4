// SPDX-License-Identifier: Apache-2.0
#include "source/table_stream.hpp"

namespace dynamirror::source {

async::Task<Result<ChangeStream::ShardPage>> TableStream::list_shards(std::optional<ShardId> after) const {
  aws::DescribeStreamOptions options;
  options.exclusive_start = std::move(after);
  auto page = co_await client_.describe_stream(arn_, std::move(options));
  if (!page) co_return std::unexpected(std::move(page.error()));
  co_return ShardPage{.shards = std::move(page->shards),
                      .last = std::move(page->last_evaluated),
                      .enabled = page->status != "DISABLED" && page->status != "DISABLING"};
}

async::Task<Result<std::string>> TableStream::iterator(ShardId shard, model::Checkpoint from) const {
  if (std::holds_alternative<model::AtTimestamp>(from)) {
    co_return failure(
        ErrorClass::kInvalid, "read shard", shard.str(),
        "DynamoDB Streams cannot start at a moment, as AT_TIMESTAMP in its checkpoint says; that is a word "
        "of Kinesis: `dynamirror leases reset` can put trim-horizon there");
  }
  co_return co_await client_.get_shard_iterator(arn_, shard, from);
}

async::Task<Result<aws::RecordsPage>> TableStream::read(Read what) const {
  const aws::GetRecordsOptions options{
      .iterator = std::move(what.iterator), .limit = what.limit, .shard = std::move(what.shard), .records = records_};
  co_return co_await client_.get_records(arn_, key_, options);
}

ChangeStream::Loss TableStream::loss(const Error& error) const {
  if (error.code == "TrimmedDataAccessException") return Loss::kRecords;
  return error.error_class == ErrorClass::kNotFound ? Loss::kShard : Loss::kNone;
}

Result<StreamArn> find_stream(const aws::TableDescription& description, const std::string& table) {
  const aws::StreamSummary& stream = description.stream;
  if (!stream.enabled || !stream.latest_arn) {
    return failure(
        ErrorClass::kNotFound, "find stream of table", table,
        "the table has no stream; start with --enable-stream to turn one on (changes made before that are not "
        "in it)");
  }
  return *stream.latest_arn;
}

}  // namespace dynamirror::source
