// SPDX-License-Identifier: Apache-2.0
#include "support/record_text.hpp"

#include "support/digest.hpp"

namespace dynamirror::support {
namespace {

/// Epoch seconds: "1763640000" or "1.76364E9".
std::string time_text(WallTime time, bool exponent) {
  std::string digits =
      std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
  if (!exponent) return digits;
  const std::string power = std::to_string(digits.size() - 1);
  while (digits.size() > 2 && digits.back() == '0') digits.pop_back();
  return digits.substr(0, 1) + "." + digits.substr(1) + "E" + power;
}

std::string images(const StreamRecord& record, std::string_view view_type) {
  const bool shows_new = view_type == "NEW_AND_OLD_IMAGES" || view_type == "NEW_IMAGE";
  const bool shows_old = view_type == "NEW_AND_OLD_IMAGES" || view_type == "OLD_IMAGE";
  std::string text;
  if (shows_new && record.new_image) text += ",\"NewImage\":" + record.new_image->text;
  if (shows_old && record.old_image) text += ",\"OldImage\":" + record.old_image->text;
  return text;
}

}  // namespace

std::size_t record_bytes(const StreamRecord& record) {
  return record.key.size() + (record.new_image ? record.new_image->size_bytes : 0) +
         (record.old_image ? record.old_image->size_bytes : 0);
}

void append_record(std::string& out, const StreamRecord& record, std::string_view region, std::string_view view_type) {
  const bool second_spelling = (record.sequence.back() - '0') % 2 == 1;
  const std::string keys = "\"Keys\":" + record.shown_keys;
  const std::string sequence = "\"SequenceNumber\":\"" + record.sequence + "\"";
  const std::string time = "\"ApproximateCreationDateTime\":" + time_text(record.created, second_spelling);
  const std::string rest = ",\"SizeBytes\":" + std::to_string(record_bytes(record)) + ",\"StreamViewType\":\"" +
                           std::string(view_type) + "\"}";
  const std::string shown = images(record, view_type);
  const std::string dynamodb = second_spelling ? "\"dynamodb\":{" + sequence + shown + "," + keys + "," + time + rest
                                               : "\"dynamodb\":{" + time + "," + keys + shown + "," + sequence + rest;
  const std::string event_id = "\"eventID\":\"" + hex(sha256(record.sequence)).substr(0, 32) + "\"";
  const std::string event_name = "\"eventName\":\"" + record.event_name + "\"";
  out += '{';
  if (second_spelling) out.append(dynamodb).append(",");
  out.append(event_id).append(",").append(event_name);
  out.append(",\"eventVersion\":\"1.1\",\"eventSource\":\"aws:dynamodb\",\"awsRegion\":\"").append(region).append("\"");
  if (record.by_ttl) out.append(",\"userIdentity\":{\"PrincipalId\":\"dynamodb.amazonaws.com\",\"Type\":\"Service\"}");
  if (!second_spelling) out.append(",").append(dynamodb);
  out += '}';
}

}  // namespace dynamirror::support
