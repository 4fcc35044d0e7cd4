// SPDX-License-Identifier: Apache-2.0
#include "lambda/function.hpp"

#include <algorithm>
#include <utility>

#include "jobs/item_backup/item_folder.hpp"
#include "sink/item_objects.hpp"
#include "sink/object_sink.hpp"
#include "sink/present_items.hpp"

namespace dynamirror::lambda {
namespace {

/// Of what is left until the deadline, this is kept for writes under way, dead letters and the answer.
constexpr int kShareKept = 10;
constexpr std::chrono::milliseconds kMostKept{2'000};

BatchTimes times_until(WallTime deadline, WallTime now) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now);
  const auto kept = std::clamp(left / kShareKept, std::chrono::milliseconds(0), kMostKept);
  return {.write_until = deadline - kept, .answer_by = deadline - kept / 2};
}

bool tells_keys_alone(const std::vector<ShardBatch>& shards) {
  return std::ranges::any_of(shards, [](const ShardBatch& shard) {
    return std::ranges::any_of(shard.entries, [](const Entry& entry) {
      const auto* change = std::get_if<model::Change>(&entry);
      return change != nullptr && change->is_key_only();
    });
  });
}

Result<std::unique_ptr<jobs::TableSide>> open_table(const service::TableOptions& options, service::Host& host) {
  auto address = host.address_of(options.address, options.side);
  if (!address) return std::unexpected(std::move(address.error()));
  if (!options.region.empty()) address->region = Region(options.region);
  return host.open_side(std::move(*address), options.side);
}

}  // namespace

Result<std::unique_ptr<Function>> Function::open(FunctionOptions options, service::Host& host) {
  auto function = std::unique_ptr<Function>(new Function(std::move(options), host));
  if (auto opened = function->open_target(); !opened) return std::unexpected(std::move(opened.error()));
  if (auto opened = function->open_dead_letters(); !opened) return std::unexpected(std::move(opened.error()));
  // What is wrong with it is told now, and not by the first event that needs it.
  if (!function->options_.source.address.empty()) {
    auto primary = function->primary_of({});
    if (!primary) return std::unexpected(std::move(primary.error()));
  }
  return function;
}

Status Function::open_target() {
  if (const auto* table = std::get_if<service::TableOptions>(&options_.target)) {
    auto side = open_table(*table, host_);
    if (!side) return std::unexpected(std::move(side.error()));
    target_ = std::move(*side);
    return {};
  }
  const auto& place = std::get<service::ObjectsOptions>(options_.target);
  auto store = host_.open_store(place.url, place.store);
  if (!store) return std::unexpected(std::move(store.error()));
  objects_ = std::move(*store);
  return {};
}

Status Function::open_dead_letters() {
  const service::ObjectsOptions& letters = options_.dead_letters;
  if (letters.url.empty()) return {};
  if (!aws::is_queue_address(letters.url)) {
    auto store = host_.open_store(letters.url, letters.store);
    if (!store) return std::unexpected(std::move(store.error()));
    letters_ = std::move(*store);
    return {};
  }
  const aws::SideOptions side{.side = "dead letters"};
  const auto around = host_.surroundings(side);
  if (!around) return std::unexpected(around.error());
  auto queue = jobs::LetterQueue::open(letters.url, side, *around);
  if (!queue) return std::unexpected(std::move(queue.error()));
  letter_queue_ = std::move(*queue);
  return {};
}

/// The table that has the items: the one that was named, or the event's own.
Result<jobs::TableSide*> Function::primary_of(const Event& event) {
  service::TableOptions table = options_.source;
  if (table.address.empty()) table.address = event.table_arn();
  if (table.address.empty()) {
    return failure(ErrorClass::kInvalid, "read items of", event.stream,
                   "the event tells only which items were changed; name the table that has them in DYNAMIRROR_SOURCE");
  }
  auto& side = primaries_[table.address];
  if (!side) {
    auto opened = open_table(table, host_);
    if (!opened) return std::unexpected(std::move(opened.error()));
    side = std::move(*opened);
  }
  return side.get();
}

async::Task<Result<model::KeySchema>> Function::key_of(jobs::TableSide& primary) {
  const std::string name = primary.display();
  if (const auto known = keys_.find(name); known != keys_.end()) co_return known->second;
  auto table = co_await primary.dynamodb().describe_table(primary.address().table);
  if (!table) co_return std::unexpected(std::move(table.error()));
  keys_[name] = table->key;
  co_return std::move(table->key);
}

async::Task<Result<std::string>> Function::folder_of(std::string table) {
  if (const auto known = folders_.find(table); known != folders_.end()) co_return known->second;
  auto folder = co_await jobs::find_item_folder(*objects_, table);
  if (folder) folders_[table] = *folder;
  co_return folder;
}

Result<transform::CircularEnds> Function::tag_ends(const Event& event) const {
  const auto& target = target_->address();
  transform::CircularEnds ends{.source = {.region = event.table_region(), .table = event.table_name()},
                               .target = {.region = target.region.str(), .table = target.table.str()}};
  if (ends.source.region.empty() || ends.source.table.empty()) {
    return failure(ErrorClass::kInvalid, "tag items of", event.stream,
                   "tags name the table of a DynamoDB stream, and no record tells one (eventSourceARN)");
  }
  if (ends.source == ends.target) {
    return failure(ErrorClass::kInvalid, "tag items of", event.stream, "this is the table that is written to");
  }
  return ends;
}

async::Task<Status> Function::prepare(Event event, Ready& ready) {
  const bool kinesis = event.source == Event::Source::kKinesis;
  std::string table = event.table_name();
  if (kinesis) {
    auto primary = primary_of(event);
    if (!primary) co_return std::unexpected(std::move(primary.error()));
    auto key = co_await key_of(**primary);
    if (!key) co_return std::unexpected(std::move(key.error()));
    ready.primary = *primary;
    ready.key = std::move(*key);
  } else if (event.key) {
    ready.key = *event.key;  // otherwise no record can be read, and each will say so
  }
  if (options_.tags) {
    auto ends = tag_ends(event);
    if (!ends) co_return std::unexpected(std::move(ends.error()));
    ready.tags = std::move(*ends);
  }
  Event records = event;
  ready.shards = changes_of(std::move(records), ready.key);
  if (!kinesis && tells_keys_alone(ready.shards)) {
    if (ready.tags) {
      co_return failure(
          ErrorClass::kInvalid, "tag items of", event.stream,
          "the stream tells keys only, and tags are in the new images; give it the view NEW_AND_OLD_IMAGES");
    }
    auto primary = primary_of(event);
    if (!primary) co_return std::unexpected(std::move(primary.error()));
    ready.primary = *primary;
  }
  if (!objects_) co_return Status{};
  if (ready.primary != nullptr && table.empty()) table = ready.primary->address().table.str();
  if (table.empty()) {
    co_return failure(ErrorClass::kInvalid, "read event", event.stream, "no record tells the table (eventSourceARN)");
  }
  auto folder = co_await folder_of(std::move(table));
  if (!folder) co_return std::unexpected(std::move(folder.error()));
  ready.folder = std::move(*folder);
  co_return Status{};
}

async::Task<Result<Function::Applied>> Function::apply(std::string event, WallTime deadline) {
  const BatchTimes times = times_until(deadline, host_.clock().wall_now());
  auto read = read_event(event, reader_);
  if (!read) co_return std::unexpected(std::move(read.error()));
  if (read->records.empty()) co_return Applied{};
  std::string table = read->table_name();
  Ready ready;
  auto preparing = prepare(std::move(*read), ready);
  auto prepared = co_await until(std::move(preparing), times.answer_by, host_.clock());
  if (!prepared) co_return std::unexpected(std::move(prepared.error()));
  if (table.empty() && ready.primary != nullptr) table = ready.primary->address().table.str();
  if (table.empty()) table = "unknown";
  co_return co_await write(std::move(ready), times, std::move(table));
}

async::Task<Function::Applied> Function::write(Ready ready, BatchTimes times, std::string table) {
  std::optional<sink::TableSink> items;
  std::optional<sink::ObjectSink> objects;
  std::optional<sink::PresentItems> present;
  sink::ChangeSink* sink = nullptr;
  if (target_) {
    sink::TableSink::Options options{.table = target_->address().table, .key = ready.key};
    options.max_write_units = options_.max_write_units;
    sink = &items.emplace(std::move(options), target_->dynamodb(), host_.clock());
  } else {
    sink = &objects.emplace(sink::ItemObjects(ready.folder, ready.key), *objects_);
  }
  if (ready.primary != nullptr) {
    sink::ItemReader::Options options{.table = ready.primary->address().table, .key = ready.key};
    options.max_read_units = options_.max_read_units;
    sink = &present.emplace(std::move(options), ready.primary->dynamodb(), *sink, host_.clock(), host_.random());
  }
  StoreLetters store;
  if (letters_ || letter_queue_) {
    store = [this, table](std::string lines, std::string first) {
      return store_letters(table, std::move(lines), std::move(first));
    };
  }
  BatchParts parts{.sink = *sink, .clock = host_.clock(), .random = host_.random(), .store_letters = std::move(store)};
  Applied applied;
  auto all_rules = rules(ready);
  applied.batch = co_await apply_batch(std::move(parts), std::move(ready.shards), times, std::move(all_rules));
  if (items) applied.write_units = items->statistics().consumed_units;
  co_return applied;
}

async::Task<Status> Function::store_letters(std::string table, std::string lines, std::string first) {
  if (letter_queue_) co_return co_await letter_queue_->send(std::move(table), std::move(lines));
  std::string name = table + "/" + first + std::string(jobs::kLettersEnd);
  objects::PutOptions options;
  options.content_type = "application/x-ndjson";
  co_return co_await letters_->put(std::move(name), std::move(lines), options);
}

transform::ChangeRules Function::rules(const Ready& ready) const {
  transform::ChangeRules rules;
  if (options_.turnover) {
    rules.push_back(std::make_unique<transform::Turnover>(options_.turnover->role, options_.turnover->moment));
  }
  if (options_.max_record_age) rules.push_back(std::make_unique<transform::MaxRecordAge>(*options_.max_record_age));
  if (ready.tags) rules.push_back(std::make_unique<transform::CircularTags>(*ready.tags));
  return rules;
}

}  // namespace dynamirror::lambda
