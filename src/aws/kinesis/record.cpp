// SPDX-License-Identifier: Apache-2.0
#include "aws/kinesis/record.hpp"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <utility>

namespace dynamirror::aws {
namespace {

using Unreadable = std::unexpected<std::string>;

std::unexpected<Error> refuse(std::string message) {
  return failure(ErrorClass::kInvalid, "read record", {}, std::move(message));
}

/// A member that is given twice has no meaning that we could rely on.
Status take(std::string_view name, std::string_view& out, const Result<std::string_view>& value) {
  if (!value) return std::unexpected(value.error());
  if (!out.empty()) return refuse("the member " + std::string(name) + " is given twice");
  out = *value;
  return {};
}

Status take_object(std::string_view name, std::string_view& out, json::Value& value) {
  if (value.consume_null()) return {};
  auto taken = take(name, out, value.raw());
  if (taken && (out.empty() || out.front() != '{')) return refuse("its " + std::string(name) + " is not an object");
  return taken;
}

/// Microseconds, milliseconds or seconds since the epoch; nothing for a moment that no clock can hold.
std::optional<WallTime> to_moment(double number, std::string_view precision) {
  constexpr double kFirstMicroseconds = 1e14;  // as milliseconds the year 5138, as microseconds 1973
  constexpr double kFirstMilliseconds = 1e11;  // as seconds the year 5138, as milliseconds 1973
  double microseconds = number * 1e6;
  if (precision == "MICROSECOND" || (precision.empty() && number >= kFirstMicroseconds)) {
    microseconds = number;
  } else if (precision == "MILLISECOND" || number >= kFirstMilliseconds) {
    microseconds = number * 1e3;
  }
  if (!(microseconds > 0 && microseconds <= 9e15)) return std::nullopt;
  return WallTime(std::chrono::microseconds(std::llround(microseconds)));
}

}  // namespace

struct KinesisRecordReader::Members {
  std::string_view event_name;
  std::string_view record_format;
  std::string_view table;
  std::string_view keys;
  std::string_view new_image;
  std::string_view old_image;
  std::string_view precision;
  double created = 0;
  bool by_service = false;
};

KinesisRecordReader::KinesisRecordReader(KinesisRecordFormat format) : format_(std::move(format)), keys_(format_.key) {}

/// The member "dynamodb".
Status KinesisRecordReader::read_change(Members& members, json::Value& value) const {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "Keys") return take_object(name, members.keys, member);
    if (name == "NewImage" && !format_.keys_only) return take_object(name, members.new_image, member);
    if (name == "OldImage" && !format_.keys_only) return take_object(name, members.old_image, member);
    if (name == "ApproximateCreationDateTimePrecision") return take(name, members.precision, member.string());
    if (name == "ApproximateCreationDateTime") {
      const auto number = member.number();
      if (!number) return std::unexpected(number.error());
      members.created = *number;
    }
    return {};
  });
}

std::expected<model::Change, std::string> KinesisRecordReader::read(std::string_view data, const Place& place) {
  Members members;
  std::expected<model::Change, std::string> change = Unreadable("it is not JSON");
  const auto status = reader_.read_copy(data, [&](json::Value& root) {
    auto read = root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name == "dynamodb") return read_change(members, member);
      if (name == "eventName") return take(name, members.event_name, member.string());
      if (name == "tableName") return take(name, members.table, member.string());
      if (name == "recordFormat") return take(name, members.record_format, member.string());
      if (name != "userIdentity") return {};
      const auto identity = member.raw();
      if (!identity) return std::unexpected(identity.error());
      // Time to live deletes as the service's own principal; changes of users come without an identity.
      members.by_service = identity->contains("\"dynamodb.amazonaws.com\"");
      return {};
    });
    if (read) change = to_change(members, place);
    return read;
  });
  if (!status) return Unreadable("it is no change of an item: " + status.error().message);
  return change;
}

std::expected<model::Change, std::string> KinesisRecordReader::to_change(const Members& members, const Place& place) {
  const bool removed = members.event_name == "REMOVE";
  if (!removed && members.event_name != "INSERT" && members.event_name != "MODIFY") {
    return Unreadable("unknown event \"" + std::string(members.event_name.substr(0, 64)) + "\"");
  }
  if (format_.table && !members.table.empty() && members.table != format_.table->str()) {
    return Unreadable("it is of the table " + std::string(members.table.substr(0, 255)));
  }
  if (members.keys.empty()) return Unreadable("it has no Keys");
  const auto key = keys_.from_key(members.keys);
  if (!key) return Unreadable("its Keys: " + key.error().message);
  const WallTime created = to_moment(members.created, members.precision).value_or(place.arrived);

  // An event of an application, and every event where images are not wanted, says no more than that it is worth
  // looking.
  const bool of_the_service = !members.table.empty() || !members.record_format.empty();
  if (format_.keys_only || !of_the_service || (!removed && members.new_image.empty())) {
    model::Change change = model::Change::of_key(*key, place.sequence, created);
    if (removed && members.by_service) change.set_expiry();
    return change;
  }
  for (const std::string_view image : {members.new_image, members.old_image}) {
    if (image.empty()) continue;
    if (auto same = keys_.check_item(*key, image); !same) return Unreadable(same.error().message);
  }
  model::Change change(*key, removed ? std::string_view() : members.new_image, place.sequence, created);
  if (members.event_name == "INSERT") change.set_kind(model::Change::Kind::kInsert);
  if (removed && members.by_service) change.set_expiry();
  if (!members.old_image.empty()) change.set_old_image(members.old_image);
  return change;
}

}  // namespace dynamirror::aws
