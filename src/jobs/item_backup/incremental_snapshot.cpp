// SPDX-License-Identifier: Apache-2.0
#include "jobs/item_backup/incremental_snapshot.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "async/task_group.hpp"
#include "aws/paging.hpp"
#include "jobs/item_backup/item_folder.hpp"
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
  if (status) status = refuse_empty();
  if (status) {
    auto finished = co_await (*lines)->finish();
    if (finished) co_return finished;
    status = std::unexpected(std::move(finished.error()));
  }
  (void)co_await (*lines)->abort();  // the first error is the one to tell
  co_return std::unexpected(std::move(status.error()));
}

async::Task<Status> IncrementalSnapshot::read_all(LinesObject& lines) {
  aws::Paging paging;
  auto page = co_await from_.list(prefix_, {});
  while (true) {  // until the listing's end
    if (!page) co_return std::unexpected(std::move(page.error()));
    if (auto go_on = stop_.check("snapshot", from_.describe(prefix_)); !go_on) co_return go_on;
    auto turned = paging.turn(page->next, page->objects.size(), from_.describe(prefix_));
    if (!turned) co_return turned;
    progress_.listed += page->objects.size();
    if (auto status = co_await read_page(*page, lines); !status) co_return status;
    if (page->next.empty()) co_return Status{};
    page = co_await from_.list(prefix_, page->next);
  }
}

Status IncrementalSnapshot::refuse_empty() const {
  if (progress_.read > 0 || options_.allow_empty) return {};
  return failure(ErrorClass::kNotFound, "snapshot", from_.describe(prefix_),
                 "no item stands there, and the snapshot would be empty; check bucket, prefix and table, or say "
                 "--allow-empty. Nothing was written");
}

async::Task<Status> IncrementalSnapshot::read_page(const objects::ObjectsPage& page, LinesObject& lines) {
  PageWork work{.objects = page.objects, .lines = lines};
  co_await read_objects(work);
  if (!work.status || work.later.empty()) co_return work.status;
  PageWork rest{.objects = work.later, .lines = lines, .round = TwoNames::Round::kLater};
  co_await read_objects(rest);
  co_return rest.status;
}

async::Task<> IncrementalSnapshot::read_objects(PageWork& work) {
  async::TaskGroup readers(executor_);
  const std::size_t count = std::min(options_.max_reads, work.objects.size());
  for (std::size_t i = 0; i < count; ++i) readers.spawn(read_some(work));
  co_await readers.join();
}

async::Task<> IncrementalSnapshot::read_some(PageWork& work) {
  while (work.status && work.next < work.objects.size()) {
    auto read = co_await read_object(work.objects[work.next++], work);
    if (!read && work.status) work.status = std::move(read);
  }
}

async::Task<Status> IncrementalSnapshot::read_object(const objects::ObjectInfo& object, PageWork& work) {
  if (is_item_settings(object.key)) co_return Status{};
  const objects::GetOptions newest;
  auto body = co_await from_.get(object.key, newest);
  if (!body && body.error().error_class == ErrorClass::kNotFound) {
    ++progress_.gone;
    co_return Status{};
  }
  if (!body) co_return std::unexpected(std::move(body.error()));
  if (TwoNames* names = names_for(object.key, *body)) {
    objects::ObjectVersion version{.key = object.key, .version_id = {}, .modified = object.modified};
    const auto verdict = co_await names->judge(std::move(version), *body, work.round);
    if (!verdict) co_return std::unexpected(verdict.error());
    if (*verdict == TwoNames::Verdict::kLater) work.later.push_back(object);
    if (*verdict == TwoNames::Verdict::kSuperseded) ++progress_.superseded;
    if (*verdict != TwoNames::Verdict::kTake) co_return Status{};
  }
  ++progress_.read;
  std::string line = sink::without_whitespace(*body).value_or(std::move(*body));
  line += '\n';
  co_return co_await work.lines.add(std::move(line), 1);
}

/// Null while the table's key is not known: a snapshot is made of a folder, without its table.
TwoNames* IncrementalSnapshot::names_for(std::string_view key, std::string_view item) {
  if (!names_ && looks_for_key_left_ > 0) {
    --looks_for_key_left_;
    if (auto item_key = sink::find_key(key.substr(prefix_.size()), item)) {
      names_.emplace(from_, prefix_, std::move(*item_key), std::nullopt);
    }
  }
  return names_ ? &*names_ : nullptr;
}

}  // namespace dynamirror::jobs
