// SPDX-License-Identifier: Apache-2.0
#include "jobs/multilang/multilang_protocol.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "base/text.hpp"

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

/// Appends what the base64 text stands for. False when it is none.
bool append_decoded(std::string& out, std::string_view base64) {
  if (base64.size() % 4 != 0 || base64.size() > std::numeric_limits<int>::max()) return false;
  const std::size_t begin = out.size();
  out.resize(begin + base64.size() / 4 * 3);
  const int decoded =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data() + begin),
                      reinterpret_cast<const unsigned char*>(base64.data()), static_cast<int>(base64.size()));
  if (decoded < 0) return false;
  // Padding is decoded, too, as zeros.
  std::size_t padding = 0;
  while (padding < 2 && padding < base64.size() && base64[base64.size() - 1 - padding] == '=') ++padding;
  out.resize(begin + static_cast<std::size_t>(decoded) - padding);
  return true;
}

/// One record: its data is a record of DynamoDB Streams as JSON (RecordAdapter of the Streams adapter 1.x).
Status take_record(DaemonMessage& message, json::Value& record) {
  bool has_data = false;
  auto status = record.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name != "data") return {};
    const auto data = member.string();
    if (!data) return std::unexpected(data.error());
    if (message.records > 0) message.page += ',';
    has_data = true;
    if (!append_decoded(message.page, *data)) {
      return refuse("the data of record " + std::to_string(message.records) + " is not base64");
    }
    return {};
  });
  if (!status) return status;
  if (!has_data) return refuse("record " + std::to_string(message.records) + " has no data");
  ++message.records;
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
  message.page = R"({"Records":[)";
  auto status = reader.read(line, [&](json::Value& root) {
    return root.for_each_member(
        [&](std::string_view name, json::Value& member) { return take_member(members, name, member); });
  });
  if (!status) return refuse(std::move(status.error().message));
  message.page += "]}";
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
