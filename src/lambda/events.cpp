// SPDX-License-Identifier: Apache-2.0
#include "lambda/events.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "aws/kinesis/aggregated_record.hpp"
#include "aws/kinesis/record.hpp"
#include "aws/streams/records_page.hpp"
#include "model/base64.hpp"
#include "model/key_canonicalizer.hpp"

namespace dynamirror::lambda {
namespace {

using Source = Event::Source;

std::unexpected<Error> refuse(std::string message) {
  return failure(ErrorClass::kInvalid, "read event", {}, std::move(message));
}

/// What we look at in one record, before it is known whether it can be read as a change.
struct Envelope {
  std::string source;
  std::string stream;
  std::string event_id;
  std::string sequence;
  std::string keys;
  std::optional<std::string> data;  ///< of Kinesis, base64
  double arrived = 0;               ///< seconds
};

Status take(std::string& into, const Result<std::string_view>& text) {
  if (!text) return std::unexpected(text.error());
  into = *text;
  return {};
}

Status read_dynamodb(Envelope& envelope, json::Value& value) {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "SequenceNumber") return take(envelope.sequence, member.string());
    if (name == "Keys") return take(envelope.keys, member.raw());
    return {};
  });
}

Status read_kinesis(Envelope& envelope, std::string_view name, json::Value& member) {
  if (name == "sequenceNumber") return take(envelope.sequence, member.string());
  if (name == "data") return take(envelope.data.emplace(), member.string());
  if (name == "approximateArrivalTimestamp") {
    const auto seconds = member.number();
    if (!seconds) return std::unexpected(seconds.error());
    envelope.arrived = *seconds;
  }
  return {};
}

/// Pipes put what Lambda has below "kinesis" beside the other members.
Status read_member(Envelope& envelope, std::string_view name, json::Value& member) {
  if (name == "eventSource") return take(envelope.source, member.string());
  if (name == "eventSourceARN") return take(envelope.stream, member.string());
  if (name == "eventID") return take(envelope.event_id, member.string());
  if (name == "dynamodb") return read_dynamodb(envelope, member);
  if (name == "kinesis") {
    return member.for_each_member(
        [&](std::string_view below, json::Value& value) { return read_kinesis(envelope, below, value); });
  }
  return read_kinesis(envelope, name, member);
}

Result<Source> source_of(const Envelope& envelope) {
  if (envelope.source == "aws:dynamodb") return Source::kDynamoDb;
  if (envelope.source == "aws:kinesis") return Source::kKinesis;
  if (envelope.source.empty()) return refuse("it has no eventSource");
  return refuse("its eventSource is " + envelope.source + ", neither aws:dynamodb nor aws:kinesis");
}

/// The event's own time tells the lag alone: one that no clock can hold is the epoch.
WallTime to_time(double seconds) {
  if (!(seconds >= 0 && seconds <= 9e9)) return {};
  return WallTime(std::chrono::milliseconds(std::llround(seconds * 1e3)));
}

/// In the order of their names, so that no two events of one table differ.
std::optional<model::KeySchema> schema_in(std::string_view keys) {
  auto schema = model::schema_of_key(keys);
  if (!schema) return std::nullopt;
  if (schema->range && schema->range->name < schema->hash.name) std::swap(schema->hash, *schema->range);
  return std::move(*schema);
}

class EventReader {
 public:
  explicit EventReader(Event& event) : event_(event) {}

  Status add(std::string_view text) {
    Envelope envelope;
    auto read = reader_.read_copy(text, [&](json::Value& record) {
      return record.for_each_member(
          [&](std::string_view name, json::Value& member) { return read_member(envelope, name, member); });
    });
    if (read) read = add(std::move(envelope), text);
    if (!read) read.error().message.insert(0, "record " + std::to_string(event_.records.size()) + ": ");
    return read;
  }

 private:
  Status add(Envelope envelope, std::string_view text) {
    const auto source = source_of(envelope);
    if (!source) return std::unexpected(source.error());
    if (event_.records.empty()) {
      event_.source = *source;
      event_.stream = envelope.stream;
    }
    if (*source != event_.source || envelope.stream != event_.stream) return refuse("it is of another stream");
    auto sequence = model::SequenceNumber::parse(envelope.sequence);
    if (!sequence) return refuse("its sequence number is " + sequence.error().message);
    EventRecord record{.sequence = *sequence};
    if (*source == Source::kKinesis) {
      record.shard = envelope.event_id.substr(0, envelope.event_id.find(':'));
      auto data = envelope.data ? model::decode_base64(*envelope.data) : std::nullopt;
      if (!data) return refuse("its data is not base64");
      record.text = std::move(*data);
      record.arrived = to_time(envelope.arrived);
    } else {
      if (!event_.key) event_.key = schema_in(envelope.keys);
      record.text = text;
    }
    const auto [last, is_first] = last_.try_emplace(record.shard, record.sequence);
    if (!is_first && record.sequence <= last->second) {
      return refuse("it does not come after the one before it; order cannot be kept");
    }
    last->second = record.sequence;
    event_.records.push_back(std::move(record));
    return {};
  }

  Event& event_;
  json::Reader reader_;
  std::map<std::string, model::SequenceNumber> last_;  ///< of each shard
};

Entry to_entry(const EventRecord& record, const model::KeySchema& key, json::Reader& reader) {
  std::string page = R"({"Records":[)";
  page.reserve(record.text.size() + json::Reader::kPadding + 16);
  page.append(record.text).append("]}");
  auto read = aws::parse_records_page(page, key, reader);
  if (read && read->changes.size() == 1) return std::move(read->changes.front());
  std::string reason = read ? "it is not one record" : read.error().message;
  const std::string place = "record 0 (sequence number " + std::string(record.sequence.text()) + "): ";
  if (reason.starts_with(place)) reason.erase(0, place.size());  // as if it were the first of a page
  return model::UnreadableRecord{
      .sequence = record.sequence, .arrived = {}, .reason = std::move(reason), .data = record.text};
}

void add_entries(std::vector<Entry>& entries, const EventRecord& record, aws::KinesisRecordReader& records) {
  const auto take_data = [&](std::string_view data, const model::SequenceNumber& sequence) {
    auto change = records.read(data, {.sequence = sequence, .arrived = record.arrived});
    if (change) {
      entries.emplace_back(std::move(*change));
      return;
    }
    entries.emplace_back(model::UnreadableRecord{.sequence = sequence,
                                                 .arrived = record.arrived,
                                                 .reason = std::move(change.error()),
                                                 .data = std::string(data)});
  };
  const auto within = aws::records_within(record.text);
  if (!within) return take_data(record.text, record.sequence);
  for (std::size_t i = 0; i < within->size(); ++i) {
    model::SequenceNumber sequence = record.sequence;
    sequence.set_sub(static_cast<std::uint32_t>(i));
    take_data((*within)[i], sequence);
  }
}

}  // namespace

std::string Event::table_arn() const {
  const auto table = stream.find(":table/");
  const auto end = stream.find("/stream/");
  if (source != Source::kDynamoDb || table == std::string::npos || end == std::string::npos) return {};
  return stream.substr(0, end);
}

std::string Event::table_name() const {
  const std::string arn = table_arn();
  return arn.substr(std::min(arn.size(), arn.find('/') + 1));
}

std::string Event::table_region() const {
  constexpr std::string_view kService = ":dynamodb:";
  const std::string arn = table_arn();
  const auto service = arn.find(kService);
  if (service == std::string::npos) return {};
  const auto start = service + kService.size();
  return arn.substr(start, arn.find(':', start) - start);
}

Result<Event> read_event(std::string& body, json::Reader& reader) {
  constexpr std::string_view kOther = "it is none of DynamoDB Streams, Kinesis or EventBridge Pipes: it has no Records";
  Event event;
  EventReader records(event);
  bool has_records = false;
  const auto add_all = [&](json::Value& list) {
    has_records = true;
    return list.for_each_element([&](json::Value& record) -> Status {
      const auto text = record.raw();
      if (!text) return std::unexpected(text.error());
      return records.add(*text);
    });
  };
  const auto start = body.find_first_not_of(" \t\r\n");
  auto read = reader.read(body, [&](json::Value& root) -> Status {
    if (start != std::string::npos && body[start] == '[') return add_all(root);
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name != "Records") return {};
      if (has_records) return refuse("the member Records is given twice");
      return add_all(member);
    });
  });
  if (!read) {
    read.error().error_class = ErrorClass::kInvalid;
    read.error().doing = "read event";
    return std::unexpected(std::move(read.error()));
  }
  if (!has_records) return refuse(std::string(kOther));
  return event;
}

const model::SequenceNumber& sequence_of(const Entry& entry) {
  if (const auto* change = std::get_if<model::Change>(&entry)) return change->sequence();
  return std::get<model::UnreadableRecord>(entry).sequence;
}

std::vector<ShardBatch> changes_of(Event event, const model::KeySchema& key) {
  std::vector<ShardBatch> shards;
  json::Reader reader;
  aws::KinesisRecordReader kinesis({.key = key, .table = std::nullopt, .keys_only = true});
  for (const EventRecord& record : event.records) {
    auto shard = std::ranges::find(shards, record.shard, &ShardBatch::shard);
    if (shard == shards.end()) shard = shards.insert(shards.end(), ShardBatch{.shard = record.shard, .entries = {}});
    if (event.source == Source::kKinesis) {
      add_entries(shard->entries, record, kinesis);
    } else {
      shard->entries.push_back(to_entry(record, key, reader));
    }
  }
  return shards;
}

}  // namespace dynamirror::lambda
