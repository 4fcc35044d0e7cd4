// SPDX-License-Identifier: Apache-2.0
#include "service/impl/kinesis_changes.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "async/sleep.hpp"
#include "aws/dynamodb/kinesis_destination.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace dynamirror::service {
namespace {

using jobs::JobResult;

constexpr std::string_view kActive = "ACTIVE";

bool denies_access(const Error& error) { return jobs::reason_for(error) == jobs::Reason::kDenied; }

constexpr std::string_view kFailed = "ENABLE_FAILED";

bool is_on(std::string_view status) { return status == kActive || status == "ENABLING" || status == "UPDATING"; }

}  // namespace

Result<std::unique_ptr<KinesisChanges>> KinesisChanges::open(const ChangesOptions& options, Host& host) {
  auto side = host.open_stream_side(options.address, options.side);
  if (!side) return std::unexpected(std::move(side.error()));
  return std::unique_ptr<KinesisChanges>(new KinesisChanges(options, host, std::move(*side)));
}

async::Task<JobResult<void>> KinesisChanges::prepare(Source source) {
  auto opened = co_await open_stream(source.table);
  if (!opened) co_return jobs::job_failure(std::move(opened.error()));
  if (auto trouble = co_await probe()) co_return jobs::job_failure(std::move(*trouble));
  log::info("changes are read from a stream of Kinesis",
            {{"stream", side_->display()},
             {"stream_credentials", side_->credentials_source()},
             {"retention_hours", std::to_string(stream_->retention().count())}});
  if (!options_.enable) co_return JobResult<void>{};
  if (source.dry_run) {
    log::info("would turn on the table's feed to the stream", {{"table", source.side.display()}});
    co_return JobResult<void>{};
  }
  auto on = co_await turn_feed_on(source);
  if (!on) co_return jobs::job_failure(std::move(on.error()));
  co_return JobResult<void>{};
}

async::Task<Status> KinesisChanges::open_stream(const aws::TableDescription& table) {
  source::KinesisStream::Options options{
      .format = {.key = table.key, .table = table.name, .keys_only = !options_.images},
      .start_time = options_.start_time,
      .most_records = options_.records_a_read};
  if (options_.between_reads)
    options.pace.between_reads = std::max(options.pace.between_reads, *options_.between_reads);
  auto stream = co_await source::KinesisStream::open(side_->client(), std::move(options));
  if (!stream) co_return std::unexpected(std::move(stream.error()));
  stream_ = std::move(*stream);
  const std::string& made = stream_->arn().str();  // with the second of its creation behind
  arn_ = StreamArn(made.substr(0, made.rfind(':')));
  const bool local = side_->address().endpoint.has_value();
  identity_ = local ? side_->endpoint().url() + "/" + side_->address().name : arn_.str();
  co_return Status{};
}

/// Nothing, or why the stream cannot be read: one page of shards, one iterator, one read at the tip.
async::Task<std::optional<Error>> KinesisChanges::probe() {
  const auto page = co_await stream_->list_shards(std::nullopt);
  std::optional<Error> trouble;
  if (page && !page->shards.empty()) {
    const ShardId shard = page->shards.back().id;
    const model::Checkpoint tip = model::Latest{};
    auto iterator = co_await stream_->iterator(shard, tip);
    if (iterator) {
      source::ChangeStream::Read read{.iterator = std::move(*iterator), .limit = 1, .shard = shard};
      const auto records = co_await stream_->read(std::move(read));
      if (!records) trouble = records.error();
    } else {
      trouble = iterator.error();
    }
  } else if (!page) {
    trouble = page.error();
  }
  // Shards that are busy are their readers' business; here only a lasting refusal counts.
  if (trouble && !denies_access(*trouble)) trouble.reset();
  co_return trouble;
}

/// "" when the table has no feed to the stream.
async::Task<Result<std::string>> KinesisChanges::feed_status(Source source) {
  const auto destinations = co_await aws::kinesis_destinations(source.side.dynamodb(), source.table.name);
  if (!destinations) co_return std::unexpected(destinations.error());
  for (const aws::KinesisDestination& destination : *destinations) {
    if (destination.stream == arn_) co_return destination.status;
  }
  co_return std::string();
}

async::Task<Status> KinesisChanges::turn_feed_on(Source source) {
  constexpr std::chrono::minutes kBound{10};
  constexpr std::chrono::seconds kPause{1};
  auto status = co_await feed_status(source);
  if (!status) co_return std::unexpected(std::move(status.error()));
  if (!is_on(*status)) {
    log::info("turning the table's feed to the stream on", {{"table", source.side.display()}});
    auto enabled = co_await aws::enable_kinesis_destination(source.side.dynamodb(), source.table.name, arn_);
    if (!enabled) {
      // Refused, but on: another process was quicker, or the answer was lost.
      auto now = co_await feed_status(source);
      if (!now || !is_on(*now)) co_return std::unexpected(std::move(enabled.error()));
    }
    status = "ENABLING";
  }
  const SteadyTime deadline = host_.clock().steady_now() + kBound;
  while (*status != kActive) {  // until the deadline
    Error error{.error_class = ErrorClass::kTransient,
                .doing = "turn on the feed to " + side_->display() + " of",
                .resource = source.side.display(),
                .code = {},
                .message = "it is not ACTIVE after " + format_duration(kBound)};
    if (host_.clock().steady_now() > deadline) co_return std::unexpected(std::move(error));
    if (auto going = host_.stop().check(error.doing, error.resource); !going) co_return going;
    co_await async::sleep_for(kPause);
    auto next = co_await feed_status(source);
    if (!next) co_return std::unexpected(std::move(next.error()));
    if (*next == kFailed) {
      error.error_class = ErrorClass::kInvalid;
      error.message = "it is " + *next + "; see the table's Kinesis destination in the console";
      co_return std::unexpected(std::move(error));
    }
    status = std::move(*next);
  }
  co_return Status{};
}

}  // namespace dynamirror::service
