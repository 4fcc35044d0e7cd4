// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/function_ref.hpp"
#include "model/item_digest.hpp"

namespace dynamirror::jobs {

enum class DiffSide : std::uint8_t { kPrimary, kReplica };

/// What a scan says of one item. `key_json` is borrowed.
struct DiffRecord {
  DiffSide side = DiffSide::kPrimary;
  model::ItemDigest key;
  model::ItemDigest item;
  std::string_view key_json;
};

/// Records of both sides, packed: in memory first, behind them in a file that has no name, so that it vanishes with the
/// process however that ends. Not thread-safe; file work blocks.
class DiffPartition {
 public:
  void add(const DiffRecord& record);

  /// Forgets, of the records in memory, each key that is there once on either side with the same digest.
  void cancel_equal();

  /// Moves what is in memory to the file. Errors: class fatal, naming the folder.
  [[nodiscard]] Status spill(const std::filesystem::path& folder);

  /// Calls `visit` with all records, the file's first; the partition is empty afterwards. `key_json` of a record lives
  /// until the next one. Errors: those of `visit`; the file cannot be read.
  [[nodiscard]] Status drain(FunctionRef<Status(const DiffRecord&)> visit);

  [[nodiscard]] std::size_t memory_bytes() const { return buffer_.capacity(); }
  [[nodiscard]] std::uint64_t total_bytes() const { return file_bytes_ + buffer_.size(); }
  [[nodiscard]] std::uint64_t file_bytes() const { return file_bytes_; }

 private:
  std::string buffer_;
  FileDescriptor file_;
  std::uint64_t file_bytes_ = 0;
};

/// Packed records as a list in the order of their keys. Borrows the bytes.
class SortedRecords {
 public:
  explicit SortedRecords(std::string_view packed);

  /// All records of the next key; none at the end. Lives until the next call.
  [[nodiscard]] const std::vector<DiffRecord>& next_key();

  /// Bytes of memory for each record beside the packed ones.
  static constexpr std::size_t kEntryBytes = 24;

 private:
  struct Entry {
    model::ItemDigest key;
    std::size_t offset = 0;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  static_assert(sizeof(Entry) == kEntryBytes);

  std::string_view packed_;
  std::vector<Entry> entries_;
  std::size_t next_ = 0;
  std::vector<DiffRecord> group_;
};

/// The packed form of one record, appended.
void append_record(std::string& out, const DiffRecord& record);

}  // namespace dynamirror::jobs
