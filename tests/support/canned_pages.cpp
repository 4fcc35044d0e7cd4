// SPDX-License-Identifier: Apache-2.0
#include "support/canned_pages.hpp"

#include <array>
#include <charconv>

#include "base/random.hpp"
#include "support/digest.hpp"

namespace dynamirror::support {
namespace {

constexpr std::string_view kSequencePrefix = "44215845000000000";  // 28 digits with the 11 that count
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

std::string record_of(std::uint64_t number, const CannedPagesOptions& options, Random& random) {
  const std::uint64_t key_number = options.keys == 0 ? number : random.below(options.keys);
  const std::string key = key_of(key_number, options.seed);
  const bool removed = random.chance(options.remove_share);
  std::string record = R"({"eventID":")" + hex_of(random.next()) + hex_of(random.next()) + R"(","eventName":")";
  record.append(removed ? "REMOVE" : options.keys == 0 ? "INSERT" : "MODIFY");
  record.append(R"(","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"eu-west-1","dynamodb":{)");
  record.append(R"("ApproximateCreationDateTime":1767225600,"Keys":)").append(key);
  if (!removed) record.append(R"(,"NewImage":)").append(image_of(key, random, options.image_bytes));
  if (options.old_images) record.append(R"(,"OldImage":)").append(image_of(key, random, options.image_bytes));
  record.append(R"(,"SequenceNumber":")").append(kSequencePrefix).append(padded(number, kCountedDigits));
  record.append(R"(","SizeBytes":)").append(std::to_string(options.image_bytes)).append(R"(,"StreamViewType":")");
  record.append(options.old_images ? "NEW_AND_OLD_IMAGES" : "NEW_IMAGE").append(R"("}})");
  return record;
}

}  // namespace

CannedPages::CannedPages(const CannedPagesOptions& options) : options_(options) {
  Random random(options.seed);
  pages_.resize(options.pages);
  std::uint64_t number = 0;
  for (Stored& page : pages_) {
    page.records.reserve(options.records_per_page * (options.image_bytes * (options.old_images ? 2 : 1) + 420));
    page.records = R"({"Records":[)";
    for (std::size_t i = 0; i < options.records_per_page; ++i) {
      page.records.append(i == 0 ? "" : ",").append(record_of(number++, options, random));
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
  if (!sequence_number.starts_with(kSequencePrefix)) return 0;
  sequence_number.remove_prefix(kSequencePrefix.size());
  std::uint64_t number = 0;
  std::from_chars(sequence_number.data(), sequence_number.data() + sequence_number.size(), number);
  return static_cast<std::size_t>(number + 1) / options_.records_per_page;
}

}  // namespace dynamirror::support
