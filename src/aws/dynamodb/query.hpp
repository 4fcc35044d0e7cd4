// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "async/task.hpp"
#include "aws/dynamodb/client.hpp"
#include "aws/dynamodb/scan.hpp"

namespace dynamirror::aws {

/// All items that have one value of the hash attribute.
struct QueryOptions {
  std::string hash_name;
  std::string hash_value_json;   ///< `{"S":"a"}`
  std::string start_key_json{};  ///< the page before's `last_key_json`; empty: from the beginning
};

/// One page of a consistent Query. Errors: as DynamoDbClient has them; not sent again once the service may have taken
/// it. `client` outlives the task.
[[nodiscard]] async::Task<Result<ScanPage>> query(DynamoDbClient& client, TableName table, QueryOptions options);

}  // namespace dynamirror::aws
