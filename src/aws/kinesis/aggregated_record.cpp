// SPDX-License-Identifier: Apache-2.0
#include "aws/kinesis/aggregated_record.hpp"

#include <cstddef>
#include <cstdint>

#include "aws/content_hash.hpp"
#include "model/base64.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::string_view kMagic = "\xF3\x89\x9A\xC2";
constexpr std::size_t kMd5Bytes = 16;

/// One field of a protobuf message: a number, or bytes; of other kinds only the length is known.
struct Field {
  std::uint64_t number = 0;
  bool is_bytes = false;
  bool is_integer = false;
  std::uint64_t integer = 0;
  std::string_view bytes;
};

/// Reads the fields of one message, front to back. Source: "Encoding" of the Protocol Buffers documentation.
class Fields {
 public:
  explicit Fields(std::string_view message) : rest_(message) {}

  /// False at the end, and where the message is damaged: `ok` tells.
  [[nodiscard]] bool next(Field& field) {
    if (rest_.empty()) return false;
    field = {};
    std::uint64_t tag = 0;
    if (!varint(tag) || (field.number = tag >> 3) == 0) return damaged();
    switch (tag & 7) {
      case 0:
        field.is_integer = true;
        return varint(field.integer) || damaged();
      case 1:
        return skip(8) || damaged();
      case 2: {
        std::uint64_t length = 0;
        if (!varint(length) || length > rest_.size()) return damaged();
        field.is_bytes = true;
        field.bytes = rest_.substr(0, length);
        return skip(length);
      }
      case 5:
        return skip(4) || damaged();
      default:  // groups, which the format does not use
        return damaged();
    }
  }

  [[nodiscard]] bool ok() const { return ok_; }

 private:
  [[nodiscard]] bool varint(std::uint64_t& out) {
    out = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      out |= std::uint64_t{byte & 0x7Fu} << shift;
      if ((byte & 0x80u) == 0) return true;
    }
    return false;
  }

  [[nodiscard]] bool skip(std::size_t bytes) {
    if (bytes > rest_.size()) return false;
    rest_.remove_prefix(bytes);
    return true;
  }

  [[nodiscard]] bool damaged() {
    ok_ = false;
    return false;
  }

  std::string_view rest_;
  bool ok_ = true;
};

struct UserRecord {
  std::optional<std::uint64_t> partition_key;
  std::optional<std::uint64_t> hash_key;
  std::optional<std::string_view> data;
};

std::optional<UserRecord> read_user_record(std::string_view message) {
  UserRecord record;
  Fields fields(message);
  for (Field field; fields.next(field);) {
    if (field.number == 1 && field.is_integer) record.partition_key = field.integer;
    if (field.number == 2 && field.is_integer) record.hash_key = field.integer;
    if (field.number == 3 && field.is_bytes) record.data = field.bytes;
  }
  if (!fields.ok() || !record.partition_key || !record.data) return std::nullopt;
  return record;
}

bool has_md5(std::string_view message, std::string_view md5) {
  std::string text;
  model::append_base64(text, md5);
  return md5_base64(message) == text;
}

}  // namespace

std::optional<std::vector<std::string_view>> records_within(std::string_view data) {
  if (!data.starts_with(kMagic) || data.size() < kMagic.size() + kMd5Bytes) return std::nullopt;
  const std::string_view message = data.substr(kMagic.size(), data.size() - kMagic.size() - kMd5Bytes);
  if (!has_md5(message, data.substr(data.size() - kMd5Bytes))) return std::nullopt;
  std::size_t partition_keys = 0;
  std::size_t hash_keys = 0;
  std::vector<UserRecord> records;
  Fields fields(message);
  for (Field field; fields.next(field);) {
    if (field.number == 1 && field.is_bytes) ++partition_keys;
    if (field.number == 2 && field.is_bytes) ++hash_keys;
    if (field.number != 3 || !field.is_bytes) continue;
    auto record = read_user_record(field.bytes);
    if (!record) return std::nullopt;
    records.push_back(*record);
  }
  if (!fields.ok() || records.empty()) return std::nullopt;
  std::vector<std::string_view> within;
  within.reserve(records.size());
  for (const UserRecord& record : records) {
    const bool names_no_hash_key = record.hash_key && *record.hash_key >= hash_keys;
    if (*record.partition_key >= partition_keys || names_no_hash_key) return std::nullopt;
    within.push_back(*record.data);
  }
  return within;
}

}  // namespace dynamirror::aws
