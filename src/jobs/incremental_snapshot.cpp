// SPDX-License-Identifier: Apache-2.0
#include "jobs/incremental_snapshot.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "async/task_group.hpp"
#include "sink/item_objects.hpp"

namespace dynamirror::jobs {

IncrementalSnapshot::IncrementalSnapshot(SnapshotOptions options, objects::ObjectStore& from, std::string prefix,
                                         objects::ObjectStore& to, async::CpuPool& pool, const StopRequest& stop,
                                         boost::asio::any_io_executor executor)
    : options_(std::move(options)),
      from_(from),
      prefix_(std::move(prefix)),
      to_(to),
      pool_(pool),
      stop_(stop),
      executor_(std::move(executor)) {
  assert(prefix_.empty() || prefix_.back() == '/');
}

async::Task<Result<LinesObjectTotals>> IncrementalSnapshot::run() {
  LinesObject::Options lines_options{.key = options_.key, .compression = options_.compression};
  auto lines = co_await LinesObject::start(std::move(lines_options), to_, pool_);
  if (!lines) co_return std::unexpected(std::move(lines.error()));
  auto status = co_await read_all(**lines);
  if (status) {
    auto finished = co_await (*lines)->finish();
    if (finished) co_return finished;
    status = std::unexpected(std::move(finished.error()));
  }
  (void)co_await (*lines)->abort();  // the first error is the one to tell
  co_return std::unexpected(std::move(status.error()));
}

async::Task<Status> IncrementalSnapshot::read_all(LinesObject& lines) {
  auto page = co_await from_.list(prefix_, {});
  while (true) {  // until the listing's end
    if (!page) co_return std::unexpected(std::move(page.error()));
    if (auto go_on = stop_.check("snapshot", from_.describe(prefix_)); !go_on) co_return go_on;
    progress_.listed += page->objects.size();
    if (auto status = co_await read_page(*page, lines); !status) co_return status;
    if (page->next.empty()) co_return Status{};
    page = co_await from_.list(prefix_, page->next);
  }
}

async::Task<Status> IncrementalSnapshot::read_page(const objects::ObjectsPage& page, LinesObject& lines) {
  std::size_t next = 0;
  Status status;
  async::TaskGroup readers(executor_);
  const std::size_t count = std::min(options_.max_reads, page.objects.size());
  for (std::size_t i = 0; i < count; ++i) readers.spawn(read_some(page, next, lines, status));
  co_await readers.join();
  co_return status;
}

async::Task<> IncrementalSnapshot::read_some(const objects::ObjectsPage& page, std::size_t& next, LinesObject& lines,
                                             Status& status) {
  const objects::GetOptions newest;
  while (status && next < page.objects.size()) {
    const std::string& key = page.objects[next++].key;
    auto body = co_await from_.get(key, newest);
    if (!body && body.error().error_class == ErrorClass::kNotFound) {
      ++progress_.gone;
      continue;
    }
    if (!body) {
      status = std::unexpected(std::move(body.error()));
      co_return;
    }
    ++progress_.read;
    std::string line = sink::without_whitespace(*body).value_or(std::move(*body));
    line += '\n';
    if (auto added = co_await lines.add(std::move(line), 1); !added) status = std::move(added);
  }
}

}  // namespace dynamirror::jobs
