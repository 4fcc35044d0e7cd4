// SPDX-License-Identifier: Apache-2.0
#include "aws/dynamodb/table_settings.hpp"

#include "base/text.hpp"
#include "json/read_into.hpp"
#include "json/writer.hpp"

namespace dynamirror::aws {
namespace {

/// Visits the members of the object that an answer holds under a name. An answer without it visits nothing.
Status visit_object(std::string_view body, std::string_view member_name,
                    FunctionRef<Status(std::string_view, json::Value&)> visit) {
  json::Reader reader;
  return reader.read_copy(body, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      return name == member_name ? member.for_each_member(visit) : Status{};
    });
  });
}

Status read_tags(json::Value& list, std::vector<std::pair<std::string, std::string>>& tags) {
  return list.for_each_element([&](json::Value& element) -> Status {
    std::pair<std::string, std::string> tag;
    auto status = element.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name == "Key") return json::read_into(tag.first, member);
      if (name == "Value") return json::read_into(tag.second, member);
      return {};
    });
    // Tags of this prefix are AWS's own and cannot be set.
    if (status && !tag.first.starts_with("aws:")) tags.push_back(std::move(tag));
    return status;
  });
}

Status read_time_to_live(std::string_view body, TableSettings& settings) {
  std::string status_word;
  std::string attribute;
  auto read = visit_object(body, "TimeToLiveDescription", [&](std::string_view name, json::Value& member) -> Status {
    if (name == "TimeToLiveStatus") return json::read_into(status_word, member);
    if (name == "AttributeName") return json::read_into(attribute, member);
    return {};
  });
  if (read && (status_word == "ENABLED" || status_word == "ENABLING")) settings.time_to_live_attribute = attribute;
  return read;
}

Status read_recovery(std::string_view body, TableSettings& settings) {
  return visit_object(body, "ContinuousBackupsDescription", [&](std::string_view name, json::Value& member) -> Status {
    if (name != "PointInTimeRecoveryDescription") return {};
    return member.for_each_member([&](std::string_view inner, json::Value& value) -> Status {
      if (inner != "PointInTimeRecoveryStatus") return {};
      const auto word = value.string();
      if (!word) return std::unexpected(word.error());
      settings.point_in_time_recovery = *word == "ENABLED";
      return {};
    });
  });
}

/// One page: a table may have 50 tags, and a page holds that many.
Status read_tag_page(std::string_view body, TableSettings& settings) {
  json::Reader reader;
  return reader.read_copy(body, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      return name == "Tags" ? read_tags(member, settings.tags) : Status{};
    });
  });
}

std::string tags_json(const TableSettings& settings) {
  std::string text;
  json::Writer json(text);
  json.begin_array();
  for (const auto& [name, value] : settings.tags) {
    json.begin_object().name("Key").string(name).name("Value").string(value).end_object();
  }
  json.end_array();
  return text;
}

std::string outcome(const std::string& what, const Result<std::string>& answer) {
  return answer ? what + ": set" : what + ": not set (" + to_line(answer.error()) + ")";
}

}  // namespace

async::Task<Result<TableSettings>> read_settings(DynamoDbClient& client, const TableName& table) {
  auto description = co_await client.describe_table(table);
  if (!description) co_return std::unexpected(std::move(description.error()));
  TableSettings settings{.description_json = description->raw, .time_to_live_attribute = {}};
  const std::string by_name = R"({"TableName":)" + json_quoted(client.name_on_wire(table).str()) + "}";
  const std::string by_arn = R"({"ResourceArn":)" + json_quoted(description->arn) + "}";

  const auto time_to_live = co_await client.control("DescribeTimeToLive", table, by_name);
  if (!time_to_live || !read_time_to_live(*time_to_live, settings)) settings.unknown.emplace_back("time to live");
  const auto tags = co_await client.control("ListTagsOfResource", table, by_arn);
  if (!tags || !read_tag_page(*tags, settings)) settings.unknown.emplace_back("tags");
  const auto recovery = co_await client.control("DescribeContinuousBackups", table, by_name);
  if (!recovery || !read_recovery(*recovery, settings)) settings.unknown.emplace_back("point-in-time recovery");
  co_return settings;
}

std::string to_json(const TableSettings& settings) {
  std::string text;
  json::Writer json(text);
  json.begin_object().name("Table").raw(settings.description_json);
  json.name("TimeToLiveAttribute").string(settings.time_to_live_attribute);
  json.name("Tags").raw(tags_json(settings));
  json.name("PointInTimeRecovery").boolean(settings.point_in_time_recovery);
  json.name("Unknown").begin_array();
  for (const std::string& what : settings.unknown) json.string(what);
  json.end_array().end_object();
  return text + "\n";
}

Result<TableSettings> parse_table_settings(std::string_view text) {
  TableSettings settings;
  json::Reader reader;
  auto status = reader.read_copy(text, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name == "Table") {
        const auto raw = member.raw();
        if (!raw) return std::unexpected(raw.error());
        settings.description_json = *raw;
        return {};
      }
      if (name == "TimeToLiveAttribute") return json::read_into(settings.time_to_live_attribute, member);
      if (name == "Tags") return read_tags(member, settings.tags);
      if (name == "PointInTimeRecovery") return json::read_into(settings.point_in_time_recovery, member);
      if (name == "Unknown") return json::read_into(settings.unknown, member);
      return {};
    });
  });
  if (!status) return std::unexpected(std::move(status.error()));
  if (settings.description_json.empty()) {
    return failure(ErrorClass::kInvalid, "read table settings", {}, "there is no member Table");
  }
  return settings;
}

async::Task<std::vector<std::string>> apply_settings(DynamoDbClient& client, TableDescription table,
                                                     TableSettings settings) {
  std::vector<std::string> lines;
  const std::string name = json_quoted(client.name_on_wire(table.name).str());
  if (!settings.time_to_live_attribute.empty()) {
    const std::string body = R"({"TableName":)" + name +
                             R"(,"TimeToLiveSpecification":{"Enabled":true,"AttributeName":)" +
                             json_quoted(settings.time_to_live_attribute) + "}}";
    const auto answer = co_await client.control("UpdateTimeToLive", table.name, body);
    lines.push_back(outcome("time to live on " + settings.time_to_live_attribute, answer));
  }
  if (!settings.tags.empty()) {
    const std::string body = R"({"ResourceArn":)" + json_quoted(table.arn) + R"(,"Tags":)" + tags_json(settings) + "}";
    const auto answer = co_await client.control("TagResource", table.name, body);
    lines.push_back(outcome(std::to_string(settings.tags.size()) + " tags", answer));
  }
  if (settings.point_in_time_recovery) {
    const std::string body =
        R"({"TableName":)" + name + R"(,"PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":true}})";
    const auto answer = co_await client.control("UpdateContinuousBackups", table.name, body);
    lines.push_back(outcome("point-in-time recovery", answer));
  }
  const auto saved = parse_table_description(settings.description_json);
  if (saved && saved->stream.enabled && !table.stream.enabled) {
    const auto updated = co_await client.enable_stream(table.name, saved->stream.view_type);
    lines.push_back("stream of " + saved->stream.view_type +
                    (updated ? ": set" : ": not set (" + to_line(updated.error()) + ")"));
  }
  if (saved) {
    for (const std::string& what : left_out_settings(*saved)) lines.push_back(what + ": not set, choose it yourself");
  }
  lines.emplace_back("resource policy, contributor insights, Kinesis destination, scaling: not kept in a backup");
  for (const std::string& what : settings.unknown) lines.push_back(what + ": not known, could not be read at backup");
  co_return lines;
}

}  // namespace dynamirror::aws
