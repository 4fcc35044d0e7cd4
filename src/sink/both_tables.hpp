// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "aws/dynamodb/client.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/strong_id.hpp"
#include "model/key.hpp"

namespace dynamirror::sink {

/// A replica whose items are read before they are written, and the primary that they are read from.
struct BothTablesOptions {
  TableName replica;
  TableName primary;
  model::KeySchema key;                     ///< of both
  std::optional<double> max_write_units{};  ///< per second, of the replica
  std::optional<double> max_read_units{};   ///< per second, of each table
};

/// The clients of each table, and what else a sink of both works with; all outlive it.
struct BothTablesParts {
  aws::DynamoDbClient& replica;
  aws::DynamoDbClient& primary;
  const Clock& clock;
  Random& random;
};

}  // namespace dynamirror::sink
