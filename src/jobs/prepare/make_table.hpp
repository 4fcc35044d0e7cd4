// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "async/task.hpp"
#include "aws/dynamodb/table_description.hpp"
#include "base/error.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::jobs {

/// The table of a side, which `found` describes, once it can be read and written: only one that is still being made is
/// waited for. Errors: those of aws::DynamoDbClient::wait_until_usable.
[[nodiscard]] async::Task<Result<aws::TableDescription>> once_usable(TableSide& side, aws::TableDescription table);

/// Makes the table of a side from the description of another one, and waits until it is usable. What it does not take
/// over is for the caller to say.
/// Errors: those of aws::DynamoDbClient::ensure_table.
[[nodiscard]] async::Task<Result<aws::TableDescription>> make_table_like(TableSide& side,
                                                                         const aws::TableDescription& model);

/// One log line: which settings of `model` a table made like it lacks.
void say_what_is_left_out(const TableSide& side, const aws::TableDescription& model);

}  // namespace dynamirror::jobs
