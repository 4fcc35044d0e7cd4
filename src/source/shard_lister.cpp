// SPDX-License-Identifier: Apache-2.0
#include "source/shard_lister.hpp"

#include <utility>

#include "async/sleep.hpp"
#include "base/log.hpp"

namespace dynamirror::source {

ShardLister::ShardLister(const ChangeStream& stream, Random& random, Options options)
    : stream_(stream), random_(random), options_(options) {}

async::Task<Result<ShardLister::Listing>> ShardLister::list() {
  Listing listing;
  for (int pages = 0; pages < options_.max_pages; ++pages) {
    if (pages > 0) co_await async::sleep_for(options_.pause_between_pages);
    auto page = co_await list_page();
    if (!page) {
      if (!page.error().retryable()) co_return std::unexpected(std::move(page.error()));
      log::debug("the listing of shards is incomplete, the rest follows", {{"error", to_line(page.error())}});
      co_return listing;
    }
    listing.stream_enabled = page->enabled;
    for (model::Shard& shard : page->shards) listing.shards.push_back(std::move(shard));
    if (!page->last) {
      resume_after_.reset();
      listing.complete = true;
      co_return listing;
    }
    resume_after_ = std::move(page->last);
  }
  resume_after_.reset();
  co_return failure(ErrorClass::kFatal, "list shards of", stream_.describe(), "the listing does not end");
}

async::Task<Result<ChangeStream::ShardPage>> ShardLister::list_page() {
  const async::RetryPolicy policy{
      .max_attempts = options_.max_throttled_attempts + 1,
      .backoff = {.base = std::chrono::milliseconds(500), .cap = std::chrono::milliseconds(5'000)},
      .give_up_after = std::nullopt,
      .worth_another = async::is_throttled};
  async::Retry retry(policy, random_);
  while (true) {  // as often as the options say
    auto page = co_await stream_.list_shards(resume_after_);
    last_trouble_ = page ? std::string() : to_line(page.error());
    if (page) co_return page;
    const bool again = co_await retry.again(page.error());
    if (!again) co_return page;
  }
}

}  // namespace dynamirror::source
