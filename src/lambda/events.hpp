// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "json/reader.hpp"
#include "model/change.hpp"
#include "model/key.hpp"
#include "model/unreadable_record.hpp"

namespace dynamirror::lambda {

/// One record of a stream as an event holds it.
struct EventRecord {
  model::SequenceNumber sequence;  ///< names the record in the answer
  std::string shard{};             ///< Kinesis alone tells it
  std::string text{};              ///< of DynamoDB Streams: its JSON; of Kinesis: its data
  WallTime arrived{};              ///< of Kinesis
};

/// What an event source mapping or a pipe sends: records of one stream.
struct Event {
  enum class Source { kNone, kDynamoDb, kKinesis };
  Source source = Source::kNone;     ///< none: there are no records
  std::string stream{};              ///< its ARN; a pipe's and a tester's event may lack it
  std::vector<EventRecord> records;  ///< in the order of the event, which is that of each shard
  /// Of DynamoDB Streams: the key schema that the first readable key tells, its attributes by name. Which of them is
  /// the hash attribute no record says, and no write needs.
  std::optional<model::KeySchema> key{};

  /// "arn:…:table/NAME" of a DynamoDB stream's ARN; empty when there is none.
  [[nodiscard]] std::string table_arn() const;
  [[nodiscard]] std::string table_name() const;
  [[nodiscard]] std::string table_region() const;
};

/// Reads the body of an invocation: `{"Records":[…]}`, or the bare array of EventBridge Pipes.
/// Errors, class invalid: another event; records of several streams, or of a service that is none of the two; a record
/// without the sequence number that would name it in the answer; records of a shard out of order.
[[nodiscard]] Result<Event> read_event(std::string& body, json::Reader& reader);

/// A change, or a record that is none.
using Entry = std::variant<model::Change, model::UnreadableRecord>;
[[nodiscard]] const model::SequenceNumber& sequence_of(const Entry& entry);

/// One shard's part of an event.
struct ShardBatch {
  std::string shard;
  std::vector<Entry> entries;  ///< in order
};

/// Makes changes of the records, each by itself, so that one that cannot be read takes no other with it; several of an
/// aggregated record of Kinesis. `key`: of the table. Of Kinesis no image is taken: its records come twice and in any
/// order, so that every item is to be read.
[[nodiscard]] std::vector<ShardBatch> changes_of(Event event, const model::KeySchema& key);

}  // namespace dynamirror::lambda
