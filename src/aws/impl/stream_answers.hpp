// SPDX-License-Identifier: Apache-2.0
// Private to the clients of DynamoDB Streams and of Kinesis: what their answers have in common.
#pragma once

#include <string>
#include <string_view>

#include "aws/api_client.hpp"
#include "aws/streams/records_page.hpp"
#include "base/error.hpp"
#include "base/function_ref.hpp"
#include "json/reader.hpp"
#include "model/shard.hpp"

namespace dynamirror::aws::impl {

/// What is wrong with an answer. Class fatal: `in_answer` says of which.
[[nodiscard]] inline std::unexpected<Error> refuse(std::string message) {
  return failure(ErrorClass::kFatal, {}, {}, std::move(message));
}

/// Says of a complaint about an answer which call it belongs to.
[[nodiscard]] std::unexpected<Error> in_answer(Error error, std::string_view operation, std::string resource,
                                               const ApiAnswer& answer);

/// The member SequenceNumberRange of a shard.
[[nodiscard]] Status read_sequence_range(model::Shard& shard, json::Value& range);

/// The answer of GetShardIterator.
[[nodiscard]] Result<std::string> parse_shard_iterator(std::string& body, json::Reader& reader);

/// The answer of GetRecords: `read_record` takes each of its records into the page. Errors: class fatal.
[[nodiscard]] Status read_records(std::string& body, json::Reader& reader, RecordsPage& page,
                                  FunctionRef<Status(json::Value& record)> read_record);

}  // namespace dynamirror::aws::impl
