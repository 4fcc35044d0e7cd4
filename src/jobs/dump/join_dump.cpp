// SPDX-License-Identifier: Apache-2.0
#include "jobs/dump/join_dump.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "jobs/dump/dump_manifest.hpp"
#include "jobs/dump/dump_names.hpp"

namespace dynamirror::jobs {
namespace {

std::unexpected<Error> refusal(const objects::ObjectStore& store, const std::string& key, std::string message) {
  return failure(ErrorClass::kInvalid, "join the manifests of dump", store.describe(key), std::move(message));
}

async::Task<Result<DumpManifest>> read_manifest(objects::ObjectStore& store, std::string key) {
  const objects::GetOptions whole;
  const auto text = co_await store.get(key, whole);
  if (!text) co_return std::unexpected(text.error());
  auto manifest = parse_dump_manifest(*text);
  if (!manifest) co_return refusal(store, key, manifest.error().message);
  co_return manifest;
}

/// The manifest of an earlier run of the same; nothing when there is none. A segment that is dumped anew removes it.
async::Task<Result<std::optional<DumpManifest>>> joined_before(objects::ObjectStore& store, DumpNames all,
                                                               std::uint32_t segments) {
  auto manifest = co_await read_manifest(store, all.manifest());
  if (manifest && manifest->joined.size() == segments) co_return std::move(*manifest);
  if (manifest) co_return refusal(store, all.manifest(), "a dump with another number of segments has this name");
  if (manifest.error().error_class == ErrorClass::kNotFound) co_return std::nullopt;
  co_return std::unexpected(std::move(manifest.error()));
}

void add(DumpManifest& all, DumpManifest segment) {
  if (all.joined.empty()) {
    all.table = segment.table;
    all.gzip = segment.gzip;
    all.segments = segment.segments;
    all.begun = segment.begun;
    all.ended = segment.ended;
  }
  all.begun = std::min(all.begun, segment.begun);
  all.ended = std::max(all.ended, segment.ended);
  all.joined.push_back(std::move(segment.object));
}

async::Task<Result<DumpManifest>> read_segments(objects::ObjectStore& store, std::string job_id,
                                                std::uint32_t segments) {
  DumpManifest all;
  for (std::uint32_t i = 0; i < segments; ++i) {
    const DumpNames names{job_id, i, segments};
    auto manifest = co_await read_manifest(store, names.manifest());
    if (!manifest && manifest.error().error_class == ErrorClass::kNotFound) {
      co_return refusal(store, names.manifest(),
                        "segment " + std::to_string(i) + " of " + std::to_string(segments) +
                            " has no manifest: it was not dumped to its end");
    }
    if (!manifest) co_return manifest;
    if (!all.joined.empty() && manifest->table != all.table) {
      co_return refusal(store, names.manifest(),
                        "its segments are of different tables: " + all.table + " and " + manifest->table);
    }
    add(all, std::move(*manifest));
  }
  co_return all;
}

/// What they say is said now. Where they may not be removed they stay, and mean nothing beside the joined one.
async::Task<Status> remove_segments(objects::ObjectStore& store, std::string job_id, std::uint32_t segments) {
  for (std::uint32_t i = 0; i < segments; ++i) {
    const DumpNames names{job_id, i, segments};
    auto removed = co_await store.remove(names.manifest());
    if (!removed && removed.error().error_class == ErrorClass::kDenied) co_return Status{};
    if (!removed) co_return removed;
  }
  co_return Status{};
}

BackupResult totals_of(const DumpManifest& all, const std::string& job_id) {
  BackupResult result;
  result.object.key = job_id + "/";
  for (const LinesObjectTotals& object : all.joined) {
    result.object.lines += object.lines;
    result.object.bytes += object.bytes;
    result.object.stored_bytes += object.stored_bytes;
  }
  return result;
}

}  // namespace

async::Task<JobResult<BackupResult>> join_dump(objects::ObjectStore& store, std::string job_id,
                                               std::uint32_t segments) {
  const DumpNames all{job_id, 0, 1};
  auto before = co_await joined_before(store, all, segments);
  if (!before) co_return job_failure(std::move(before.error()));
  if (*before) co_return totals_of(**before, job_id);
  auto joined = co_await read_segments(store, job_id, segments);
  if (!joined) co_return job_failure(std::move(joined.error()));
  const objects::PutOptions json;
  auto saved = co_await store.put(all.manifest(), to_json(*joined), json);
  if (saved) saved = co_await remove_segments(store, job_id, segments);
  if (!saved) co_return job_failure(std::move(saved.error()));
  co_return totals_of(*joined, job_id);
}

}  // namespace dynamirror::jobs
