// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "aws/kinesis/record.hpp"
#include "base/error.hpp"
#include "jobs/multilang/multilang_protocol.hpp"
#include "json/reader.hpp"
#include "model/change.hpp"
#include "model/key.hpp"
#include "model/unreadable_record.hpp"

namespace dynamirror::jobs {

/// What a record of a stream is: a change of the table, or something else that somebody has put there.
using Delivered = std::variant<model::Change, model::UnreadableRecord>;

/// Makes changes of what KCL's MultiLangDaemon delivers: records of DynamoDB Streams, as the Streams adapter 1.x gives
/// them to it (their position is within), or those of Kinesis. Not thread-safe: keeps buffers.
class DeliveredRecords {
 public:
  /// `kinesis`: the form of Kinesis's records; nothing: those of DynamoDB Streams, of a table with this key.
  DeliveredRecords(model::KeySchema key, std::optional<aws::KinesisRecordFormat> kinesis);

  /// In the order of their delivery. Errors: class fatal when DynamoDB Streams cannot have sent one of them, or the
  /// position of one of Kinesis is missing.
  [[nodiscard]] Result<std::vector<Delivered>> read(std::vector<DeliveredRecord> records);

 private:
  [[nodiscard]] Result<std::vector<Delivered>> read_table_stream(const std::vector<DeliveredRecord>& records);
  [[nodiscard]] Result<std::vector<Delivered>> read_kinesis(std::vector<DeliveredRecord> records);

  model::KeySchema key_;
  std::optional<aws::KinesisRecordReader> kinesis_;
  json::Reader reader_;
};

[[nodiscard]] const model::SequenceNumber& sequence_of(const Delivered& record);

}  // namespace dynamirror::jobs
