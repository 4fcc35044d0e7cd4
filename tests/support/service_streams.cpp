// SPDX-License-Identifier: Apache-2.0
//
// ListStreams, DescribeStream, GetShardIterator, GetRecords.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <charconv>

#include "support/digest.hpp"
#include "support/record_text.hpp"
#include "support/service.hpp"
#include "support/service_members.hpp"

namespace dynamirror::support {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxPageBytes = 1u << 20;

std::int64_t milliseconds_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

/// A shard as one listing shows it: a freshly closed one may still look open.
json::object listed_shard(const StreamShard& shard, bool shown_closed) {
  json::object range{{"StartingSequenceNumber", shard.first_sequence}};
  if (shown_closed) range["EndingSequenceNumber"] = *shard.last_sequence;
  json::object listed{{"ShardId", shard.id}, {"SequenceNumberRange", std::move(range)}};
  if (shard.parent) listed["ParentShardId"] = *shard.parent;
  return listed;
}

/// The parent whose children alone are wanted; nothing without a ShardFilter.
Expected<std::optional<std::string>> read_shard_filter(const json::object& body) {
  if (!body.contains("ShardFilter")) return std::nullopt;
  const auto filter = required_object(body, "ShardFilter");
  if (!filter) return std::unexpected(filter.error());
  if (auto known = only_members(**filter, {"Type", "ShardId"}); !known) return std::unexpected(known.error());
  const auto type = required_string(**filter, "Type");
  const auto parent = required_string(**filter, "ShardId");
  if (!type || !parent) return std::unexpected(type ? parent.error() : type.error());
  if (*type != "CHILD_SHARDS") return client_bug("ValidationException", "ShardFilter type must be CHILD_SHARDS");
  return *parent;
}

}  // namespace

struct Service::Iterator {
  std::string stream_arn;
  std::string shard_id;
  std::uint64_t index = 0;
  std::int64_t issued_at_ms = 0;
  std::uint64_t epoch = 0;
};

std::string Service::encode(const Iterator& iterator) const {
  // As opaque as the real ones, which also carry '|', '/', '+' and '='.
  const std::string inner = iterator.shard_id + "|" + std::to_string(iterator.index) + "|" +
                            std::to_string(iterator.issued_at_ms) + "|" + std::to_string(iterator.epoch) +
                            "|\xfb\xff\xfe";
  return iterator.stream_arn + "|1|" + base64_encode(inner);
}

Expected<Service::Iterator> Service::decode(std::string_view token) const {
  const auto broken = [] { return client_bug("ValidationException", "Invalid ShardIterator"); };
  const std::size_t bar = token.find("|1|");
  if (bar == std::string_view::npos) return broken();
  const auto inner = base64_decode(token.substr(bar + 3));
  if (!inner) return broken();
  Iterator iterator;
  iterator.stream_arn = token.substr(0, bar);
  std::string_view rest = *inner;
  const std::size_t end = rest.find('|');
  iterator.shard_id = rest.substr(0, end);
  rest.remove_prefix(std::min(rest.size(), end + 1));
  const auto number = [&rest](auto& value) {
    const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    rest.remove_prefix(std::min(rest.size(), static_cast<std::size_t>(stop - rest.data()) + 1));
    return error == std::errc{};
  };
  if (!number(iterator.index) || !number(iterator.issued_at_ms) || !number(iterator.epoch)) return broken();
  return iterator;
}

Expected<StreamLog*> Service::stream_of(const Object& body) {
  const auto arn = required_string(body, "StreamArn");
  if (!arn) return std::unexpected(arn.error());
  for (const auto& [name, table] : tables_) {
    for (const auto& stream : table->streams) {
      if (stream->options().arn == *arn) return stream.get();
    }
  }
  return not_found("Requested resource not found: Stream: " + *arn + " not found");
}

Service::Answer Service::list_streams(const Object& body) {
  if (auto known = only_members(body, {"TableName", "Limit", "ExclusiveStartStreamArn"}); !known) {
    return std::unexpected(known.error());
  }
  const auto name = optional_string(body, "TableName");
  const auto start = optional_string(body, "ExclusiveStartStreamArn");
  const auto limit = optional_integer(body, "Limit", 1, 100);
  if (!name || !start || !limit) return unreadable("stand-in: ListStreams has a member of the wrong type or range");
  json::array streams;
  bool skipping = start->has_value();
  std::string last;
  for (const auto& [table_name, table] : tables_) {
    if (*name && table_name != **name) continue;
    for (const auto& stream : table->streams) {
      const auto& options = stream->options();
      if (skipping) {
        skipping = options.arn != **start;
        continue;
      }
      if (streams.size() == static_cast<std::size_t>(limit->value_or(100))) {
        return text_of({{"Streams", std::move(streams)}, {"LastEvaluatedStreamArn", last}});
      }
      last = options.arn;
      streams.push_back(
          json::object{{"StreamArn", options.arn}, {"TableName", table_name}, {"StreamLabel", options.label}});
    }
  }
  return text_of({{"Streams", std::move(streams)}});
}

/// The shards that a listing made now shows, in its order.
std::vector<const StreamShard*> Service::listed_shards(StreamLog& stream) {
  const Listing& listing = options_.listing;
  std::vector<const StreamShard*> shown;
  for (const StreamShard& shard : stream.shards()) {
    const bool visible = !shard.parent || stream.listings() >= shard.created_by_listing +
                                                                   static_cast<std::uint64_t>(listing.new_shards_after);
    if (visible) shown.push_back(&shard);
  }
  if (listing.shuffle) {
    const auto rank = [&](const StreamShard* shard) { return stable_hash(shard->id, options_.seed); };
    std::sort(shown.begin(), shown.end(), [&](auto* a, auto* b) { return rank(a) < rank(b); });
  }
  return shown;
}

Service::Answer Service::describe_stream(const Object& body) {
  if (auto known = only_members(body, {"StreamArn", "Limit", "ExclusiveStartShardId", "ShardFilter"}); !known) {
    return std::unexpected(known.error());
  }
  const auto stream = stream_of(body);
  if (!stream) return std::unexpected(stream.error());
  const auto limit = optional_integer(body, "Limit", 1, 100);
  const auto start = optional_string(body, "ExclusiveStartShardId");
  const auto children_of = read_shard_filter(body);
  if (!limit) return std::unexpected(limit.error());
  if (!start) return std::unexpected(start.error());
  if (!children_of) return std::unexpected(children_of.error());

  auto shown = listed_shards(**stream);
  if (*children_of) std::erase_if(shown, [&](const StreamShard* shard) { return shard->parent != **children_of; });
  auto next = shown.begin();
  if (*start) {
    next = std::find_if(shown.begin(), shown.end(), [&](const StreamShard* shard) { return shard->id == **start; });
    // The shard named may have been trimmed between two pages: the real service lists from the start then.
    next = next == shown.end() ? shown.begin() : next + 1;
  }
  const std::int64_t page_size = std::min<std::int64_t>(limit->value_or(100), options_.listing.page_size);
  json::array shards;
  std::string last;
  for (; next != shown.end() && static_cast<std::int64_t>(shards.size()) < page_size; ++next) {
    const StreamShard& shard = **next;
    const bool late =
        (*stream)->listings() < shard.closed_by_listing + static_cast<std::uint64_t>(options_.listing.closing_after);
    shards.push_back(listed_shard(shard, !shard.open() && (!late || (*stream)->disabled())));
    last = shard.id;
  }
  const auto& options = (*stream)->options();
  const TableState* owner = table(std::string_view(options.arn).substr(0, options.arn.rfind("/stream/")));
  const bool enabling = owner->describes_until_stream_enabled > 0 && *stream == owner->streams.back().get();
  json::object description{{"StreamArn", options.arn},
                           {"StreamLabel", options.label},
                           {"StreamStatus", (*stream)->disabled() ? "DISABLED"
                                            : enabling            ? "ENABLING"
                                                                  : "ENABLED"},
                           {"StreamViewType", options.view_type},
                           {"CreationRequestDateTime", static_cast<double>(milliseconds_of(clock_.wall_now())) / 1e3},
                           {"TableName", owner->spec.name},
                           {"KeySchema", key_schema_json(owner->spec.key)},
                           {"Shards", std::move(shards)}};
  if (next != shown.end()) description["LastEvaluatedShardId"] = last;
  (*stream)->count_listing();
  return text_of({{"StreamDescription", std::move(description)}});
}

Service::Answer Service::get_shard_iterator(const Object& body) {
  if (auto known = only_members(body, {"StreamArn", "ShardId", "ShardIteratorType", "SequenceNumber"}); !known) {
    return std::unexpected(known.error());
  }
  const auto stream = stream_of(body);
  if (!stream) return std::unexpected(stream.error());
  const auto shard_id = required_string(body, "ShardId");
  const auto type = required_string(body, "ShardIteratorType");
  const auto sequence = optional_string(body, "SequenceNumber");
  if (!shard_id) return std::unexpected(shard_id.error());
  if (!type) return std::unexpected(type.error());
  if (!sequence) return std::unexpected(sequence.error());
  const bool by_number = *type == "AT_SEQUENCE_NUMBER" || *type == "AFTER_SEQUENCE_NUMBER";
  if (!by_number && *type != "TRIM_HORIZON" && *type != "LATEST") {
    return client_bug("ValidationException", "unknown ShardIteratorType " + *type);
  }
  if (by_number != sequence->has_value()) {
    return client_bug("ValidationException",
                      "SequenceNumber must be given for AT_ and AFTER_SEQUENCE_NUMBER, and only then");
  }
  const StreamShard* shard = (*stream)->find(*shard_id);
  if (shard == nullptr) {
    return not_found("Requested resource not found: Shard does not exist");
  }
  const auto index = StreamLog::locate(*shard, {*type, sequence->value_or("")});
  if (!index) return std::unexpected(index.error());
  const Iterator iterator{(*stream)->options().arn, shard->id, *index, milliseconds_of(clock_.wall_now()),
                          iterator_epoch_};
  return text_of({{"ShardIterator", encode(iterator)}});
}

Service::Answer Service::get_records(const Object& body) {
  if (auto known = only_members(body, {"ShardIterator", "Limit"}); !known) return std::unexpected(known.error());
  const auto token = required_string(body, "ShardIterator");
  const auto limit = optional_integer(body, "Limit", 1, 1000);
  if (!token) return std::unexpected(token.error());
  if (!limit) return std::unexpected(limit.error());
  auto iterator = decode(*token);
  if (!iterator) return std::unexpected(iterator.error());
  const std::int64_t now = milliseconds_of(clock_.wall_now());
  const bool old =
      iterator->epoch != iterator_epoch_ || now - iterator->issued_at_ms > options_.iterator_lifetime.count();
  if (old) return refuse("ExpiredIteratorException", "Iterator expired");
  const auto stream = stream_of({{"StreamArn", iterator->stream_arn}});
  if (!stream) return std::unexpected(stream.error());
  const StreamShard* shard = (*stream)->find(iterator->shard_id);
  if (shard == nullptr || iterator->index < shard->trimmed) {
    return refuse("TrimmedDataAccessException", "The requested data is beyond the trim horizon of the shard");
  }

  const std::size_t most =
      std::min<std::size_t>(static_cast<std::size_t>(limit->value_or(1000)), options_.records_per_page);
  std::string answer = "{\"Records\":[";
  std::size_t count = 0;
  std::size_t bytes = 0;
  const bool empty = fault_ == FaultKind::kEmptyPage;
  for (std::uint64_t i = iterator->index - shard->trimmed; i < shard->records.size() && count < most && !empty; ++i) {
    const StreamRecord& record = shard->records[i];
    const std::size_t size = record_bytes(record);
    if (count > 0 && bytes + size > kMaxPageBytes) break;
    if (count > 0) answer += ',';
    append_record(answer, record, options_.region, (*stream)->options().view_type);
    bytes += size;
    ++count;
  }
  answer += ']';
  const bool at_end = iterator->index + count == shard->trimmed + shard->records.size();
  // Some shards end with the last records, others with one more empty page; clients meet both.
  const bool one_more = count > 0 && stable_hash(shard->id) % 2 == 0;
  if (shard->open() || !at_end || one_more) {
    iterator->index += count;
    iterator->issued_at_ms = now;
    answer += ",\"NextShardIterator\":\"" + encode(*iterator) + "\"";
  }
  return answer + "}";
}

}  // namespace dynamirror::support
