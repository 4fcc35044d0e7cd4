// SPDX-License-Identifier: Apache-2.0
#include "jobs/item_backup/incremental_backfill.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <utility>

#include "async/task_group.hpp"
#include "jobs/item_backup/incremental_record.hpp"
#include "model/key_canonicalizer.hpp"

namespace dynamirror::jobs {
namespace {

/// Requests at once for one page; several pages are under way.
constexpr std::size_t kWritesPerPage = 16;

}  // namespace

IncrementalBackfill::IncrementalBackfill(BackfillOptions options, TableSide& table, const model::KeySchema& key,
                                         objects::ObjectStore& store, const StopRequest& stop,
                                         boost::asio::any_io_executor executor)
    : options_(std::move(options)),
      table_(table),
      key_(key),
      store_(store),
      names_(options_.folder, key),
      stop_(stop),
      executor_(std::move(executor)) {}

async::Task<Status> IncrementalBackfill::take(aws::ScanPage page, source::SegmentPosition /*position*/) {
  if (auto go_on = stop_.check("backfill", store_.describe(names_.prefix())); !go_on) co_return go_on;
  PageWork work{.page = page};
  async::TaskGroup writers(executor_);
  const std::size_t count = std::min(kWritesPerPage, page.size());
  for (std::size_t i = 0; i < count; ++i) writers.spawn(write_some(work));
  std::exception_ptr thrown;
  try {
    co_await writers.join();
  } catch (...) {
    thrown = std::current_exception();
  }
  if (!thrown) co_return std::move(work.status);
  // No further item is begun, but of those under way the second look is not left out: it mends what is too old.
  co_await boost::asio::this_coro::reset_cancellation_state();
  work.next = page.size();
  co_await writers.join();
  std::rethrow_exception(thrown);
}

async::Task<> IncrementalBackfill::write_some(PageWork& work) {
  model::KeyCanonicalizer keys(key_);
  while (work.status && work.next < work.page.size()) {
    std::string item(work.page.item(work.next++));
    auto key = keys.from_item(item);
    if (!key) {
      work.status = std::unexpected(std::move(key.error()));
      co_return;
    }
    std::string canonical(*key);
    auto written = co_await write_item(std::move(canonical), std::move(item));
    if (!written) work.status = std::move(written);
  }
}

async::Task<Status> IncrementalBackfill::write_item(std::string key, std::string item) {
  auto object = names_.of(key);
  if (!object) co_return std::unexpected(std::move(object.error()));
  auto update =
      co_await write_item_object(table_, store_, std::move(*object), std::move(key), std::move(item), options_.recheck);
  if (!update) co_return std::unexpected(std::move(update.error()));
  ++progress_.written;
  progress_.corrected += static_cast<std::uint64_t>(update->corrections);
  progress_.recheck_units += update->consumed_read_units;
  co_return Status{};
}

}  // namespace dynamirror::jobs
