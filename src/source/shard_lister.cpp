// SPDX-License-Identifier: Apache-2.0
#include "source/shard_lister.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
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
  // Whoever has no listed parent left is taken away, with all that hang on it alone: what remains are circles and their
  // descendants.
  std::unordered_map<const model::Shard*, std::size_t> parents_left;
  std::unordered_map<const model::Shard*, std::vector<const model::Shard*>> children;
  for (const model::Shard& shard : shards) {
    for (const ShardId& parent : shard.parents) {
      const auto listed = by_id.find(parent.str());
      if (listed == by_id.end()) continue;
      ++parents_left[&shard];
      children[listed->second].push_back(&shard);
    }
  }
  std::vector<const model::Shard*> free;
  for (const model::Shard& shard : shards) {
    if (!parents_left.contains(&shard)) free.push_back(&shard);
  }
  while (!free.empty()) {
    const model::Shard* gone = free.back();
    free.pop_back();
    for (const model::Shard* child : children[gone]) {
      if (--parents_left[child] > 0) continue;
      parents_left.erase(child);
      free.push_back(child);
    }
  }
  if (parents_left.empty()) return {};
  const auto parent_left = [&](const model::Shard* shard) {
    const auto left = std::ranges::find_if(shard->parents, [&](const ShardId& parent) {
      const auto listed = by_id.find(parent.str());
      return listed != by_id.end() && parents_left.contains(listed->second);
    });
    return by_id.at(left->str());
  };
  const model::Shard* first =
      &*std::ranges::find_if(shards, [&](const model::Shard& shard) { return parents_left.contains(&shard); });
  std::unordered_set<const model::Shard*> passed;
  while (passed.insert(first).second) first = parent_left(first);  // from a descendant into the circle
  std::string circle = first->id.str();
  for (const model::Shard* next = parent_left(first); next != first; next = parent_left(next)) {
    circle += " -> " + next->id.str();
    if (circle.size() > kMostOfACircle) return circle + " -> …";
  }
  return circle + " -> " + first->id.str();
}

/// Each of them would wait for the other to be read first.
Status check_lineage(const std::vector<model::Shard>& shards, const ChangeStream& stream) {
  const std::string circle = circle_in(shards);
  if (circle.empty()) return {};
  return aws::unreadable_answer({.error_class = ErrorClass::kFatal,
                                 .doing = "list shards of",
                                 .resource = stream.describe(),
                                 .code = {},
                                 .message = "shards are their own ancestors: " + circle});
}

}  // namespace

ShardLister::ShardLister(const ChangeStream& stream, Random& random, Options options)
    : stream_(stream), random_(random), options_(options) {}

async::Task<Result<ShardLister::Listing>> ShardLister::list() {
  Listing listing;
  aws::Paging paging;
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
    const std::string next = page->last ? page->last->str() : std::string();
    if (auto turned = paging.turn(next, page->shards.size(), stream_.describe()); !turned) {
      resume_after_.reset();
      co_return std::unexpected(std::move(turned.error()));
    }
    if (!page->last) {
      resume_after_.reset();
      listing.complete = true;
      if (auto lines = check_lineage(listing.shards, stream_); !lines) {
        co_return std::unexpected(std::move(lines.error()));
      }
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
