// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "json/reader.hpp"
#include "model/key.hpp"

namespace dynamirror::aws {

/// What one BatchGetItem answered of the keys it was asked for.
struct BatchGetAnswer {
  /// One for each key, in their order: the item as wire-form JSON, byte for byte as the service sent it; nothing when
  /// there is none, or when its key is among the unprocessed.
  std::vector<std::optional<std::string>> items;
  std::vector<std::size_t> unprocessed;  ///< which keys were not read, ascending
  double consumed_units = 0;             ///< read units
};

// The wire form of BatchGetItem: pure, no I/O. Errors and the life of texts as in answers.hpp.

/// The service's limit. Source: API reference, "BatchGetItem".
inline constexpr std::size_t kMaxBatchGet = 100;

[[nodiscard]] std::string batch_get_body(const TableName& table, std::span<const std::string_view> keys,
                                         bool consistent);

/// `keys`: canonical (model::KeyCanonicalizer) and different ones. A key that is answered neither as an item nor as
/// unprocessed has no item; so an answer that leaves room for doubt is an error: without the list of the table's items,
/// with an item that nobody asked for, with one twice.
[[nodiscard]] Result<BatchGetAnswer> parse_batch_get_answer(std::string& body, const TableName& table,
                                                            const model::KeySchema& schema,
                                                            std::span<const std::string_view> keys,
                                                            json::Reader& reader);

}  // namespace dynamirror::aws
