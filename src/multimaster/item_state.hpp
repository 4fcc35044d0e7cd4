// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "model/item_digest.hpp"
#include "multimaster/version.hpp"

namespace dynamirror::multimaster {

/// The attributes that an item of a table written on several sides carries.
inline constexpr std::string_view kVersionName = "_repl_version";
/// The hash of the content that the replicator vouched for with this version.
inline constexpr std::string_view kHashName = "_repl_hash";
/// The version of the state that this one was made on top of, as its table's stream showed it.
inline constexpr std::string_view kBaseName = "_repl_base";
/// There between the two writes of a deletion, so that the stream shows who deletes.
inline constexpr std::string_view kDeletedName = "_repl_deleted";

/// In no table: beside the old image of a local write whose record stands for a later one of ours (see `combine`).
inline constexpr std::string_view kErasedName = "_repl_erased";

/// Every attribute that is the replicator's and no content: those above, the guard of a feed, the tags of a circular
/// replication.
inline constexpr std::array<std::string_view, 8> kOwnNames{kVersionName,          kHashName,           kBaseName,
                                                           kDeletedName,          kErasedName,         "_repl_seen",
                                                           "_repl_source_region", "_repl_source_table"};

/// The replicator has erased an item by a deletion of this version, as a record of its table's stream says.
struct Erasure {
  Version version;
  model::SequenceNumber at;
};

/// An item and what its attributes say of it.
struct ItemState {
  std::string json;  ///< as it stands in the table
  std::optional<Version> version{};
  std::optional<Version> base{};
  model::ItemDigest content{};  ///< of all that is not the replicator's, the key included
  bool vouched = false;         ///< the content is the one that the hash is of
  bool deleted = false;         ///< marked: about to be erased
  std::optional<Erasure> erased{};

  /// Otherwise a local write is waiting to be given its version: an application's Put has no attributes of ours, its
  /// Update keeps them beside a changed content.
  [[nodiscard]] bool clean() const { return version && vouched; }
};

/// Attributes of ours that applications have broken (a version that is none) count as absent.
/// Errors: class invalid for what is no item in wire form.
[[nodiscard]] Result<ItemState> read_state(std::string_view item_json);

/// What an item is written with.
struct Marks {
  Version version;
  std::optional<Version> base{};
  std::string hash{};  ///< of the content, by `hash_of`
  bool deleted = false;
};
[[nodiscard]] std::string hash_of(const model::ItemDigest& content);

/// The item with these attributes in place of any of ours. REQUIRES: an item in wire form.
[[nodiscard]] std::string with_marks(std::string_view item_json, const Marks& marks);
/// The item with this beside its other attributes. REQUIRES: as `with_marks`.
[[nodiscard]] std::string with_erasure(std::string_view item_json, const Erasure& erasure);
/// The item as the application knows it.
[[nodiscard]] std::string without_marks(std::string_view item_json);

}  // namespace dynamirror::multimaster
