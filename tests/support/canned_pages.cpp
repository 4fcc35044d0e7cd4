// SPDX-License-Identifier: Apache-2.0
#include "support/canned_pages.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/random.hpp"
#include "support/digest.hpp"

namespace dynamirror::support {
namespace {

constexpr std::string_view kSequencePrefix = "44215845000000000";  // 28 digits with the 11 that count
constexpr std::string_view kKinesisSequencePrefix = "495903382714902566085596925383615710959215759";  // 56 digits
constexpr std::uint64_t kFirstMicrosecond = 1'767'225'600'000'000;
constexpr std::size_t kCountedDigits = 11;
constexpr std::array<std::string_view, 8> kNames{"Ana Kovač",   "José Núñez", "Mei Lin",     "Oluwaseun Ade",
                                                 "Ingrid Voss", "Sam O'Neil", "Priya Raman", "Łukasz Nowak"};
constexpr std::array<std::string_view, 4> kStates{"NEW", "PAID", "SHIPPED", "RETURNED"};
constexpr std::array<std::string_view, 6> kCities{"Lisbon", "Zürich", "Nairobi", "Kyoto", "Montréal", "Perth"};

std::string padded(std::uint64_t number, std::size_t width) {
  std::string digits = std::to_string(number);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

std::string hex_of(std::uint64_t number) {
  char text[17];
  const auto end = std::to_chars(text, text + 16, number, 16).ptr;
  const std::string digits(text, end);
  return std::string(16 - digits.size(), '0') + digits;
}

std::string key_of(std::uint64_t number, std::uint64_t seed) {
  return R"({"id":{"S":"order#)" + hex_of(stable_hash(std::to_string(number), seed)) + R"("}})";
}

/// An order as shops keep them: strings, numbers, sets, nested lists and maps, filled up to the wanted size.
std::string image_of(const std::string& key, Random& random, std::size_t bytes) {
  const auto pick = [&random](const auto& values) { return values[random.below(values.size())]; };
  std::string image = key.substr(0, key.size() - 1);
  image.append(R"(,"customer":{"M":{"name":{"S":")").append(pick(kNames));
  image.append(R"("},"city":{"S":")").append(pick(kCities)).append(R"("}}},"state":{"S":")").append(pick(kStates));
  image.append(R"("},"total":{"N":")").append(std::to_string(random.below(100'000))).append(".");
  image.append(padded(random.below(100), 2)).append(R"("},"lines":{"L":[)");
  const std::uint64_t lines = 1 + random.below(3);
  for (std::uint64_t i = 0; i < lines; ++i) {
    image.append(i == 0 ? "" : ",").append(R"({"M":{"sku":{"S":"SKU-)").append(padded(random.below(1'000'000), 6));
    image.append(R"("},"count":{"N":")").append(std::to_string(1 + random.below(9))).append(R"("}}})");
  }
  image.append(R"(]},"tags":{"SS":["gift","web"]},"paid":{"BOOL":true},"note":{"S":")");
  while (image.size() + 3 + 17 <= bytes) image.append(hex_of(random.next())).append(" ");
  return image.append(R"("}})");
}

std::string_view sequence_prefix(CannedForm form) {
  return form == CannedForm::kStream ? kSequencePrefix : kKinesisSequencePrefix;
}

/// Which record: counted over all shards.
struct Place {
  std::uint64_t number = 0;
  std::size_t shard = 0;
};

/// What a record tells.
struct Told {
  std::uint64_t number;
  std::string_view event;
  std::string key;
  std::string images;  ///< members, each with a comma before it
};

/// All records of a key are in one shard.
std::uint64_t key_number(const Place& place, const CannedPagesOptions& options, Random& random) {
  if (options.keys == 0 && options.repeats <= 1) return place.number;
  if (options.keys == 0) {
    const std::size_t of_a_page = std::max<std::size_t>(1, options.records_per_page / options.repeats);
    return place.number / options.records_per_page * of_a_page + random.below(of_a_page);
  }
  return place.shard + options.shards * random.below(std::max<std::size_t>(1, options.keys / options.shards));
}

Told told_of(const Place& place, const CannedPagesOptions& options, Random& random) {
  Told told{.number = place.number,
            .event = {},
            .key = key_of(key_number(place, options, random), options.seed),
            .images = {}};
  const bool removed = random.chance(options.remove_share);
  told.event = removed ? "REMOVE" : options.keys == 0 && options.repeats <= 1 && options.inserts ? "INSERT" : "MODIFY";
  if (options.form == CannedForm::kKinesisKeys) return told;
  if (!removed) told.images.append(R"(,"NewImage":)").append(image_of(told.key, random, options.image_bytes));
  if (options.old_images) told.images.append(R"(,"OldImage":)").append(image_of(told.key, random, options.image_bytes));
  return told;
}

std::string stream_record(const Told& told, const CannedPagesOptions& options, Random& random) {
  std::string record = R"({"eventID":")" + hex_of(random.next()) + hex_of(random.next()) + R"(","eventName":")";
  record.append(told.event);
  record.append(R"(","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"eu-west-1","dynamodb":{)");
  record.append(R"("ApproximateCreationDateTime":1767225600,"Keys":)").append(told.key).append(told.images);
  record.append(R"(,"SequenceNumber":")").append(kSequencePrefix).append(padded(told.number, kCountedDigits));
  record.append(R"(","SizeBytes":)").append(std::to_string(options.image_bytes)).append(R"(,"StreamViewType":")");
  record.append(options.old_images ? "NEW_AND_OLD_IMAGES" : "NEW_IMAGE").append(R"("}})");
  return record;
}

/// The data of a record as dyno writes it.
std::string dyno_data(const Told& told, Random& random) {
  std::string data = R"({"awsRegion":"eu-west-1","eventID":")" + hex_of(random.next()) + hex_of(random.next());
  data.append(R"(","eventName":")")
      .append(told.event)
      .append(R"(","eventSource":"aws:dynamodb","eventVersion":"1.0",)");
  data.append(R"("dynamodb":{"Keys":)").append(told.key);
  return data.append(R"(,"SequenceNumber":"0","SizeBytes":0,"StreamViewType":"KEYS_ONLY"}})");
}

/// The data of a record of the service's feed.
std::string feed_data(const Told& told, Random& random) {
  std::string data = R"({"awsRegion":"eu-west-1","eventID":")" + hex_of(random.next()) + hex_of(random.next());
  data.append(R"(","eventName":")").append(told.event).append(R"(","userIdentity":null,)");
  data.append(R"("recordFormat":"application/json","tableName":"source","dynamodb":{"ApproximateCreationDateTime":)");
  data.append(std::to_string(kFirstMicrosecond + told.number)).append(R"(,"Keys":)").append(told.key);
  data.append(told.images).append(R"(,"SizeBytes":600,"ApproximateCreationDateTimePrecision":"MICROSECOND"},)");
  return data.append(R"("eventSource":"aws:dynamodb"})");
}

/// About.
std::size_t bytes_of_record(const CannedPagesOptions& options) {
  if (options.form == CannedForm::kKinesisKeys) return 600;
  const std::size_t bytes = options.image_bytes * (options.old_images ? 2 : 1) + 420;
  return options.form == CannedForm::kStream ? bytes : bytes * 4 / 3 + 200;
}

std::string record_of(const Place& place, const CannedPagesOptions& options, Random& random) {
  const Told told = told_of(place, options, random);
  if (options.form == CannedForm::kStream) return stream_record(told, options, random);
  const std::string data = options.form == CannedForm::kKinesisKeys ? dyno_data(told, random) : feed_data(told, random);
  std::string record = R"({"SequenceNumber":")" + std::string(kKinesisSequencePrefix);
  record.append(padded(place.number, kCountedDigits))
      .append(R"(","ApproximateArrivalTimestamp":1767225600.123,"Data":")");
  return record.append(base64_encode(data))
      .append(R"(","PartitionKey":")")
      .append(hex_of(place.number))
      .append(R"("})");
}

}  // namespace

CannedPages::CannedPages(const CannedPagesOptions& options) : options_(options) {
  Random random(options.seed);
  const std::string key = key_of(0, options.seed);
  item_after_key_ = image_of(key, random, options.image_bytes).substr(key.size() - 1);
  pages_.resize(options.pages);
  Place place;
  for (std::size_t index = 0; index < pages_.size(); ++index) {
    while (index >= first_page(place.shard + 1)) ++place.shard;
    Stored& page = pages_[index];
    page.records.reserve(options.records_per_page * bytes_of_record(options));
    page.records = R"({"Records":[)";
    for (std::size_t i = 0; i < options.records_per_page; ++i) {
      page.records.append(i == 0 ? "" : ",").append(record_of(place, options, random));
      ++place.number;
    }
    page.records += ']';
    page.crc = crc32(page.records);
  }
  empty_.records = R"({"Records":[])";
  empty_.crc = crc32(empty_.records);
}

CannedPages::Page CannedPages::page(std::size_t index) const {
  const Stored& stored = index < pages_.size() ? pages_[index] : empty_;
  return {stored.records, stored.crc};
}

std::size_t CannedPages::page_after(std::string_view sequence_number) const {
  const std::string_view prefix = sequence_prefix(options_.form);
  if (!sequence_number.starts_with(prefix)) return 0;
  sequence_number.remove_prefix(prefix.size());
  std::uint64_t number = 0;
  std::from_chars(sequence_number.data(), sequence_number.data() + sequence_number.size(), number);
  return static_cast<std::size_t>(number + 1) / options_.records_per_page;
}

}  // namespace dynamirror::support
