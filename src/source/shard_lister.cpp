// SPDX-License-Identifier: Apache-2.0
#include "source/shard_lister.hpp"

#include <string_view>
#include <unordered_map>
#include <utility>

#include "async/sleep.hpp"
#include "aws/errors.hpp"
#include "aws/paging.hpp"
#include "base/log.hpp"

namespace dynamirror::source {
namespace {

constexpr std::size_t kMostOfACircle = 1'000;  // bytes of a message

/// "a -> b -> a" when shards of a listing are each other's ancestors; empty when, as always, none are.
std::string circle_in(const std::vector<model::Shard>& shards) {
  std::unordered_map<std::string_view, const model::Shard*> by_id;
  for (const model::Shard& shard : shards) by_id.emplace(shard.id.str(), &shard);
  const auto parent_of = [&](const model::Shard* shard) -> const model::Shard* {
    const auto parent = shard->parent ? by_id.find(shard->parent->str()) : by_id.end();
    return parent == by_id.end() ? nullptr : parent->second;
  };
  std::unordered_map<const model::Shard*, const model::Shard*> walked_from;  // each shard is walked through once
  for (const model::Shard& first : shards) {
    const model::Shard* at = &first;
    while (at != nullptr && walked_from.emplace(at, &first).second) at = parent_of(at);
    if (at == nullptr || walked_from.at(at) != &first) continue;
    std::string circle = at->id.str();
    for (const model::Shard* next = parent_of(at); next != at; next = parent_of(next)) {
      circle += " -> " + next->id.str();
      if (circle.size() > kMostOfACircle) return circle + " -> …";
    }
    return circle + " -> " + at->id.str();
  }
  return {};
}

/// Each of them would wait for the other to be read first.
Status check_lineage(const std::vector<model::Shard>& shards, const StreamArn& stream) {
  const std::string circle = circle_in(shards);
  if (circle.empty()) return {};
  return aws::unreadable_answer({.error_class = ErrorClass::kFatal,
                                 .doing = "list shards of",
                                 .resource = aws::describe(stream),
                                 .code = {},
                                 .message = "shards are their own ancestors: " + circle});
}

}  // namespace

ShardLister::ShardLister(const TableStream& stream, Random& random, Options options)
    : stream_(stream), random_(random), options_(options) {}

async::Task<Result<ShardLister::Listing>> ShardLister::list() {
  Listing listing;
  aws::Paging paging;
  for (int pages = 0; pages < options_.max_pages; ++pages) {
    if (pages > 0) co_await async::sleep_for(options_.pause_between_pages);
    auto page = co_await describe_page();
    if (!page) {
      if (!page.error().retryable()) co_return std::unexpected(std::move(page.error()));
      log::warning("the listing of shards is incomplete, the rest follows", {{"error", to_line(page.error())}});
      co_return listing;
    }
    listing.stream_enabled = page->status != "DISABLED" && page->status != "DISABLING";
    for (model::Shard& shard : page->shards) listing.shards.push_back(std::move(shard));
    const std::string next = page->last_evaluated ? page->last_evaluated->str() : std::string();
    if (auto turned = paging.turn(next, page->shards.size(), aws::describe(stream_.arn)); !turned) {
      resume_after_.reset();
      co_return std::unexpected(std::move(turned.error()));
    }
    if (!page->last_evaluated) {
      resume_after_.reset();
      listing.complete = true;
      if (auto lines = check_lineage(listing.shards, stream_.arn); !lines) {
        co_return std::unexpected(std::move(lines.error()));
      }
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
