// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "json/reader.hpp"
#include "model/change.hpp"
#include "model/key.hpp"

namespace dynamirror::aws {

struct BatchWriteAnswer {
  double consumed_units = 0;             ///< write units, of the table and its indexes
  std::vector<std::size_t> unprocessed;  ///< which of the changes were not written, ascending; usually none
};

struct WriteAnswer {
  double consumed_units = 0;
};

struct GetItemAnswer {
  std::optional<std::string> item;  ///< wire-form JSON as the service sent it; nothing when there is no such item
  double consumed_units = 0;
};

// What the hot calls of DynamoDB put on the wire and take from it: pure, no I/O. Answers are borrowed and unchanged
// (json::Reader::read); one that is not what the service documents is an error of class fatal without a resource.

/// The body of a BatchWriteItem request: images and keys are spliced in as they are, in one allocation.
[[nodiscard]] std::string batch_write_body(const TableName& table, std::span<const model::Change* const> changes);

/// Finds the unprocessed items among `changes` by their keys, whatever the spelling of the answer. An unprocessed item
/// that is none of them is an error: not knowing what was not written, we cannot call anything written.
[[nodiscard]] Result<BatchWriteAnswer> parse_batch_write_answer(std::string& body, const TableName& table,
                                                                const model::KeySchema& key,
                                                                std::span<const model::Change* const> changes,
                                                                json::Reader& reader);

/// PutItem, DeleteItem. An answer without ConsumedCapacity counts as 0 units.
[[nodiscard]] Result<WriteAnswer> parse_write_answer(std::string& body, json::Reader& reader);

[[nodiscard]] Result<GetItemAnswer> parse_get_item_answer(std::string& body, json::Reader& reader);

}  // namespace dynamirror::aws
