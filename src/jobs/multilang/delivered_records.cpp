// SPDX-License-Identifier: Apache-2.0
#include "jobs/multilang/delivered_records.hpp"

#include <string>

#include "aws/streams/records_page.hpp"

namespace dynamirror::jobs {

DeliveredRecords::DeliveredRecords(model::KeySchema key, std::optional<aws::KinesisRecordFormat> kinesis)
    : key_(std::move(key)) {
  if (kinesis) kinesis_.emplace(std::move(*kinesis));
}

Result<std::vector<Delivered>> DeliveredRecords::read(std::vector<DeliveredRecord> records) {
  return kinesis_ ? read_kinesis(std::move(records)) : read_table_stream(records);
}

/// Their texts together are what a GetRecords of DynamoDB Streams would have answered.
Result<std::vector<Delivered>> DeliveredRecords::read_table_stream(const std::vector<DeliveredRecord>& records) {
  std::string text = R"({"Records":[)";
  for (const DeliveredRecord& record : records) {
    if (&record != &records.front()) text += ',';
    text += record.data;
  }
  text += "]}";
  auto page = aws::parse_records_page(text, key_, reader_);
  if (!page) {
    page.error().message +=
        " (each must be a record of DynamoDB Streams, as the Streams adapter's MultiLangDaemon sends it; those of a "
        "Kinesis stream need --primary)";
    return std::unexpected(std::move(page.error()));
  }
  if (page->changes.size() != records.size()) {
    return failure(ErrorClass::kFatal, "read stream records", {}, "one of them is not one JSON object");
  }
  std::vector<Delivered> delivered;
  delivered.reserve(records.size());
  for (model::Change& change : page->changes) delivered.emplace_back(std::move(change));
  return delivered;
}

Result<std::vector<Delivered>> DeliveredRecords::read_kinesis(std::vector<DeliveredRecord> records) {
  std::vector<Delivered> delivered;
  delivered.reserve(records.size());
  for (DeliveredRecord& record : records) {
    auto sequence = model::SequenceNumber::parse(record.sequence);
    if (!sequence) {
      return failure(
          ErrorClass::kFatal, "read stream records", {},
          "record " + std::to_string(delivered.size()) + " has no sequenceNumber: " + sequence.error().message);
    }
    sequence->set_sub(record.sub_sequence);
    auto change = kinesis_->read(record.data, {.sequence = *sequence, .arrived = record.arrived});
    if (change) {
      delivered.emplace_back(std::move(*change));
    } else {
      delivered.emplace_back(model::UnreadableRecord{.sequence = *sequence,
                                                     .arrived = record.arrived,
                                                     .reason = std::move(change.error()),
                                                     .data = std::move(record.data)});
    }
  }
  return delivered;
}

const model::SequenceNumber& sequence_of(const Delivered& record) {
  const auto* change = std::get_if<model::Change>(&record);
  return change != nullptr ? change->sequence() : std::get<model::UnreadableRecord>(record).sequence;
}

}  // namespace dynamirror::jobs
