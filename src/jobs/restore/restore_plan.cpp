// SPDX-License-Identifier: Apache-2.0
#include "jobs/restore/restore_plan.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "aws/paging.hpp"
#include "base/text.hpp"
#include "jobs/dump/dump_manifest.hpp"
#include "jobs/item_backup/item_folder.hpp"
#include "jobs/restore/export_manifest.hpp"

namespace dynamirror::jobs {
namespace {

constexpr std::size_t kMaxListing = 100'000;  ///< objects of one dump; an incremental folder is not listed here

const objects::GetOptions kWhole;

std::unexpected<Error> incomplete(const objects::ObjectStore& store, const std::string& key, std::string message) {
  return failure(ErrorClass::kInvalid, "read backup", store.describe(key), std::move(message));
}

async::Task<Result<std::vector<objects::ObjectInfo>>> list_all(objects::ObjectStore& store, std::string prefix,
                                                               const StopRequest& stop) {
  std::vector<objects::ObjectInfo> all;
  std::string from;
  aws::Paging paging;
  do {  // bounded by kMaxListing
    if (auto go_on = stop.check("read backup", store.describe(prefix)); !go_on)
      co_return std::unexpected(go_on.error());
    auto page = co_await store.list(prefix, from);
    if (!page) co_return std::unexpected(std::move(page.error()));
    auto turned = paging.turn(page->next, page->objects.size(), store.describe(prefix));
    if (!turned) co_return std::unexpected(std::move(turned.error()));
    for (auto& object : page->objects) all.push_back(std::move(object));
    if (all.size() > kMaxListing) {
      co_return incomplete(store, prefix, "more objects than any dump has; is this the address of a single dump?");
    }
    from = std::move(page->next);
  } while (!from.empty());
  co_return all;
}

/// The object's text; nothing when there is no such object.
async::Task<Result<std::optional<std::string>>> get_if_there(objects::ObjectStore& store, std::string key) {
  auto body = co_await store.get(key, kWhole);
  if (body) co_return std::optional(std::move(*body));
  if (body.error().error_class == ErrorClass::kNotFound) co_return std::optional<std::string>();
  co_return std::unexpected(std::move(body.error()));
}

/// Leaves the parts of its share only. All processes see them in one order, that of the manifests or of their names.
void keep_share(RestorePlan& plan, RestoreShare share) {
  plan.share = share;
  if (share.count == 1) return;
  std::vector<RestorePart> kept;
  for (std::size_t i = share.index; i < plan.parts.size(); i += share.count) kept.push_back(std::move(plan.parts[i]));
  plan.parts = std::move(kept);
  if (!plan.items) return;
  plan.items = 0;
  for (const RestorePart& part : plan.parts) *plan.items += part.items.value_or(0);
}

/// Each part that somebody has written down must be there with the size that it had; others have been listed just now.
async::Task<Status> check_parts(objects::ObjectStore& store, const std::vector<RestorePart>& parts) {
  for (const RestorePart& part : parts) {
    if (!part.items) continue;
    const auto object = co_await store.head(part.key);
    if (!object && object.error().error_class == ErrorClass::kNotFound) {
      co_return incomplete(store, part.key, "this part of the backup is missing; nothing was restored");
    }
    if (!object) co_return std::unexpected(object.error());
    if (part.size_bytes > 0 && object->size_bytes != part.size_bytes) {
      co_return incomplete(store, part.key,
                           "this part has " + std::to_string(object->size_bytes) + " bytes where the manifest says " +
                               std::to_string(part.size_bytes) + "; nothing was restored");
    }
  }
  co_return Status{};
}

/// What the manifests of one dump must agree about.
struct DumpSpan {
  std::string table{};
  WallTime first_begun = WallTime::max();
  WallTime last_begun = WallTime::min();
  WallTime first_ended = WallTime::max();

  /// False when it is of another table than those before.
  bool add(const DumpManifest& manifest) {
    if (!table.empty() && manifest.table != table) return false;
    table = manifest.table;
    first_begun = std::min(first_begun, manifest.begun);
    last_begun = std::max(last_begun, manifest.begun);
    first_ended = std::min(first_ended, manifest.ended);
    return true;
  }
  /// Whether a segment began after another had ended: as where fewer processes than segments work, or where a segment
  /// is left of an older dump of the same name.
  [[nodiscard]] bool apart() const { return last_begun > first_ended; }
  [[nodiscard]] std::string describe() const {
    return "its segments were begun between " + format_time(first_begun) + " and " + format_time(last_begun) +
           ": if no single job ran for so long, some are of an older dump of this name";
  }
};

void add_part(RestorePlan& plan, const LinesObjectTotals& object) {
  *plan.items += object.lines;
  plan.parts.push_back(
      {.key = object.key, .size_bytes = object.stored_bytes, .items = object.lines, .sha256 = object.sha256});
}

async::Task<Result<RestorePlan>> plan_dump(objects::ObjectStore& store, std::string name,
                                           std::vector<objects::ObjectInfo> manifests) {
  RestorePlan plan{.kind = BackupKind::kDump, .items = 0};
  std::set<std::uint32_t> seen;
  std::uint32_t segments = 0;
  DumpSpan span;
  for (const objects::ObjectInfo& object : manifests) {
    auto text = co_await store.get(object.key, kWhole);
    if (!text) co_return std::unexpected(std::move(text.error()));
    auto manifest = parse_dump_manifest(*text);
    if (!manifest) co_return incomplete(store, object.key, manifest.error().message);
    if (!manifest->joined.empty()) {  // what stands beside it could not be removed: a new dump would have removed it
      plan = {.kind = BackupKind::kDump, .items = 0};
      for (const LinesObjectTotals& part : manifest->joined) add_part(plan, part);
      span = {};
      seen = {0};
      segments = 1;
      break;
    }
    if (segments != 0 && manifest->segments != segments) {
      co_return incomplete(store, object.key, "manifests of different numbers of segments stand side by side");
    }
    segments = manifest->segments;
    if (!span.add(*manifest)) {
      co_return incomplete(store, object.key,
                           "its segments are of different tables: " + span.table + " and " + manifest->table);
    }
    if (!seen.insert(manifest->segment).second) continue;
    add_part(plan, manifest->object);
  }
  if (seen.size() != segments) {
    co_return incomplete(store, name,
                         "the dump is incomplete: " + std::to_string(segments - seen.size()) + " of " +
                             std::to_string(segments) + " segments have no manifest; nothing was restored");
  }
  if (span.apart()) plan.warnings.push_back(span.describe());
  auto settings = co_await get_if_there(store, name + ".table.json");
  if (!settings) co_return std::unexpected(std::move(settings.error()));
  plan.settings_json = std::move(*settings);
  co_return plan;
}

/// Where a data file stands, relative to the address. The manifest names keys of the bucket; an export may have been
/// copied since. Incremental exports share one folder of data, beside their own.
std::string data_key(const std::string& folder, const std::string& manifest_key) {
  constexpr std::string_view kRoot = "AWSDynamoDB/";
  const std::size_t root = manifest_key.rfind(kRoot);
  const bool shared = root != std::string::npos && manifest_key.compare(root + kRoot.size(), 5, "data/") == 0;
  std::string key = shared ? "data/" : folder + "data/";
  key += manifest_key.substr(manifest_key.rfind('/') + 1);
  return key;
}

async::Task<Result<RestorePlan>> plan_export(objects::ObjectStore& store, std::string folder, std::string summary) {
  auto read = parse_export_summary(summary);
  if (!read) co_return incomplete(store, folder, read.error().message);
  RestorePlan plan{.kind = read->incremental ? BackupKind::kIncrementalExport : BackupKind::kFullExport,
                   .items = read->items};
  auto files = co_await store.get(folder + "manifest-files.json", kWhole);
  if (!files) co_return std::unexpected(std::move(files.error()));
  auto parts = parse_export_files(*files);
  if (!parts) co_return incomplete(store, folder + "manifest-files.json", parts.error().message);
  std::uint64_t items = 0;
  for (ExportFile& file : *parts) {
    items += file.items;
    plan.parts.push_back({.key = data_key(folder, file.key),
                          .items = file.items,
                          .md5_base64 = file.md5_base64.empty() ? std::nullopt : std::optional(file.md5_base64)});
  }
  if (items != read->items) {
    co_return incomplete(store, folder + "manifest-files.json",
                         "its files hold " + std::to_string(items) + " items, the summary says " +
                             std::to_string(read->items) + "; nothing was restored");
  }
  co_return plan;
}

bool is_item_name(std::string_view name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_segment_name(std::string_view name) {
  return !name.empty() && name.size() <= 9 && name.find_first_not_of("0123456789") == std::string_view::npos;
}

/// A dump of mapbox's tool, which writes neither description nor manifest.
async::Task<Result<RestorePlan>> plan_old_dump(objects::ObjectStore& store, std::string name, const StopRequest& stop) {
  const std::string folder = name + "/";
  const auto ours = co_await get_if_there(store, name + ".table.json");
  if (!ours) co_return std::unexpected(ours.error());
  if (*ours) co_return incomplete(store, name, "the dump has no manifest: it was not finished; nothing was restored");
  auto objects = co_await list_all(store, folder, stop);
  if (!objects) co_return std::unexpected(std::move(objects.error()));
  RestorePlan plan{.kind = BackupKind::kOldDump};
  std::uint64_t last = 0;
  for (const objects::ObjectInfo& object : *objects) {
    const std::string segment = object.key.substr(folder.size());
    if (!is_segment_name(segment)) continue;
    last = std::max<std::uint64_t>(last, std::stoul(segment));
    plan.parts.push_back({.key = object.key, .size_bytes = object.size_bytes});
  }
  if (plan.parts.size() <= last) {
    co_return incomplete(store, folder,
                         "it holds " + std::to_string(plan.parts.size()) + " segments, but one is number " +
                             std::to_string(last) + ": some are missing; nothing was restored");
  }
  plan.warnings.push_back("the dump has no manifest: whether all its " + std::to_string(plan.parts.size()) +
                          " segments were written cannot be checked");
  co_return plan;
}

/// A folder without a manifest: what its first object is called says what it is.
async::Task<Result<RestorePlan>> plan_folder(objects::ObjectStore& store, std::string name, std::string first_object,
                                             const StopRequest& stop) {
  const std::string folder = name + "/";
  if (is_item_name(first_object)) {
    RestorePlan plan{.kind = BackupKind::kIncremental, .folder = folder};
    auto settings = co_await read_item_settings(store, name);
    if (!settings) co_return std::unexpected(std::move(settings.error()));
    plan.settings_json = std::move(*settings);
    co_return plan;
  }
  if (!is_segment_name(first_object)) {
    co_return failure(ErrorClass::kNotFound, "read backup", store.describe(folder),
                      "no kind of backup has objects named like " + first_object +
                          "; give the address of one dump, snapshot, incremental folder or export");
  }
  co_return co_await plan_old_dump(store, std::move(name), stop);
}

/// The plan for all of the backup; parts that a manifest names are not looked up yet.
async::Task<Result<RestorePlan>> plan_whole(objects::ObjectStore& store, std::string name, const StopRequest& stop) {
  auto manifests = co_await list_all(store, name + ".manifest", stop);
  if (!manifests) co_return std::unexpected(std::move(manifests.error()));
  if (!manifests->empty()) co_return co_await plan_dump(store, name, std::move(*manifests));

  const std::string folder = name + "/";
  auto summary = co_await get_if_there(store, folder + "manifest-summary.json");
  if (!summary) co_return std::unexpected(std::move(summary.error()));
  if (*summary) co_return co_await plan_export(store, folder, std::move(**summary));

  const auto object = co_await store.head(name);
  if (object) {
    RestorePlan plan{.kind = BackupKind::kSnapshot};
    plan.parts.push_back({.key = name, .size_bytes = object->size_bytes});
    co_return plan;
  }
  if (object.error().error_class != ErrorClass::kNotFound) co_return std::unexpected(object.error());
  const auto item_folder = co_await find_item_folder(store, name);
  if (!item_folder) co_return std::unexpected(item_folder.error());
  if (*item_folder != name) co_return co_await plan_whole(store, *item_folder, stop);
  // Versions, too: an incremental folder whose items are all deleted now may be restored to an earlier moment.
  const auto listing = co_await store.list_versions(folder, {});
  if (!listing) co_return std::unexpected(listing.error());
  if (listing->versions.empty()) {
    co_return failure(ErrorClass::kNotFound, "read backup", store.describe(name),
                      "there is nothing; check bucket, prefix and region");
  }
  std::string first = listing->versions.front().key.substr(folder.size());
  co_return co_await plan_folder(store, std::move(name), std::move(first), stop);
}
}  // namespace

std::string_view to_string(BackupKind kind) {
  switch (kind) {
    case BackupKind::kDump:
      return "dump";
    case BackupKind::kOldDump:
      return "dump without manifest";
    case BackupKind::kSnapshot:
      return "snapshot";
    case BackupKind::kIncremental:
      return "incremental backup";
    case BackupKind::kFullExport:
      return "full export";
    case BackupKind::kIncrementalExport:
      return "incremental export";
  }
  return "backup";
}

std::string without_manifest(std::string address) {
  const std::size_t name = address.rfind('/') + 1;
  const std::string_view file = std::string_view(address).substr(name);
  std::size_t end = std::string::npos;
  if (file == "manifest-summary.json" || file == "manifest-files.json") {
    end = 0;
  } else if (file.ends_with(".table.json")) {
    end = file.size() - std::string_view(".table.json").size();
  } else if (file.ends_with(".json")) {
    end = file.rfind(".manifest");
  }
  if (end != std::string::npos) address.resize(name + end);
  return address;
}

async::Task<Result<RestorePlan>> plan_restore(objects::ObjectStore& store, std::string name, const StopRequest& stop,
                                              RestoreShare share) {
  auto plan = co_await plan_whole(store, std::move(name), stop);
  if (!plan) co_return plan;
  keep_share(*plan, share);
  auto there = co_await check_parts(store, plan->parts);
  if (!there) co_return std::unexpected(std::move(there.error()));
  co_return plan;
}

}  // namespace dynamirror::jobs
