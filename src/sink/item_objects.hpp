// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "json/reader.hpp"
#include "model/key.hpp"

namespace dynamirror::sink {

/// Where the object of one item stands, relative to the backup's address.
struct ItemObject {
  std::string name;                     ///< `<table>/<id>`, the key's attributes sorted by name
  std::optional<std::string> old_name;  ///< the same with the attributes in the other order, when that differs
};

/// Names the objects of an incremental backup as mapbox's dynamodb-replicator does: the id is the lower-case hex
/// SHA-256 of the key's compact wire-form JSON as JavaScript writes it. Its tools order the attributes of a composite
/// key in different ways, so an item of theirs may stand under either name; ours stand under the sorted one. Not
/// thread-safe: keeps a reader.
class ItemObjects {
 public:
  ItemObjects(std::string table, model::KeySchema key) : table_(std::move(table)), key_(std::move(key)) {}

  /// `canonical_key`: as model::KeyCanonicalizer gives it. Errors: class invalid when it is no such key.
  [[nodiscard]] Result<ItemObject> of(std::string_view canonical_key);

  /// What all objects of the table begin with: `<table>/`.
  [[nodiscard]] std::string prefix() const { return table_ + "/"; }
  [[nodiscard]] const model::KeySchema& key() const { return key_; }

 private:
  std::string table_;
  model::KeySchema key_;
  json::Reader reader_;
};

/// The key of a table, found from one of its objects: which one or two of the item's attributes does `id`, the last
/// part of the object's name, belong to? Which of two is the hash attribute stays open: the names are the same either
/// way. Nothing when there are none such; only the first 100 attributes that a key may hold are tried. Slow: tens of
/// milliseconds for a wide item, so ask once for a table.
[[nodiscard]] std::optional<model::KeySchema> find_key(std::string_view id, std::string_view item);

/// The text without whitespace between its tokens; nothing when it has none to take away. Services answer compact JSON
/// already, so that the usual case costs one scan.
[[nodiscard]] std::optional<std::string> without_whitespace(std::string_view json);

}  // namespace dynamirror::sink
