// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/strong_id.hpp"
#include "json/reader.hpp"
#include "model/change.hpp"
#include "model/key.hpp"
#include "model/key_canonicalizer.hpp"

namespace dynamirror::aws {

/// What the records of a stream are changes of, and how much of them is wanted.
struct KinesisRecordFormat {
  model::KeySchema key;
  std::optional<TableName> table{};  ///< records that name another table are refused; nothing: any
  bool keys_only = false;            ///< images are left out, and no event is believed: every item is to be read
};

/// Makes a change of the data of one record of Kinesis, in either of two forms; members may come in any order, and
/// unknown ones are ignored.
///
/// - What applications that use dyno put there after each write: `eventName` and `dynamodb.Keys`. Such an event is a
///   hint (a put over an existing item is called INSERT, and events come in any order), so that the change is of a key
///   alone, also for REMOVE: whoever writes it must read the item. Its sequence number "0" means nothing.
/// - What the service itself puts there (Kinesis Data Streams for DynamoDB), known by its `tableName` or
/// `recordFormat`:
///   with images and the moment of the change, which alone tells the order, because records come twice and in any
///   order. `ApproximateCreationDateTime` is in milliseconds, or in microseconds where
///   `ApproximateCreationDateTimePrecision` says so, or its size does where nothing is said. Without NewImage (which
///   the service never leaves out) the change is of the key alone.
///
/// `created` of a record that does not say is when the service of the stream took it.
/// Sources: dyno's lib/kinesis.js; "Using Kinesis Data Streams to capture changes to DynamoDB" and "How Kinesis Data
/// Streams work with DynamoDB" in the DynamoDB developer guide.
/// Not thread-safe: keeps buffers.
class KinesisRecordReader {
 public:
  explicit KinesisRecordReader(KinesisRecordFormat format);

  /// Where a record stands.
  struct Place {
    model::SequenceNumber sequence;
    WallTime arrived{};
  };

  /// The change, or why the data is none. `data` is borrowed.
  [[nodiscard]] std::expected<model::Change, std::string> read(std::string_view data, const Place& place);

 private:
  struct Members;
  [[nodiscard]] Status read_change(Members& members, json::Value& value) const;
  [[nodiscard]] std::expected<model::Change, std::string> to_change(const Members& members, const Place& place);

  KinesisRecordFormat format_;
  model::KeyCanonicalizer keys_;
  json::Reader reader_;
};

}  // namespace dynamirror::aws
