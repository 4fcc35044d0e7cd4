// SPDX-License-Identifier: Apache-2.0
#include "jobs/dump/dump_names.hpp"

#include <utility>
#include <vector>

#include "aws/dynamodb/table_description.hpp"
#include "aws/paging.hpp"
#include "base/log.hpp"

namespace dynamirror::jobs {
namespace {

constexpr std::size_t kMostManifests = 100'000;  ///< more segments than any dump has

/// Scripts of the old tool run with a role that may write to the bucket and nothing else.
bool may_not_look(const Error& error) { return error.error_class == ErrorClass::kDenied; }

/// What tells tables apart: the ARN, where the server gives one.
std::string identity(const aws::TableSettings& settings) {
  const auto table = aws::parse_table_description(settings.description_json);
  if (!table) return {};
  return table->arn.empty() ? table->name.str() : table->arn;
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// What follows `<jobid>.manifest`: ".json" or "-<segment>-of-<segments>.json". Other objects are none of ours.
bool is_manifest(std::string_view rest) {
  constexpr std::string_view kEnd = ".json";
  if (!rest.ends_with(kEnd)) return false;
  rest.remove_suffix(kEnd.size());
  if (rest.empty()) return true;
  const std::size_t of = rest.find("-of-");
  return rest.front() == '-' && of != std::string_view::npos && all_digits(rest.substr(1, of - 1)) &&
         all_digits(rest.substr(of + 4));
}

std::string manifest_suffix(const DumpNames& names) {
  return names.shares == 1 ? ".json" : "-of-" + std::to_string(names.shares) + ".json";
}

async::Task<Result<std::vector<std::string>>> list_manifests(objects::ObjectStore& store, std::string prefix) {
  std::vector<std::string> keys;
  std::string from;
  aws::Paging paging;
  do {  // bounded by kMostManifests
    auto page = co_await store.list(prefix, from);
    if (!page) co_return std::unexpected(std::move(page.error()));
    auto turned = paging.turn(page->next, page->objects.size(), store.describe(prefix));
    if (!turned) co_return std::unexpected(std::move(turned.error()));
    for (objects::ObjectInfo& object : page->objects) keys.push_back(std::move(object.key));
    from = std::move(page->next);
  } while (!from.empty() && keys.size() < kMostManifests);
  co_return keys;
}

}  // namespace

std::string DumpNames::manifest() const {
  if (shares == 1) return job_id + ".manifest.json";
  return job_id + ".manifest-" + std::to_string(share) + manifest_suffix(*this);
}

async::Task<Status> check_dump_name(objects::ObjectStore& store, DumpNames names, aws::TableSettings settings) {
  const objects::GetOptions whole;
  const auto described = co_await store.get(names.table(), whole);
  if (!described) {
    const bool free = described.error().error_class == ErrorClass::kNotFound || may_not_look(described.error());
    co_return free ? Status{} : std::unexpected(described.error());
  }
  const auto there = aws::parse_table_settings(*described);
  const std::string other = there ? identity(*there) : std::string();
  if (other.empty() || other == identity(settings)) co_return Status{};
  co_return failure(ErrorClass::kConflict, "back up as", store.describe(names.job_id),
                    "a dump of another table has this name (" + other + "); give another --jobid or address");
}

async::Task<Status> begin_dump(objects::ObjectStore& store, DumpNames names, aws::TableSettings settings) {
  const objects::PutOptions json;
  auto saved = co_await store.put(names.table(), aws::to_json(settings), json);
  if (!saved) co_return saved;
  co_return co_await remove_old_manifests(store, std::move(names));
}

async::Task<Status> remove_old_manifests(objects::ObjectStore& store, DumpNames names) {
  const std::string prefix = names.job_id + ".manifest";
  auto keys = co_await list_manifests(store, prefix);
  if (!keys && may_not_look(keys.error())) {
    log::warning("cannot see whether an older dump has this name: its bucket may not be listed",
                 {{"dump", store.describe(names.job_id)}});
    co_return Status{};
  }
  if (!keys) co_return std::unexpected(std::move(keys.error()));
  for (const std::string& key : *keys) {
    const std::string_view rest = std::string_view(key).substr(prefix.size());
    // Of the same number of shares only our own; the others have processes of their own.
    const bool same_shares = names.shares == 1 ? rest == ".json" : rest.ends_with(manifest_suffix(names));
    if (!is_manifest(rest) || (same_shares && key != names.manifest())) continue;
    auto removed = co_await store.remove(key);
    if (!removed && may_not_look(removed.error())) {
      log::warning("an older dump's manifest may not be removed; should this dump fail, it says what is not true",
                   {{"manifest", store.describe(key)}});
    } else if (!removed) {
      co_return removed;
    }
  }
  co_return Status{};
}

}  // namespace dynamirror::jobs
