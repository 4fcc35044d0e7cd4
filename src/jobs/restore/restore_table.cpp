// SPDX-License-Identifier: Apache-2.0
#include "jobs/restore/restore_table.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "async/task_group.hpp"
#include "aws/paging.hpp"
#include "jobs/restore/export_line.hpp"
#include "jobs/restore/lines_reader.hpp"

namespace dynamirror::jobs {
namespace {

/// The id of what S3 has stored while a bucket was not versioned: it took the place of what was there before.
constexpr std::string_view kReplacing = "null";

/// Finds the state of every key at a moment in a listing, page by page: versions come in key order, the newest of a key
/// first, so that the first one that is not too new is the state.
class StatesAt {
 public:
  StatesAt(WallTime moment, RestoreProgress& progress) : moment_(moment), progress_(progress) {}

  /// The objects to read; deleted ones are left out.
  [[nodiscard]] std::vector<objects::ObjectVersion> take(std::vector<objects::ObjectVersion> versions) {
    std::vector<objects::ObjectVersion> states;
    for (objects::ObjectVersion& version : versions) {
      progress_.versioned |= version.version_id != kReplacing;
      if (version.key != key_) {
        end_key();
        key_ = version.key;
        found_ = false;
      }
      if (found_) continue;
      oldest_id_ = version.version_id;
      found_ = version.modified <= moment_;
      if (found_ && !version.is_delete_marker) states.push_back(std::move(version));
    }
    return states;
  }

  /// REQUIRES: called once a key has no more versions: before the next one, and at the listing's end.
  void end_key() {
    if (key_.empty() || found_) return;
    ++(oldest_id_ == kReplacing ? progress_.not_known : progress_.not_there);
  }

 private:
  WallTime moment_;
  RestoreProgress& progress_;
  std::string key_;  ///< its older versions may reach into the next page
  bool found_ = false;
  std::string oldest_id_;
};

}  // namespace

Restore::Restore(const RestorePlan& plan, RestoreOptions options, objects::ObjectStore& store, ItemLoader& loader,
                 async::CpuPool& pool, const StopRequest& stop, boost::asio::any_io_executor executor)
    : plan_(plan),
      options_(std::move(options)),
      store_(store),
      loader_(loader),
      pool_(pool),
      stop_(stop),
      executor_(std::move(executor)),
      keys_(options_.key),
      names_(store, plan.folder, options_.key, options_.as_of) {
  if (plan_.share.count > 1) names_.expect_old_names();
}

Status Restore::complete() const {
  if (progress_.not_known == 0) return {};
  return failure(ErrorClass::kInvalid, "restore", store_.describe(plan_.folder),
                 std::to_string(progress_.not_known) +
                     " objects were written after that moment without keeping what they replaced (the bucket was not "
                     "versioned), so their items were left out; restore their newest state without --as-of, or use a "
                     "dump from before");
}

bool Restore::is_ours(std::string_view object) const {
  // They are named by a hash, whose last digits spread them evenly.
  const std::string_view digits = object.substr(object.size() - std::min<std::size_t>(object.size(), 8));
  std::uint32_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return number % plan_.share.count == plan_.share.index;
}

Status Restore::go_on() const { return stop_.check("restore", store_.describe(plan_.folder)); }

async::Task<Status> Restore::run() {
  if (plan_.kind != BackupKind::kIncremental) co_return co_await read_parts();
  if (options_.as_of) co_return co_await read_folder_as_of(*options_.as_of);
  co_return co_await read_folder();
}

async::Task<Status> Restore::read_parts() {
  std::size_t next = 0;
  Status status;
  async::TaskGroup readers(executor_);
  const std::size_t count = std::min(options_.max_parts, plan_.parts.size());
  for (std::size_t i = 0; i < count; ++i) readers.spawn(read_some_parts(next, status));
  co_await readers.join();
  co_return status;
}

async::Task<> Restore::read_some_parts(std::size_t& next, Status& status) {
  while (status && next < plan_.parts.size()) {
    const RestorePart& part = plan_.parts[next++];
    auto read = co_await read_part(part);
    if (read) {
      ++progress_.parts_done;
      continue;
    }
    if (status) status = std::move(read);
  }
}

async::Task<Status> Restore::read_part(const RestorePart& part) {
  LinesReader lines(part, store_, pool_);
  std::uint64_t count = 0;
  while (true) {  // until the part's end
    if (auto status = go_on(); !status) co_return status;
    auto block = co_await lines.next();
    if (!block) co_return std::unexpected(std::move(block.error()));
    if (block->empty()) break;
    auto loaded = co_await load_lines(*block, count);
    if (!loaded) {
      Error error = std::move(loaded.error());
      if (error.error_class == ErrorClass::kInvalid) {
        error.resource = store_.describe(part.key) + " line " + std::to_string(count + 1);
      }
      co_return std::unexpected(std::move(error));
    }
  }
  if (part.items && count != *part.items) {
    co_return failure(
        ErrorClass::kInvalid, "restore", store_.describe(part.key),
        "it holds " + std::to_string(count) + " items where the manifest says " + std::to_string(*part.items));
  }
  co_return Status{};
}

/// `count`: lines that were taken so far.
async::Task<Status> Restore::load_lines(std::string_view lines, std::uint64_t& count) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.find_first_not_of(" \r\t") == std::string_view::npos) continue;
    if (auto loaded = co_await load_line(line); !loaded) co_return loaded;
    ++count;
  }
  co_return Status{};
}

async::Task<Status> Restore::load_line(std::string_view line) {
  if (plan_.kind != BackupKind::kFullExport && plan_.kind != BackupKind::kIncrementalExport) {
    ++progress_.items;
    progress_.bytes += line.size();
    co_return co_await loader_.put(line);
  }
  auto change = read_export_line(line, reader_);
  if (!change) co_return std::unexpected(std::move(change.error()));
  // Copied: while this waits for room, another part's line takes the reader.
  const std::string key(change->key);
  const std::string item(change->item);
  if (item.empty()) {
    ++progress_.deletes;
    co_return co_await loader_.remove(key);
  }
  if (auto right = check_image(*change); !right) co_return right;
  ++progress_.items;
  progress_.bytes += item.size();
  co_return co_await loader_.put(item);
}

Status Restore::check_image(const ExportLine& change) {
  if (change.key.empty()) return {};
  const auto key = keys_.from_key(change.key);
  if (!key) return std::unexpected(key.error());
  return keys_.check_item(*key, change.item);
}

async::Task<Status> Restore::read_folder() {
  std::string from;
  aws::Paging paging;
  do {  // until the listing's end
    auto page = co_await store_.list(plan_.folder, from);
    if (!page) co_return std::unexpected(std::move(page.error()));
    auto turned = paging.turn(page->next, page->objects.size(), store_.describe(plan_.folder));
    if (!turned) co_return turned;
    std::vector<objects::ObjectVersion> newest;
    newest.reserve(page->objects.size());
    for (objects::ObjectInfo& object : page->objects) {
      if (!is_ours(object.key)) continue;
      newest.push_back({.key = std::move(object.key), .version_id = {}, .size_bytes = object.size_bytes});
    }
    if (auto read = co_await read_items(newest); !read) co_return read;
    from = std::move(page->next);
  } while (!from.empty());
  co_return Status{};
}

async::Task<Status> Restore::read_folder_as_of(WallTime moment) {
  std::string from;
  aws::Paging paging;
  StatesAt states(moment, progress_);
  do {  // until the listing's end
    auto page = co_await store_.list_versions(plan_.folder, from);
    if (!page) co_return std::unexpected(std::move(page.error()));
    auto turned = paging.turn(page->next, page->versions.size(), store_.describe(plan_.folder));
    if (!turned) co_return turned;
    std::erase_if(page->versions, [this](const objects::ObjectVersion& version) { return !is_ours(version.key); });
    const auto objects = states.take(std::move(page->versions));
    if (auto read = co_await read_items(objects); !read) co_return read;
    from = std::move(page->next);
  } while (!from.empty());
  states.end_key();
  co_return Status{};
}

async::Task<Status> Restore::read_items(const std::vector<objects::ObjectVersion>& objects) {
  ItemsWork page{.objects = objects};
  co_await read_all(page);
  if (!page.status || page.later.empty()) co_return page.status;
  ItemsWork rest{.objects = page.later, .round = TwoNames::Round::kLater};
  co_await read_all(rest);
  co_return rest.status;
}

async::Task<> Restore::read_all(ItemsWork& work) {
  work.status = go_on();
  async::TaskGroup readers(executor_);
  const std::size_t count = std::min(options_.max_reads, work.objects.size());
  for (std::size_t i = 0; i < count; ++i) readers.spawn(read_some_items(work));
  co_await readers.join();
}

async::Task<> Restore::read_some_items(ItemsWork& work) {
  while (work.status && work.next < work.objects.size()) {
    auto read = co_await read_item(work.objects[work.next++], work);
    if (!read && work.status) work.status = std::move(read);
  }
}

async::Task<Status> Restore::read_item(const objects::ObjectVersion& object, ItemsWork& work) {
  objects::GetOptions options;
  options.version_id = object.version_id;  // "null", too: once the bucket is versioned it is one among others
  auto item = co_await store_.get(object.key, options);
  // An item deleted since it was listed is no longer part of the newest state.
  if (!item && item.error().error_class == ErrorClass::kNotFound && object.version_id.empty()) co_return Status{};
  if (!item) co_return std::unexpected(std::move(item.error()));
  const auto verdict = co_await names_.judge(object, *item, work.round);
  if (!verdict) co_return std::unexpected(verdict.error());
  switch (*verdict) {
    case TwoNames::Verdict::kLater:
      work.later.push_back(object);
      co_return Status{};
    case TwoNames::Verdict::kSuperseded:
      ++progress_.superseded;
      co_return Status{};
    case TwoNames::Verdict::kTake:
      break;
  }
  auto loaded = names_.check(object.key, *item);
  if (loaded) loaded = co_await loader_.put(*item);
  if (loaded) {
    ++progress_.items;
    progress_.bytes += item->size();
  }
  co_return loaded;
}

}  // namespace dynamirror::jobs
