// SPDX-License-Identifier: Apache-2.0
#include "source/shard_lister.hpp"

#include <utility>

#include "async/sleep.hpp"
#include "base/log.hpp"

namespace dynamirror::source {

ShardLister::ShardLister(const TableStream& stream, Random& random, Options options)
    : stream_(stream), random_(random), options_(options) {}

async::Task<Result<ShardLister::Listing>> ShardLister::list() {
  Listing listing;
  for (int pages = 0; pages < options_.max_pages; ++pages) {
    if (pages > 0) co_await async::sleep_for(options_.pause_between_pages);
    auto page = co_await describe_page();
    if (!page) {
      if (!page.error().retryable()) co_return std::unexpected(std::move(page.error()));
      log::debug("the listing of shards is incomplete, the rest follows", {{"error", to_line(page.error())}});
      co_return listing;
    }
    listing.stream_enabled = page->status != "DISABLED" && page->status != "DISABLING";
    for (model::Shard& shard : page->shards) listing.shards.push_back(std::move(shard));
    if (!page->last_evaluated) {
      resume_after_.reset();
      listing.complete = true;
      co_return listing;
    }
    resume_after_ = page->last_evaluated;
  }
  resume_after_.reset();
  co_return failure(ErrorClass::kFatal, "list shards of", aws::describe(stream_.arn), "the listing does not end");
}

async::Task<Result<aws::StreamDescription>> ShardLister::describe_page() {
  async::Backoff backoff({.base = std::chrono::milliseconds(500), .cap = std::chrono::milliseconds(5'000)});
  while (true) {
    const aws::DescribeStreamOptions options{.exclusive_start = resume_after_};
    auto page = co_await stream_.client.describe_stream(stream_.arn, options);
    last_trouble_ = page ? std::string() : to_line(page.error());
    if (page || page.error().error_class != ErrorClass::kThrottled) co_return page;
    if (backoff.attempts() >= options_.max_throttled_attempts) co_return page;
    co_await async::sleep_for(backoff.next(random_));
  }
}

}  // namespace dynamirror::source
