// SPDX-License-Identifier: Apache-2.0
#include "jobs/multilang/multilang_protocol.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "model/base64.hpp"

namespace dynamirror::jobs {
namespace {

using Kind = DaemonMessage::Kind;

std::unexpected<Error> refuse(std::string message) {
  return failure(ErrorClass::kFatal, "read a message of the MultiLangDaemon", {}, std::move(message));
}

/// The members of all kinds of messages, as they come.
struct Members {
  DaemonMessage message;
  std::string reason;
  bool has_records = false;
};

std::optional<Kind> kind_of(std::string_view action, std::string_view reason) {
  constexpr std::array<std::pair<std::string_view, Kind>, 7> kKinds{{
      {"initialize", Kind::kInitialize},
      {"processRecords", Kind::kProcessRecords},
      {"shutdownRequested", Kind::kShutdownRequested},
      {"shardEnded", Kind::kShardEnded},
      {"leaseLost", Kind::kLeaseLost},
      {"checkpoint", Kind::kCheckpoint},
      {"shutdown", Kind::kLeaseLost},
  }};
  if (action == "shutdown" && reason == "TERMINATE") return Kind::kShardEnded;
  const auto* known =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& known) { return known.first == action; });
  if (known == kKinds.end()) return std::nullopt;
  return known->second;
}

Status take_string(json::Value& value, std::string& out) {
  if (value.consume_null()) return {};
  const auto text = value.string();
  if (!text) return std::unexpected(text.error());
  out = *text;
  return {};
}

/// A number that may be null, from 0 to `most`; 0 for one that is not.
Status take_number(json::Value& value, double most, double& out) {
  if (value.consume_null()) return {};
  const auto number = value.number();
  if (!number) return std::unexpected(number.error());
  out = *number >= 0 && *number <= most ? *number : 0;
  return {};
}

/// One member of a record.
Status take_part(DeliveredRecord& record, std::string_view name, json::Value& member) {
  constexpr double kMostSubSequence = 4'294'967'295;
  constexpr double kLatestMs = 9e12;
  double number = 0;
  if (name == "sequenceNumber") return take_string(member, record.sequence);
  if (name == "subSequenceNumber") {
    auto taken = take_number(member, kMostSubSequence, number);
    record.sub_sequence = static_cast<std::uint32_t>(number);
    return taken;
  }
  if (name == "approximateArrivalTimestamp") {
    auto taken = take_number(member, kLatestMs, number);
    record.arrived = WallTime(std::chrono::milliseconds(std::llround(number)));
    return taken;
  }
  return {};
}

Status take_record(DaemonMessage& message, json::Value& value) {
  DeliveredRecord record;
  bool has_data = false;
  auto status = value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name != "data") return take_part(record, name, member);
    const auto text = member.string();
    if (!text) return std::unexpected(text.error());
    auto data = model::decode_base64(*text);
    if (!data) return refuse("the data of record " + std::to_string(message.records.size()) + " is not base64");
    has_data = true;
    record.data = std::move(*data);
    return {};
  });
  if (!status) return status;
  if (!has_data) return refuse("record " + std::to_string(message.records.size()) + " has no data");
  message.records.push_back(std::move(record));
  return {};
}

Status take_member(Members& members, std::string_view name, json::Value& value) {
  DaemonMessage& message = members.message;
  if (name == "action") return take_string(value, message.action);
  if (name == "reason") return take_string(value, members.reason);
  if (name == "error") return take_string(value, message.error);
  if (name == "sequenceNumber") {
    message.sequence_numbers = true;
  } else if (name == "shardId") {
    std::string shard;
    if (auto taken = take_string(value, shard); !taken) return taken;
    message.shard = ShardId(std::move(shard));
  } else if (name == "records" && !std::exchange(members.has_records, true)) {
    return value.for_each_element([&](json::Value& record) { return take_record(message, record); });
  }
  return {};
}

}  // namespace

Result<DaemonMessage> parse_daemon_message(std::string& line, json::Reader& reader) {
  Members members;
  DaemonMessage& message = members.message;
  auto status = reader.read(line, [&](json::Value& root) {
    return root.for_each_member(
        [&](std::string_view name, json::Value& member) { return take_member(members, name, member); });
  });
  if (!status) return refuse(std::move(status.error().message));
  const auto kind = kind_of(message.action, members.reason);
  if (!kind) return refuse("unknown action " + json_quoted(message.action.substr(0, 64)));
  message.kind = *kind;
  if (message.kind == Kind::kInitialize && message.shard.empty()) return refuse("initialize names no shardId");
  if (message.kind == Kind::kProcessRecords && !members.has_records) return refuse("processRecords has no records");
  return Result<DaemonMessage>(std::move(message));
}

std::string status_line(std::string_view action) {
  return "\n{\"action\":\"status\",\"responseFor\":" + json_quoted(action) + "}\n";
}

std::string checkpoint_line(bool sequence_numbers) {
  return sequence_numbers ? "\n{\"action\":\"checkpoint\",\"sequenceNumber\":null,\"subSequenceNumber\":null}\n"
                          : "\n{\"action\":\"checkpoint\",\"checkpoint\":null}\n";
}

}  // namespace dynamirror::jobs
