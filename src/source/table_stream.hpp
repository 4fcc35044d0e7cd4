// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "aws/dynamodb/table_description.hpp"
#include "aws/streams/client.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "model/key.hpp"

namespace dynamirror::source {

/// The stream of one table, and what is needed to read it. Borrows the client.
struct TableStream {
  aws::StreamsClient& client;
  StreamArn arn;
  model::KeySchema key;
};

/// The stream to replicate a table from. Pure. `table` is the table as the user named it, for messages.
/// Errors: class not found without an enabled stream, class invalid for a view type without new images; each with the
/// remedy.
[[nodiscard]] Result<StreamArn> find_stream(const aws::TableDescription& description, const std::string& table);

}  // namespace dynamirror::source
