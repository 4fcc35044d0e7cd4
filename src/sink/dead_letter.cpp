// SPDX-License-Identifier: Apache-2.0
#include "sink/dead_letter.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/iso_time.hpp"
#include "base/text.hpp"
#include "model/base64.hpp"
#include "model/key_canonicalizer.hpp"

namespace dynamirror::sink {
namespace {

std::unexpected<Error> bad_line(std::string message) {
  return failure(ErrorClass::kInvalid, "read dead letter", "", std::move(message));
}

/// Raw line breaks in JSON text can only be whitespace between tokens; here they would end the line.
void append_on_one_line(std::string& out, std::string_view json) {
  const std::size_t start = out.size();
  out.append(json);
  for (std::size_t i = start; i < out.size(); ++i) {
    if (out[i] == '\n' || out[i] == '\r') out[i] = ' ';
  }
}

std::string time_text(WallTime time) {
  std::string text = format_time(time);
  const auto nanoseconds =
      std::chrono::duration_cast<std::chrono::nanoseconds>(time - std::chrono::floor<std::chrono::seconds>(time))
          .count();
  if (nanoseconds == 0) return text;
  text.pop_back();  // the Z
  text += fmt::format(".{:09}", nanoseconds);
  while (text.back() == '0') text.pop_back();
  return text + 'Z';
}

std::optional<ErrorClass> parse_error_class(std::string_view text) {
  for (const auto candidate :
       {ErrorClass::kThrottled, ErrorClass::kTransient, ErrorClass::kExpiredCredentials, ErrorClass::kDenied,
        ErrorClass::kNotFound, ErrorClass::kConflict, ErrorClass::kInvalid, ErrorClass::kFatal}) {
    if (to_string(candidate) == text) return candidate;
  }
  return std::nullopt;
}

/// The members of a line as they are found, before they are put together.
struct Members {
  std::string key;                    ///< empty for null
  std::optional<std::string> record;  ///< decoded
  std::optional<std::string> image;   ///< empty for null
  bool key_only = false;
  std::optional<model::SequenceNumber> sequence;
  std::optional<WallTime> created;
  std::optional<WallTime> at;
  DeadLetter letter;  ///< all others
};

Status take_text(json::Value& value, std::string& into) {
  const auto text = value.string();
  if (!text) return std::unexpected(text.error());
  into = *text;
  return {};
}

Status take_time(json::Value& value, std::string_view name, std::optional<WallTime>& into) {
  const auto text = value.string();
  if (!text) return std::unexpected(text.error());
  into = parse_iso_time(*text);
  if (!into) return bad_line(fmt::format("{} is not a time like 2026-01-01T00:00:00Z", name));
  return {};
}

Status take_object(json::Value& value, std::string_view name, std::string& into) {
  const auto raw = value.raw();
  if (!raw) return std::unexpected(raw.error());
  if (raw->empty() || raw->front() != '{') return bad_line(fmt::format("{} is not an object", name));
  into = *raw;
  return {};
}

Status take_error(json::Value& value, Error& error) {
  return value.for_each_member([&](std::string_view name, json::Value& member) -> Status {
    if (name == "code") return take_text(member, error.code);
    if (name == "message") return take_text(member, error.message);
    if (name != "class") return {};
    std::string text;
    if (auto taken = take_text(member, text); !taken) return taken;
    const auto error_class = parse_error_class(text);
    if (!error_class) return bad_line("unknown error class " + text);
    error.error_class = *error_class;
    return {};
  });
}

Status take_member(std::string_view name, json::Value& value, Members& members) {
  if (name == "key") return value.consume_null() ? Status{} : take_object(value, name, members.key);
  if (name == "record") {
    const auto text = value.string();
    if (!text) return std::unexpected(text.error());
    members.record = model::decode_base64(*text);
    return members.record ? Status{} : bad_line("record is not base64");
  }
  if (name == "image") {
    members.image.emplace();
    return value.consume_null() ? Status{} : take_object(value, name, *members.image);
  }
  if (name == "sequence") {
    const auto text = value.string();
    if (!text) return std::unexpected(text.error());
    const auto sequence = model::SequenceNumber::parse_place(*text);
    if (!sequence) return bad_line("sequence: " + sequence.error().message);
    members.sequence = *sequence;
    return {};
  }
  if (name == "attempts") {
    const auto attempts = value.integer();
    if (!attempts) return std::unexpected(attempts.error());
    members.letter.attempts = static_cast<int>(*attempts);
    return {};
  }
  if (name == "shard") {
    std::string text;
    if (auto taken = take_text(value, text); !taken) return taken;
    members.letter.shard = ShardId(std::move(text));
    return {};
  }
  if (name == "key_only") {
    const auto truth = value.boolean();
    if (!truth) return std::unexpected(truth.error());
    members.key_only = *truth;
    return {};
  }
  if (name == "created") return take_time(value, name, members.created);
  if (name == "at") return take_time(value, name, members.at);
  if (name == "error") return take_error(value, members.letter.error);
  if (name == "target") return take_text(value, members.letter.target);
  return {};
}

}  // namespace

Error follows_dead_letter(const std::string& target) {
  return Error{.error_class = ErrorClass::kConflict,
               .doing = "write item",
               .resource = target,
               .code = "FollowsDeadLetter",
               .message = "an earlier change of this key is a dead letter; this one must not overtake it"};
}

std::string to_json_line(const DeadLetter& letter) {
  std::string line;
  line.reserve(letter.change.key().size() + letter.change.image().size() + letter.record.size() * 4 / 3 +
               letter.error.message.size() + 512);
  line += R"({"key":)";
  append_on_one_line(line, letter.has_key() ? letter.change.key() : "null");
  line += R"(,"image":)";
  append_on_one_line(line, letter.change.image().empty() ? "null" : letter.change.image());
  if (letter.change.is_key_only()) line += R"(,"key_only":true)";
  const auto append_text = [&line](std::string_view name, std::string_view text) {
    line += name;
    append_json_quoted(line, text);
  };
  if (!letter.has_key()) {
    line += R"(,"record":")";
    model::append_base64(line, letter.record);
    line += '"';
  }
  append_text(R"(,"shard":)", letter.shard.str());
  append_text(R"(,"sequence":)", letter.change.sequence().str());
  append_text(R"(,"created":)", time_text(letter.change.created()));
  append_text(R"(,"error":{"class":)", to_string(letter.error.error_class));
  append_text(R"(,"code":)", letter.error.code);
  append_text(R"(,"message":)", letter.error.message);
  append_text(R"(},"at":)", format_time(letter.at));
  line += fmt::format(R"(,"attempts":{})", letter.attempts);
  append_text(R"(,"target":)", letter.target);
  line += "}\n";
  return line;
}

Result<DeadLetter> parse_dead_letter(std::string& line, json::Reader& reader) {
  Members members;
  const Status read = reader.read(line, [&](json::Value& root) {
    return root.for_each_member(
        [&](std::string_view name, json::Value& member) { return take_member(name, member, members); });
  });
  if (!read) return std::unexpected(read.error());
  if (members.key.empty() && !members.record) return bad_line("has no key");
  if (!members.key.empty() && members.record) return bad_line("has a key and a record, which is no change");
  if (!members.image) return bad_line("has no image (null for a deletion)");
  if (!members.sequence) return bad_line("has no sequence");
  if (!members.created) return bad_line("has no created");
  if (!members.at) return bad_line("has no at");
  members.letter.at = *members.at;
  if (members.record) {
    members.letter.change = model::Change({}, {}, *members.sequence, *members.created);
    members.letter.record = std::move(*members.record);
    return std::move(members.letter);
  }
  // Somebody may have put the letter right by hand: its key counts as what it means, and must be that of its image.
  auto schema = model::schema_of_key(members.key);
  if (!schema) return bad_line("its key: " + schema.error().message);
  model::KeyCanonicalizer keys(std::move(*schema));
  const auto key = keys.from_key(members.key);
  if (!key) return bad_line("its key: " + key.error().message);
  if (!members.image->empty()) {
    if (auto same = keys.check_item(*key, *members.image); !same) return bad_line(same.error().message);
  }
  if (members.key_only && !members.image->empty()) return bad_line("is key_only and has an image");
  members.letter.change = members.key_only ? model::Change::of_key(*key, *members.sequence, *members.created)
                                           : model::Change(*key, *members.image, *members.sequence, *members.created);
  return std::move(members.letter);
}

}  // namespace dynamirror::sink
