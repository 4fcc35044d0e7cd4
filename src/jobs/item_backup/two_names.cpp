// SPDX-License-Identifier: Apache-2.0
#include "jobs/item_backup/two_names.hpp"

#include <utility>

#include "aws/paging.hpp"

namespace dynamirror::jobs {

TwoNames::TwoNames(objects::ObjectStore& store, std::string prefix, model::KeySchema key, std::optional<WallTime> as_of)
    : store_(store),
      prefix_(std::move(prefix)),
      composite_(key.range.has_value()),
      as_of_(as_of),
      keys_(key),
      names_({}, std::move(key)) {}

Result<TwoNames::Names> TwoNames::names_of(std::string_view item) {
  const auto key = keys_.from_item(item);
  if (!key) return std::unexpected(key.error());
  const auto object = names_.of(*key);
  if (!object) return std::unexpected(object.error());
  // Names of a table without a name: "/<id>".
  Names names{.key_json = std::string(*key), .sorted = prefix_ + object->name.substr(1), .old = {}};
  if (object->old_name) names.old = prefix_ + object->old_name->substr(1);
  return names;
}

Status TwoNames::check(const std::string& object, std::string_view item) {
  const auto names = names_of(item);
  if (!names) return std::unexpected(names.error());
  if (object == names->sorted || object == names->old) return {};
  return failure(ErrorClass::kInvalid, "read item", store_.describe(object),
                 "it holds an item of another key, " + names->key_json + ", whose object is " +
                     store_.describe(names->sorted) +
                     "; remove it if it was put there by mistake; or the target's key is not that of the table backed "
                     "up");
}

async::Task<Result<TwoNames::Verdict>> TwoNames::judge(objects::ObjectVersion object, std::string_view item,
                                                       Round round) {
  if (!composite_) co_return Verdict::kTake;
  auto names = names_of(item);
  if (!names) co_return Verdict::kTake;
  const bool is_old = object.key == names->old;
  if (is_old) {
    met_old_name_ = true;
    // The sorted name's object may be on this page, too, and be taken by somebody who has not met an old name yet.
    if (round == Round::kPage) co_return Verdict::kLater;
  } else if (object.key != names->sorted || !met_old_name_) {
    co_return Verdict::kTake;
  }
  const auto superseded =
      co_await is_superseded(std::move(object), std::move(is_old ? names->sorted : names->old), is_old);
  if (!superseded) co_return std::unexpected(superseded.error());
  co_return *superseded ? Verdict::kSuperseded : Verdict::kTake;
}

async::Task<Result<bool>> TwoNames::is_superseded(objects::ObjectVersion object, std::string other, bool is_old) {
  auto theirs = co_await look_up(std::move(other));
  if (!theirs) co_return std::unexpected(std::move(theirs.error()));
  if (!*theirs) co_return false;
  // An item that moves to its sorted name leaves a deletion under the old one.
  if (!is_old && (*theirs)->is_delete_marker) co_return false;
  if (!as_of_) {
    // Looked up as well: a listing may tell time finer than S3's HEAD does, which is by the second.
    auto own = co_await look_up(std::move(object.key));
    if (!own) co_return std::unexpected(std::move(own.error()));
    if (!*own) co_return true;  // gone since it was listed
    object.modified = (*own)->modified;
  }
  co_return is_old ? (*theirs)->modified >= object.modified : (*theirs)->modified > object.modified;
}

/// What stands under a name; nothing when there is none.
async::Task<Result<std::optional<objects::ObjectVersion>>> TwoNames::look_up(std::string key) {
  if (as_of_) co_return co_await look_up_at(std::move(key), *as_of_);
  auto info = co_await store_.head(key);
  if (info) {
    objects::ObjectVersion version{.key = std::move(key), .version_id = {}, .modified = info->modified};
    co_return std::move(version);
  }
  // S3 denies to say of an absent object that it is, to those who may not list everything.
  const ErrorClass error = info.error().error_class;
  if (error == ErrorClass::kNotFound || error == ErrorClass::kDenied) co_return std::nullopt;
  co_return std::unexpected(std::move(info.error()));
}

async::Task<Result<std::optional<objects::ObjectVersion>>> TwoNames::look_up_at(std::string key, WallTime moment) {
  std::string from;
  aws::Paging paging;
  do {  // until the listing's end
    auto page = co_await store_.list_versions(key, from);
    if (!page) co_return std::unexpected(std::move(page.error()));
    for (objects::ObjectVersion& version : page->versions) {
      if (version.key == key && version.modified <= moment) co_return std::move(version);
    }
    auto turned = paging.turn(page->next, page->versions.size(), store_.describe(key));
    if (!turned) co_return std::unexpected(std::move(turned.error()));
    from = std::move(page->next);
  } while (!from.empty());
  co_return std::nullopt;
}

}  // namespace dynamirror::jobs
