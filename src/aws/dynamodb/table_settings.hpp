// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/task.hpp"
#include "aws/dynamodb/client.hpp"

namespace dynamirror::aws {

/// What belongs to a table and stands neither in its items nor in what CreateTable takes from `create_spec_from`.
struct TableSettings {
  std::string description_json;                             ///< of DescribeTable
  std::string time_to_live_attribute;                       ///< empty: off
  std::vector<std::pair<std::string, std::string>> tags{};  ///< name and value
  bool point_in_time_recovery = false;
  std::vector<std::string> unknown{};  ///< settings that could not be read, in words
};

/// Reads the settings of a table. Only DescribeTable must succeed: what the caller may not read, or a server does not
/// know, is listed as unknown. Errors: those of `describe_table`.
[[nodiscard]] async::Task<Result<TableSettings>> read_settings(DynamoDbClient& client, const TableName& table);

/// One JSON object for a file: {"Table":…,"TimeToLiveAttribute":…,"Tags":[…],"PointInTimeRecovery":…}.
[[nodiscard]] std::string to_json(const TableSettings& settings);
/// The reverse; takes a bare answer of DescribeTable, too. Errors: class invalid.
[[nodiscard]] Result<TableSettings> parse_table_settings(std::string_view json);

/// Gives a table the settings of another, as far as it lacks them: time to live, tags, point-in-time recovery, stream.
/// Returns a line for each setting: what was set, or what was not and why. Never fails as a whole.
/// REQUIRES: `table` is what DescribeTable says of the table now.
[[nodiscard]] async::Task<std::vector<std::string>> apply_settings(DynamoDbClient& client, TableDescription table,
                                                                   TableSettings settings);

}  // namespace dynamirror::aws
