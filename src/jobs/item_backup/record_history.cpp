// SPDX-License-Identifier: Apache-2.0
#include "jobs/item_backup/record_history.hpp"

#include <algorithm>
#include <utility>

#include "aws/paging.hpp"

namespace dynamirror::jobs {
namespace {

/// A bucket lists names that begin alike, and may keep more versions of one record than fit a page.
async::Task<Result<std::vector<objects::ObjectVersion>>> versions_of(objects::ObjectStore& store, std::string key) {
  std::vector<objects::ObjectVersion> versions;
  std::string from;
  aws::Paging paging;
  do {  // until the listing's end
    auto page = co_await store.list_versions(key, from);
    if (!page) co_return std::unexpected(std::move(page.error()));
    for (objects::ObjectVersion& version : page->versions) {
      if (version.key == key) versions.push_back(std::move(version));
    }
    auto turned = paging.turn(page->next, page->versions.size(), store.describe(key));
    if (!turned) co_return std::unexpected(std::move(turned.error()));
    from = std::move(page->next);
  } while (!from.empty());
  co_return versions;
}

/// The versions under the old name without the delete markers that are no deletion of the record: our tools write it
/// under its new name and then remove the old object. What such a marker removes the new name has superseded by then.
/// Both lists are newest first.
std::vector<objects::ObjectVersion> without_moves(const std::vector<objects::ObjectVersion>& old_name,
                                                  const std::vector<objects::ObjectVersion>& new_name) {
  std::vector<objects::ObjectVersion> kept;
  for (std::size_t i = 0; i < old_name.size(); ++i) {
    const auto then = std::find_if(new_name.begin(), new_name.end(), [&](const objects::ObjectVersion& version) {
      return version.modified <= old_name[i].modified;
    });
    const bool superseded =
        then != new_name.end() && (i + 1 == old_name.size() || old_name[i + 1].modified <= then->modified);
    if (!old_name[i].is_delete_marker || !superseded) kept.push_back(old_name[i]);
  }
  return kept;
}

/// An archived object is listed and cannot be read before it is restored (S3 API: InvalidObjectState).
bool is_archived(const Error& error) { return error.code == "InvalidObjectState"; }

async::Task<Result<RecordState>> read_state(objects::ObjectStore& store, const objects::ObjectVersion& version) {
  RecordState state{.since = version.modified, .version_id = version.version_id, .item = std::nullopt};
  if (version.is_delete_marker) co_return state;
  objects::GetOptions options;
  options.version_id = version.version_id;  // "null", too: once the bucket is versioned it is one among others
  auto body = co_await store.get(version.key, options);
  if (body) {
    state.item = sink::without_whitespace(*body).value_or(std::move(*body));
  } else if (is_archived(body.error())) {
    state.unreadable = "archived: restore the object from its archive first";
  } else {
    co_return std::unexpected(std::move(body.error()));
  }
  co_return state;
}

}  // namespace

async::Task<Result<std::vector<RecordState>>> record_history(objects::ObjectStore& store, sink::ItemObject object) {
  auto versions = co_await versions_of(store, object.name);
  if (!versions) co_return std::unexpected(std::move(versions.error()));
  if (object.old_name) {
    auto old = co_await versions_of(store, *object.old_name);
    if (!old) co_return std::unexpected(std::move(old.error()));
    const auto states = without_moves(*old, *versions);
    versions->insert(versions->end(), states.begin(), states.end());
    std::stable_sort(versions->begin(), versions->end(),
                     [](const auto& a, const auto& b) { return a.modified > b.modified; });
  }
  std::vector<RecordState> history;
  for (const objects::ObjectVersion& version : *versions) {
    auto state = co_await read_state(store, version);
    if (!state) co_return std::unexpected(std::move(state.error()));
    history.push_back(std::move(*state));
  }
  co_return history;
}

const RecordState* state_at(const std::vector<RecordState>& history, WallTime moment) {
  const auto version =
      std::find_if(history.begin(), history.end(), [&](const RecordState& state) { return state.since <= moment; });
  return version == history.end() ? nullptr : &*version;
}

}  // namespace dynamirror::jobs
