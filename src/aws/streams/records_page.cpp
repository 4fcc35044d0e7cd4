// SPDX-License-Identifier: Apache-2.0
#include "aws/streams/records_page.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>
#include <utility>

#include "aws/impl/stream_answers.hpp"
#include "aws/streams/bare_maps.hpp"
#include "model/key_canonicalizer.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::string_view kDoing = "read stream records";

std::unexpected<Error> refuse(std::string message) {
  return failure(ErrorClass::kFatal, std::string(kDoing), {}, std::move(message));
}

/// What we use of one record, borrowed from the page.
struct Record {
  std::string_view event_name;
  std::string_view keys;
  std::string_view new_image;
  std::string_view old_image;
  std::string_view view_type;
  std::string_view sequence;
  WallTime created{};
  bool by_service = false;
};

/// A member that is given twice has no meaning that we could rely on.
Status take(std::string_view name, std::string_view& out, const Result<std::string_view>& value) {
  if (!value) return std::unexpected(value.error());
  if (!out.empty()) return refuse("the member " + std::string(name) + " is given twice");
  out = *value;
  return {};
}

/// Seconds since the epoch, as the service gives them; or milliseconds, as Java's Streams adapter does. The time only
/// tells the lag: one that no clock can hold is no reason to stop.
WallTime to_wall_time(double number) {
  constexpr double kLatest = 9e9;              // the year 2255, within 64 bits of nanoseconds
  constexpr double kFirstMilliseconds = 1e11;  // as seconds the year 5138, as milliseconds 1973
  const double seconds = number >= kFirstMilliseconds ? number / 1e3 : number;
  if (!(seconds >= 0 && seconds <= kLatest)) return {};
  return WallTime(std::chrono::milliseconds(std::llround(seconds * 1e3)));
}

/// The member "dynamodb" of a record.
Status read_stream_record(Record& record, json::Value& value, RecordsOptions options) {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "Keys") return take(name, record.keys, member.raw());
    if (name == "NewImage") return member.consume_null() ? Status{} : take(name, record.new_image, member.raw());
    if (name == "OldImage" && options.old_images) {
      return member.consume_null() ? Status{} : take(name, record.old_image, member.raw());
    }
    if (name == "StreamViewType") return take(name, record.view_type, member.string());
    if (name == "SequenceNumber") return take(name, record.sequence, member.string());
    if (name == "ApproximateCreationDateTime") {
      const auto seconds = member.number();
      if (!seconds) return std::unexpected(seconds.error());
      record.created = to_wall_time(*seconds);
    }
    return {};
  });
}

/// Time to live deletes as the service's own principal; changes of users come without an identity. The stream spells
/// the member PrincipalId, Lambda's events principalId.
Status read_identity(Record& record, json::Value& value) {
  const auto identity = value.raw();
  if (!identity) return std::unexpected(identity.error());
  record.by_service = identity->contains("\"dynamodb.amazonaws.com\"");
  return {};
}

/// "record 4 (sequence number 123)": enough to find it by hand.
std::string place(const Record& record, std::size_t index) {
  std::string text = "record " + std::to_string(index);
  if (!record.sequence.empty()) text += " (sequence number " + std::string(record.sequence.substr(0, 64)) + ")";
  return text;
}

Result<model::Change> to_change(const Record& record, std::size_t index, model::KeyCanonicalizer& keys) {
  const auto refuse_record = [&](const std::string& why) { return refuse(place(record, index) + ": " + why); };
  const auto sequence = model::SequenceNumber::parse(record.sequence);
  if (!sequence) return refuse_record("its sequence number is " + sequence.error().message);
  const bool removed = record.event_name == "REMOVE";
  if (!removed && record.event_name != "INSERT" && record.event_name != "MODIFY") {
    return refuse_record("unknown event \"" + std::string(record.event_name) + "\"");
  }
  if (record.keys.empty()) return refuse_record("it has no Keys");
  const auto key = keys.from_key(record.keys);
  if (!key) return refuse_record(key.error().message);
  if (removed) return model::Change(*key, {}, *sequence, record.created);
  if (record.new_image.empty()) {
    if (has_new_images(record.view_type)) return refuse_record("it has no NewImage");
    return model::Change::of_key(*key, *sequence, record.created);
  }
  if (record.new_image.front() != '{') return refuse_record("its NewImage is not an object");
  if (auto same = keys.check_item(*key, record.new_image); !same) return refuse_record(same.error().message);
  if (may_hold_bare_map(record.new_image)) {
    return model::Change(*key, with_typed_maps(record.new_image), *sequence, record.created);
  }
  return model::Change(*key, record.new_image, *sequence, record.created);
}

/// The image as it is stored, which an item of another key cannot be.
Status add_old_image(model::Change& change, const Record& record, model::KeyCanonicalizer& keys) {
  if (record.old_image.empty()) return {};
  if (record.old_image.front() != '{') return refuse("its OldImage is not an object");
  if (auto same = keys.check_item(change.key(), record.old_image); !same) return same;
  if (may_hold_bare_map(record.old_image)) {
    change.set_old_image(with_typed_maps(record.old_image));
  } else {
    change.set_old_image(record.old_image);
  }
  return {};
}

Status read_record(RecordsPage& page, model::KeyCanonicalizer& keys, json::Value& value, RecordsOptions options) {
  Record record;
  auto status = value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "dynamodb") return read_stream_record(record, member, options);
    if (name == "eventName") return take(name, record.event_name, member.string());
    if (name == "userIdentity") return read_identity(record, member);
    return {};
  });
  if (!status) {
    status.error().message.insert(0, place(record, page.changes.size()) + ": ");
    return status;
  }
  auto change = to_change(record, page.changes.size(), keys);
  if (!change) return std::unexpected(std::move(change.error()));
  if (auto added = add_old_image(*change, record, keys); !added) {
    return refuse(place(record, page.changes.size()) + ": " + added.error().message);
  }
  if (record.event_name == "INSERT") change->set_kind(model::Change::Kind::kInsert);
  if (record.by_service && change->is_delete()) change->set_expiry();
  page.changes.push_back(std::move(*change));
  return {};
}

}  // namespace

Result<RecordsPage> parse_records_page(std::string& body, const model::KeySchema& schema, json::Reader& reader,
                                       RecordsOptions options) {
  RecordsPage page;
  page.bytes = body.size();
  // Records are hardly ever shorter than 256 bytes, and a page holds 1,000 at most.
  page.changes.reserve(std::min<std::size_t>(1'000, body.size() / 256));
  model::KeyCanonicalizer keys(schema);
  auto status = impl::read_records(body, reader, page,
                                   [&](json::Value& record) { return read_record(page, keys, record, options); });
  if (!status) return std::unexpected(std::move(status.error()));
  return page;
}

}  // namespace dynamirror::aws
