// SPDX-License-Identifier: Apache-2.0
#include "jobs/restore/lines_reader.hpp"

#include <algorithm>
#include <utility>

namespace dynamirror::jobs {
namespace {

constexpr std::uint64_t kPieceBytes = 4u << 20;
constexpr std::size_t kMaxLineBytes = 16u << 20;  ///< an item has 400 KB at most

}  // namespace

LinesReader::LinesReader(const RestorePart& part, objects::ObjectStore& store, async::CpuPool& pool)
    : part_(part), store_(store), pool_(pool) {}

std::unexpected<Error> LinesReader::damaged(std::string message) const {
  return failure(ErrorClass::kInvalid, "restore", store_.describe(part_.key), std::move(message));
}

/// The next piece as stored.
async::Task<Result<std::string>> LinesReader::fetch() {
  if (!size_) {
    const auto info = co_await store_.head(part_.key);
    if (!info) co_return std::unexpected(info.error());
    size_ = info->size_bytes;
  }
  if (offset_ == *size_) co_return std::string();
  const std::uint64_t last = std::min(offset_ + kPieceBytes, *size_) - 1;
  const objects::GetOptions range{.first_byte = offset_, .last_byte = last};
  auto piece = co_await store_.get(part_.key, range);
  if (!piece) co_return std::unexpected(std::move(piece.error()));
  if (piece->size() != last - offset_ + 1) co_return damaged("it was replaced while it was read");
  offset_ = last + 1;
  co_return std::move(*piece);
}

/// The next piece as text, whatever line ends in it; empty at the object's end.
async::Task<Result<std::string>> LinesReader::next_text() {
  while (true) {  // until the object's end
    if (gzip_) {
      auto unpack = [this] { return gzip_->next(kPieceBytes); };
      auto text = co_await pool_.run(std::move(unpack));
      if (!text) co_return damaged(text.error().message);
      if (!text->empty()) co_return std::move(*text);
    }
    auto piece = co_await fetch();
    if (!piece) co_return std::unexpected(std::move(piece.error()));
    if (piece->empty()) co_return std::string();
    hash_.add(*piece);
    md5_.add(*piece);
    if (!std::exchange(begun_, true) && objects::GzipReader::is_gzip(*piece)) gzip_.emplace();
    if (!gzip_) co_return std::move(*piece);
    gzip_->feed(std::move(*piece));
  }
}

Status LinesReader::check_end() {
  if (gzip_) {
    if (auto whole = gzip_->finish(); !whole) return damaged(whole.error().message);
  }
  if (part_.sha256 && hash_.hex() != *part_.sha256) return damaged("its SHA-256 is not the one in the manifest");
  if (part_.md5_base64 && md5_.base64() != *part_.md5_base64) return damaged("its MD5 is not the one in the manifest");
  return {};
}

/// Some editors put a byte order mark before the first line.
std::string LinesReader::without_mark(std::string lines) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (!std::exchange(gave_lines_, true) && lines.starts_with(kMark)) lines.erase(0, kMark.size());
  return lines;
}

async::Task<Result<std::string>> LinesReader::next() {
  while (!ended_) {
    auto text = co_await next_text();
    if (!text) co_return std::unexpected(std::move(text.error()));
    if (text->empty()) {
      ended_ = true;
      if (auto whole = check_end(); !whole) co_return std::unexpected(std::move(whole.error()));
      co_return without_mark(std::exchange(rest_, {}));
    }
    rest_ += *text;
    const std::size_t end = rest_.rfind('\n');
    if (end == std::string::npos) {
      if (rest_.size() > kMaxLineBytes) co_return damaged("this is no file of lines");
      continue;
    }
    std::string lines = std::move(rest_);
    rest_ = lines.substr(end + 1);
    lines.resize(end + 1);
    co_return without_mark(std::move(lines));
  }
  co_return std::string();
}

}  // namespace dynamirror::jobs
