// SPDX-License-Identifier: Apache-2.0
#include "source/kinesis_stream.hpp"

#include <algorithm>
#include <string_view>
#include <variant>

#include "aws/errors.hpp"

namespace dynamirror::source {
namespace {

constexpr std::string_view kNotFound = "ResourceNotFoundException";
constexpr std::string_view kTrimmed = "TrimmedDataAccessException";  // as DynamoDB Streams says
constexpr std::string_view kRefused = "InvalidArgumentException";
constexpr std::string_view kStreamNotFound = "StreamNotFound";  // Kinesis has one code for streams and shards

/// An iterator of ours at a position that is to be found first: the position, a blank, the service's iterator.
struct Seek {
  std::optional<model::SequenceNumber> position;
  std::string iterator;
};

std::string to_text(const Seek& seek) {
  return seek.position ? seek.position->str() + " " + seek.iterator : seek.iterator;
}

Seek parse_seek(std::string text) {
  const std::size_t blank = text.find(' ');  // no iterator of the service has one
  if (blank == std::string::npos) return {.position = std::nullopt, .iterator = std::move(text)};
  auto position = model::SequenceNumber::parse_place(std::string_view(text).substr(0, blank));
  if (!position) return {.position = std::nullopt, .iterator = std::move(text)};
  return {.position = *position, .iterator = text.substr(blank + 1)};
}

/// The first record of a page, as the service counts them.
const model::SequenceNumber* first_of(const aws::RecordsPage& page) {
  const model::SequenceNumber* change = page.changes.empty() ? nullptr : &page.changes.front().sequence();
  const model::SequenceNumber* other = page.unreadable.empty() ? nullptr : &page.unreadable.front().sequence;
  if (change == nullptr || other == nullptr) return change != nullptr ? change : other;
  return *change < *other ? change : other;
}

bool same_record(model::SequenceNumber a, model::SequenceNumber b) {
  a.set_sub(0);
  b.set_sub(0);
  return a == b;
}

Error trimmed(std::string resource, const model::SequenceNumber& position) {
  Error error{.error_class = ErrorClass::kNotFound,
              .doing = "read shard",
              .resource = std::move(resource),
              .code = std::string(kTrimmed),
              .message = "record " + position.str() +
                         " is older than what the stream keeps; records after it may be "
                         "gone, too"};
  aws::classify(error, ErrorClass::kNotFound);
  return error;
}

/// A sequence number that the service refuses is none of this stream's: it was made anew under its name, and what our
/// position was in is gone.
Error foreign_if_refused(Error error, const model::Checkpoint& from) {
  if (error.code != kRefused || !std::holds_alternative<model::AfterSequence>(from)) return error;
  error.code = kTrimmed;
  error.message.insert(0, "the position is of an earlier stream of this name: ");
  return error;
}

}  // namespace

KinesisStream::KinesisStream(aws::KinesisClient& client, Options options, const aws::KinesisStreamSummary& summary)
    : client_(client), options_(std::move(options)), retention_(summary.retention), records_(options_.format) {
  const auto created = std::chrono::floor<std::chrono::seconds>(summary.created.time_since_epoch()).count();
  arn_ = StreamArn(summary.arn.str() + ":" + std::to_string(created));
}

async::Task<Result<std::unique_ptr<KinesisStream>>> KinesisStream::open(aws::KinesisClient& client, Options options) {
  auto summary = co_await client.describe_stream_summary();
  const aws::KinesisStreamName& stream = client.stream();
  if (!summary) {
    Error error = std::move(summary.error());
    if (error.code == kNotFound) error.code = kStreamNotFound;
    if (error.error_class == ErrorClass::kNotFound) {
      error.resource = stream.display;
      error.message = "there is no such stream; check its name, region and account";
    }
    co_return std::unexpected(std::move(error));
  }
  if (!stream.arn.empty() && stream.arn != summary->arn) {
    co_return failure(ErrorClass::kInvalid, "find stream", stream.display,
                      "these credentials, or this endpoint, lead to " + summary->arn.str() + " instead");
  }
  if (summary->status == "DELETING" || summary->status == "CREATING") {
    co_return failure(ErrorClass::kInvalid, "find stream", stream.display,
                      "it is " + summary->status + "; start when it is ACTIVE");
  }
  co_return std::unique_ptr<KinesisStream>(new KinesisStream(client, std::move(options), *summary));
}

async::Task<Result<ChangeStream::ShardPage>> KinesisStream::list_shards(std::optional<ShardId> after) const {
  const bool goes_on = after && next_token_ && next_token_->first == *after;
  aws::KinesisClient::ListShards options;
  options.after = after;
  if (goes_on) options.next_token = next_token_->second;
  auto page = co_await client_.list_shards(options);
  if (!page && goes_on && page.error().code == "ExpiredNextTokenException") {
    options.next_token.reset();
    page = co_await client_.list_shards(std::move(options));
  }
  if (!page) co_return std::unexpected(std::move(page.error()));
  next_token_.reset();
  ShardPage shards{.shards = std::move(page->shards), .last = std::nullopt};
  if (!page->next_token) co_return shards;
  if (shards.shards.empty()) {
    co_return aws::unreadable_answer({.error_class = ErrorClass::kFatal,
                                      .doing = "list shards of",
                                      .resource = describe(),
                                      .code = {},
                                      .message = "a page without shards names a next one"});
  }
  shards.last = shards.shards.back().id;
  next_token_.emplace(*shards.last, std::move(*page->next_token));
  co_return shards;
}

/// KCL's tables hold the word AT_TIMESTAMP alone: the moment is the configuration's matter.
Result<model::Checkpoint> KinesisStream::settled(const model::Checkpoint& from) const {
  const auto* start = std::get_if<model::AtTimestamp>(&from);
  if (start == nullptr || start->time) return from;
  if (options_.start_time) return model::AtTimestamp{options_.start_time};
  return failure(ErrorClass::kInvalid, "read shard", describe(),
                 "its checkpoint is AT_TIMESTAMP, and nothing says at which; name the moment to start at");
}

async::Task<Result<std::string>> KinesisStream::iterator(ShardId shard, model::Checkpoint from) const {
  auto start = settled(from);
  if (!start) co_return std::unexpected(std::move(start.error()));
  aws::KinesisClient::IteratorAt where{.shard = std::move(shard), .from = std::move(*start), .inclusive = true};
  auto iterator = co_await client_.get_shard_iterator(where);
  if (!iterator) {
    Error error = co_await tell_stream_from_shard(std::move(iterator.error()));
    co_return std::unexpected(foreign_if_refused(std::move(error), where.from));
  }
  Seek seek{.position = std::nullopt, .iterator = std::move(*iterator)};
  if (const auto* after = std::get_if<model::AfterSequence>(&where.from)) seek.position = after->sequence;
  co_return to_text(seek);
}

async::Task<Result<aws::RecordsPage>> KinesisStream::read(Read what) const {
  Seek seek = parse_seek(std::move(what.iterator));
  const aws::KinesisClient::GetRecords options{
      .iterator = std::move(seek.iterator),
      .limit = std::min(what.limit, options_.most_records.value_or(what.limit)),
      .shard = std::move(what.shard)};
  auto page = co_await client_.get_records(records_, options);
  if (!page) {
    Error error = co_await tell_stream_from_shard(std::move(page.error()));
    co_return std::unexpected(std::move(error));
  }
  if (!seek.position) co_return page;
  const model::SequenceNumber* first = first_of(*page);
  if (first == nullptr) {        // the position is still to come
    if (!page->next_iterator) {  // and never does: the shard has been closed since, and its records are gone
      co_return std::unexpected(trimmed(describe() + " shard " + options.shard.str(), *seek.position));
    }
    seek.iterator = std::move(*page->next_iterator);
    page->next_iterator = to_text(seek);
    co_return page;
  }
  const model::SequenceNumber& position = *seek.position;
  if (*first > position && !same_record(*first, position)) {
    co_return std::unexpected(trimmed(describe() + " shard " + options.shard.str(), position));
  }
  std::erase_if(page->changes, [&](const model::Change& change) { return change.sequence() <= position; });
  std::erase_if(page->unreadable, [&](const model::UnreadableRecord& record) { return record.sequence <= position; });
  co_return page;
}

/// A shard is not found when all its records are too old; a stream, when somebody has deleted it. Kinesis has one code
/// for both, and tells them apart in words only.
async::Task<Error> KinesisStream::tell_stream_from_shard(Error error) const {
  if (error.code != kNotFound) co_return error;
  auto summary = co_await client_.describe_stream_summary();
  if (summary) co_return error;
  Error gone = std::move(summary.error());
  if (gone.code == kNotFound) gone.code = kStreamNotFound;
  co_return gone;
}

ChangeStream::Loss KinesisStream::loss(const Error& error) const {
  if (error.code == kTrimmed) return Loss::kRecords;
  return error.code == kNotFound ? Loss::kShard : Loss::kNone;
}

}  // namespace dynamirror::source
