// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/error.hpp"
#include "base/files.hpp"

namespace dynamirror::sink {

/// Reads a file line by line from its start, with one line in memory. Not thread-safe.
class LineReader {
 public:
  /// An item has at most 400 KB, which JSON's escapes can make six times as long, and a record of Kinesis 10 MB, which
  /// base64 makes a third longer; beyond this it is no line of ours.
  static constexpr std::size_t kMaxLineBytes = 16u << 20;

  enum class Found {
    kLine,        ///< with its line break (which is taken off)
    kUnfinished,  ///< the file ends without a line break; `line` holds what there is
    kEnd,
  };

  /// `file` is borrowed; its position is not used. `name` is for messages.
  LineReader(const FileDescriptor& file, std::filesystem::path name) : file_(file), name_(std::move(name)) {}

  /// Gives the next line, with spare capacity for the JSON parser. Errors: class invalid when the file cannot be read
  /// or a line is too long.
  [[nodiscard]] Result<Found> next(std::string& line);

  [[nodiscard]] std::uint64_t line_number() const { return line_number_; }  ///< of the last line given, from 1
  [[nodiscard]] std::uint64_t line_start() const { return line_start_; }    ///< its offset in bytes
  [[nodiscard]] std::uint64_t line_end() const { return next_start_; }      ///< behind its line break, if it has one
  [[nodiscard]] std::string where() const;                                  ///< "FILE, line N"

 private:
  const FileDescriptor& file_;
  std::filesystem::path name_;
  std::string buffer_;         // bytes read and not yet given
  std::size_t buffer_at_ = 0;  // where the ungiven ones begin
  std::uint64_t read_offset_ = 0;
  std::uint64_t line_start_ = 0;
  std::uint64_t next_start_ = 0;
  std::uint64_t line_number_ = 0;
};

}  // namespace dynamirror::sink
