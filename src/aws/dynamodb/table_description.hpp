// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "json/reader.hpp"
#include "model/key.hpp"

namespace dynamirror::aws {

/// One attribute of a table's or index's key. `role` is "HASH" or "RANGE".
struct KeyElement {
  std::string name;
  std::string role;
  friend bool operator==(const KeyElement&, const KeyElement&) = default;
};

/// `type` is "S", "N" or "B".
struct AttributeDefinition {
  std::string name;
  std::string type;
  friend bool operator==(const AttributeDefinition&, const AttributeDefinition&) = default;
};

/// Capacity units per second; zero for on-demand tables.
struct Throughput {
  std::int64_t read_units = 0;
  std::int64_t write_units = 0;
  friend bool operator==(const Throughput&, const Throughput&) = default;
};

/// Upper limits of an on-demand table or index, in request units per second; -1: none.
struct OnDemandLimits {
  std::int64_t read_units = -1;
  std::int64_t write_units = -1;
  friend bool operator==(const OnDemandLimits&, const OnDemandLimits&) = default;
};

/// Which attributes an index carries. `type` is "ALL", "KEYS_ONLY" or "INCLUDE".
struct Projection {
  std::string type = "ALL";
  std::vector<std::string> non_key_attributes{};  ///< only for "INCLUDE"
  friend bool operator==(const Projection&, const Projection&) = default;
};

/// A global or local secondary index. The key is a list because indexes may have keys of several attributes.
struct SecondaryIndex {
  std::string name;
  std::vector<KeyElement> key;
  Projection projection;
  Throughput throughput;       ///< global indexes of provisioned tables only
  std::string status;          ///< global indexes only: "ACTIVE", "CREATING" …
  OnDemandLimits on_demand{};  ///< global indexes only
  Throughput warm{};           ///< global indexes only: units per second that it bears at once
  friend bool operator==(const SecondaryIndex&, const SecondaryIndex&) = default;
};

enum class BillingMode { kProvisioned, kPayPerRequest };

/// A table's stream. ARN and label also name the last stream of a table whose stream is off.
struct StreamSummary {
  bool enabled = false;
  std::string view_type;  ///< "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"; empty when off
  std::optional<StreamArn> latest_arn;
  std::optional<std::string> latest_label;
};

/// What DescribeTable answers, as far as we use it.
struct TableDescription {
  std::string arn;
  std::string id;  ///< differs between a table and an earlier one of its name; empty when the server gives none
  TableName name;
  std::string status;           ///< "ACTIVE", "CREATING", "UPDATING", "DELETING", …
  std::int64_t item_count = 0;  ///< the service updates it about every six hours
  std::int64_t size_bytes = 0;  ///< likewise
  model::KeySchema key;
  std::vector<AttributeDefinition> attributes;  ///< of all keys, indexes included
  BillingMode billing_mode = BillingMode::kProvisioned;
  Throughput throughput;
  OnDemandLimits on_demand;
  Throughput warm;  ///< units per second that the table bears at once
  std::vector<SecondaryIndex> global_indexes;
  std::vector<SecondaryIndex> local_indexes;
  StreamSummary stream;
  std::optional<std::string> sse_type;     ///< "KMS", "AES256"; nothing: owned by the service
  std::optional<std::string> table_class;  ///< "STANDARD", "STANDARD_INFREQUENT_ACCESS"; nothing: standard
  bool deletion_protection = false;
  std::vector<std::string> replicas{};  ///< regions of a global table, other than this one
  std::string raw;                      ///< the service's own JSON object

  [[nodiscard]] bool active() const { return status == "ACTIVE"; }
  /// Readable and writable: also while an index is built or capacity changes, which may take hours.
  [[nodiscard]] bool usable() const { return active() || status == "UPDATING"; }
};

/// Reads a table's JSON object ("Table" of DescribeTable, "TableDescription" of CreateTable and UpdateTable).
/// Errors: class fatal when it is no such object, e.g. without name or status, or with a key without attribute
/// definition.
[[nodiscard]] Result<TableDescription> parse_table_description(std::string_view json);

/// What CreateTable needs to know.
struct CreateTableSpec {
  TableName name;
  model::KeySchema key;
  std::vector<AttributeDefinition> attributes;
  BillingMode billing_mode = BillingMode::kPayPerRequest;
  Throughput throughput;     ///< for provisioned tables
  OnDemandLimits on_demand;  ///< for on-demand tables
  std::vector<SecondaryIndex> global_indexes;
  std::vector<SecondaryIndex> local_indexes;
  std::optional<std::string> stream_view_type;  ///< nothing: no stream
};

/// A table of the same keys, indexes, projections, billing mode, provisioned units and on-demand limits under a new
/// name, without a stream. What `left_out_settings` lists is not taken over: it belongs to an account and a purpose
/// rather than to the data, or costs extra.
[[nodiscard]] CreateTableSpec create_spec_from(const TableDescription& description, TableName new_name);

/// What DescribeTable says of a table and `create_spec_from` leaves out, but for the stream, in words: "encryption
/// KMS".
[[nodiscard]] std::vector<std::string> left_out_settings(const TableDescription& description);

/// The body of a CreateTable request.
[[nodiscard]] std::string create_table_body(const CreateTableSpec& spec);

}  // namespace dynamirror::aws
