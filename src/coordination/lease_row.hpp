// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "coordination/lease.hpp"
#include "json/reader.hpp"

namespace dynamirror::coordination {

// A lease as a row of a KCL lease table in DynamoDB: what we read and what we write, so that KCL 1.7.5 to 3.5 and we
// can share a table. Pure.

/// Reads one item in wire form. Nothing for a row that is no lease, or none that we can read: an entityType other than
/// LEASE, a mandatory attribute (leaseKey, leaseCounter, ownerSwitchesSinceCheckpoint, checkpoint) missing, or one of
/// another type. Attributes that we do not know are passed over. Parents and children come sorted. A sub-sequence
/// number other than 0 follows the checkpoint's digits after a colon, as `model::to_string` writes it. REQUIRES:
/// `reader` is not reading.
[[nodiscard]] std::optional<Lease> parse_lease_row(std::string_view item_json, json::Reader& reader);

/// The members of the request that makes one write. Empty ones are left out of it.
struct LeaseRequest {
  enum class Operation { kPut, kUpdate, kDelete };
  Operation operation = Operation::kUpdate;
  std::string item_json{};  ///< kPut: the item; otherwise its key
  std::string update_expression{};
  std::string condition_expression{};
  std::string names_json{};
  std::string values_json{};
};

/// Of a checkpoint that `model::to_string` wrote, the sub-sequence number becomes KCL's other attribute, and the moment
/// of an AT_TIMESTAMP, which KCL's tables do not hold, is left out. Existing rows are only updated, so attributes that
/// we do not know survive. REQUIRES: kCreate has a checkpoint; kTake an owner; kStartHandOver both owners.
[[nodiscard]] LeaseRequest lease_request(const LeaseWrite& write);

/// The key of a lease's row: {"leaseKey":{"S":…}}.
[[nodiscard]] std::string lease_key_json(std::string_view key);

}  // namespace dynamirror::coordination
