// SPDX-License-Identifier: Apache-2.0
#include "sink/impl/line_reader.hpp"

#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "json/reader.hpp"

namespace dynamirror::sink {
namespace {

constexpr std::size_t kChunkBytes = 64u << 10;

/// Some editors put a byte order mark before the first line.
void remove_mark(std::string& first_line) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (first_line.starts_with(kMark)) first_line.erase(0, kMark.size());
}

}  // namespace

std::string LineReader::where() const { return name_.string() + ", line " + std::to_string(line_number_); }

Result<LineReader::Found> LineReader::next(std::string& line) {
  line.clear();
  line_start_ = next_start_;
  while (true) {  // ends with a line break, the end of the file, or a line that is too long
    const auto end = buffer_.find('\n', buffer_at_);
    line.reserve(line.size() + (end == std::string::npos ? buffer_.size() : end) - buffer_at_ + json::Reader::kPadding);
    line.append(buffer_, buffer_at_, end == std::string::npos ? std::string::npos : end - buffer_at_);
    if (line.size() > kMaxLineBytes) {
      ++line_number_;
      return failure(ErrorClass::kInvalid, "read dead letters", where(), "is longer than any dead letter");
    }
    if (end != std::string::npos) {
      buffer_at_ = end + 1;
      next_start_ = line_start_ + line.size() + 1;
      if (++line_number_ == 1) remove_mark(line);
      return Found::kLine;
    }

    buffer_.resize(kChunkBytes);
    buffer_at_ = 0;
    const ssize_t size = ::pread(file_.get(), buffer_.data(), buffer_.size(), static_cast<off_t>(read_offset_));
    if (size < 0) return failure(ErrorClass::kInvalid, "read dead letters", name_.string(), last_system_error());
    buffer_.resize(static_cast<std::size_t>(size));
    read_offset_ += static_cast<std::uint64_t>(size);
    if (size == 0) {
      next_start_ = line_start_ + line.size();
      if (line.empty()) return Found::kEnd;
      if (++line_number_ == 1) remove_mark(line);
      return Found::kUnfinished;
    }
  }
}

}  // namespace dynamirror::sink
