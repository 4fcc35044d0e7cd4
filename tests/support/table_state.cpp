// SPDX-License-Identifier: Apache-2.0
#include "support/table_state.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cassert>

#include "support/digest.hpp"

namespace dynamirror::support {

namespace json = boost::json;

std::string reversed_key(const std::string& key) {
  const auto object = parse_object(key);
  assert(object);
  if (object->size() < 2) return key;
  json::object reversed;
  for (auto member = object->end(); member != object->begin();) {
    --member;
    reversed[member->key()] = member->value();
  }
  const auto text = json::serialize(reversed);
  return {text.data(), text.size()};
}

namespace {

std::string stream_label(WallTime now, std::size_t number) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::string digits = std::to_string(milliseconds % 1000);
  const std::string day = std::to_string(milliseconds / 1000);
  return "2026-01-01T" + std::to_string(10 + number) + ":" + day.substr(day.size() - 2) + ".0" +
         std::string(3 - digits.size(), '0') + digits;
}

json::array definitions_of(const model::KeySchema& schema) {
  json::array definitions;
  const auto add = [&](const model::KeyAttribute& attribute) {
    definitions.push_back(json::object{{"AttributeName", attribute.name}, {"AttributeType", attribute.type}});
  };
  add(schema.hash);
  if (schema.range) add(*schema.range);
  return definitions;
}

}  // namespace

TableState::TableState(TableSpec table, std::string table_arn, std::uint64_t seed)
    : spec(std::move(table)),
      arn(std::move(table_arn)),
      attribute_definitions(definitions_of(spec.key)),
      seed_(seed),
      write_tokens_(spec.write_units_per_second) {}

StreamLog* TableState::live_stream() const {
  if (streams.empty() || streams.back()->disabled()) return nullptr;
  return streams.back().get();
}

void TableState::enable_stream(std::string view_type, WallTime now) {
  assert(live_stream() == nullptr);
  StreamLog::Options options;
  options.label = stream_label(now, streams.size());
  options.arn = arn + "/stream/" + options.label;
  options.view_type = std::move(view_type);
  options.shards = spec.shards;
  options.seed = seed_ + streams.size();
  streams.push_back(std::make_unique<StreamLog>(std::move(options), now));
}

ItemPointer TableState::put(const std::string& key, ItemPointer item, const Clock& clock) {
  const auto [at, added] = items_.try_emplace(key);
  if (added) segments_.clear();
  ItemPointer& slot = at->second;
  const ItemPointer before = slot;
  slot = item;
  log(key, item, clock.steady_now());
  stream(key, before, std::move(item), clock.wall_now(), false);
  return before;
}

ItemPointer TableState::remove(const std::string& key, const Clock& clock, bool by_ttl) {
  const auto found = items_.find(key);
  ItemPointer before;
  if (found != items_.end()) {
    before = found->second;
    segments_.clear();
    items_.erase(found);
  }
  log(key, nullptr, clock.steady_now());
  stream(key, before, nullptr, clock.wall_now(), by_ttl);
  return before;
}

const std::vector<const TableState::Entry*>& TableState::segment(std::uint64_t segments, std::uint64_t number) const {
  auto& index = segments_[segments];
  if (index.empty()) {
    index.resize(segments);
    for (const Entry& entry : items_) index[segment_of(entry.first, segments)].push_back(&entry);
  }
  return index.at(number);
}

std::uint64_t TableState::segment_of(const std::string& key, std::uint64_t segments) {
  return stable_hash(key) % segments;
}

void TableState::log(const std::string& key, ItemPointer item, SteadyTime now) {
  writes_by_key_[key].push_back(writes_.size());
  writes_.push_back({writes_.size(), key, std::move(item), now});
}

void TableState::stream(const std::string& key, ItemPointer before, ItemPointer after, WallTime now, bool by_ttl) {
  StreamLog* live = live_stream();
  const bool same = before == after || (before && after && before->text == after->text);
  if (live == nullptr || same) return;  // a write that changes nothing leaves no record
  StreamRecord record;
  record.event_name = !before ? "INSERT" : !after ? "REMOVE" : "MODIFY";
  record.key = key;
  record.shown_keys = writes_.size() % 2 == 0 ? key : reversed_key(key);
  record.new_image = std::move(after);
  record.old_image = std::move(before);
  record.created = now;
  record.by_ttl = by_ttl;
  live->append(std::move(record));
}

ItemPointer TableState::find(const std::string& key) const {
  const auto found = items_.find(key);
  return found == items_.end() ? nullptr : found->second;
}

std::vector<AppliedWrite> TableState::writes_of(const std::string& key) const {
  std::vector<AppliedWrite> result;
  const auto found = writes_by_key_.find(key);
  if (found == writes_by_key_.end()) return result;
  for (const std::size_t index : found->second) result.push_back(writes_[index]);
  return result;
}

bool TableState::take_write_units(double units, SteadyTime now) {
  const double rate = spec.write_units_per_second;
  if (rate <= 0) return true;
  const double elapsed = refilled_at_ ? std::chrono::duration<double>(now - *refilled_at_).count() : 0;
  write_tokens_ = std::min(rate, write_tokens_ + elapsed * rate);
  refilled_at_ = now;
  if (write_tokens_ <= 0) return false;  // as in DynamoDB the last write may overdraw
  write_tokens_ -= units;
  return true;
}

}  // namespace dynamirror::support
