// SPDX-License-Identifier: Apache-2.0
#include "jobs/diff/diff_partition.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

namespace dynamirror::jobs {
namespace {

constexpr std::string_view kDoing = "keep digests on disk";
constexpr std::size_t kReadBytes = 256u << 10;

/// What stands before the text of the key.
struct Header {
  model::ItemDigest key;
  model::ItemDigest item;
  std::uint32_t key_size = 0;
  std::uint32_t side = 0;
};

/// The record that begins at the front of `packed`; nothing when it is not all there.
std::optional<DiffRecord> front(std::string_view packed) {
  Header header;
  if (packed.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, packed.data(), sizeof(header));
  if (packed.size() - sizeof(header) < header.key_size) return std::nullopt;
  return DiffRecord{.side = static_cast<DiffSide>(header.side),
                    .key = header.key,
                    .item = header.item,
                    .key_json = packed.substr(sizeof(header), header.key_size)};
}

std::size_t packed_size(const DiffRecord& record) { return sizeof(Header) + record.key_json.size(); }

std::unexpected<Error> trouble(const std::filesystem::path& folder) {
  return failure(ErrorClass::kFatal, std::string(kDoing), folder.string(),
                 last_system_error() + "; choose a folder with room by --temp-dir, or allow more --memory");
}

/// A file without a name. Not every file system knows O_TMPFILE.
FileDescriptor open_nameless(const std::filesystem::path& folder) {
  const int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return FileDescriptor(fd);
  std::string name = folder / "dynamirror-diff-XXXXXX";
  FileDescriptor named(::mkostemp(name.data(), O_CLOEXEC));
  if (named.is_open()) ::unlink(name.c_str());
  return named;
}

}  // namespace

void append_record(std::string& out, const DiffRecord& record) {
  const Header header{.key = record.key,
                      .item = record.item,
                      .key_size = static_cast<std::uint32_t>(record.key_json.size()),
                      .side = static_cast<std::uint32_t>(record.side)};
  out.append(reinterpret_cast<const char*>(&header), sizeof(header)).append(record.key_json);
}

void DiffPartition::add(const DiffRecord& record) { append_record(buffer_, record); }

void DiffPartition::cancel_equal() {
  std::string kept;
  SortedRecords sorted(buffer_);
  while (true) {  // ends with the records
    const auto& group = sorted.next_key();
    if (group.empty()) break;
    const bool pair = group.size() == 2 && group[0].side != group[1].side && group[0].item == group[1].item;
    if (pair) continue;
    for (const DiffRecord& record : group) append_record(kept, record);
  }
  kept.shrink_to_fit();
  buffer_.swap(kept);  // an assignment could keep the old capacity
}

Status DiffPartition::spill(const std::filesystem::path& folder) {
  if (buffer_.empty()) return {};
  if (!file_.is_open()) file_ = open_nameless(folder);
  if (!file_.is_open()) return trouble(folder);
  if (auto written = write_all(file_, buffer_, folder); !written) return trouble(folder);
  file_bytes_ += buffer_.size();
  std::string().swap(buffer_);
  return {};
}

Status DiffPartition::drain(FunctionRef<Status(const DiffRecord&)> visit) {
  std::string chunk;
  std::uint64_t read = 0;
  const auto visit_chunk = [&]() -> Status {
    std::string_view rest = chunk;
    while (const auto record = front(rest)) {
      if (auto status = visit(*record); !status) return status;
      rest.remove_prefix(packed_size(*record));
    }
    chunk.erase(0, chunk.size() - rest.size());
    return {};
  };
  while (read < file_bytes_) {
    const std::size_t kept = chunk.size();
    chunk.resize(kept + kReadBytes);
    const ssize_t got = ::pread(file_.get(), chunk.data() + kept, kReadBytes, static_cast<off_t>(read));
    if (got <= 0) return failure(ErrorClass::kFatal, std::string(kDoing), {}, "read back: " + last_system_error());
    chunk.resize(kept + static_cast<std::size_t>(got));
    read += static_cast<std::uint64_t>(got);
    if (auto status = visit_chunk(); !status) return status;
  }
  assert(chunk.empty() && "records are written whole");
  file_ = FileDescriptor();
  file_bytes_ = 0;
  std::string().swap(chunk);  // a move would leave its memory with the partition
  chunk.swap(buffer_);
  return visit_chunk();
}

SortedRecords::SortedRecords(std::string_view packed) : packed_(packed) {
  std::string_view rest = packed;
  while (const auto record = front(rest)) {
    entries_.push_back({record->key, packed.size() - rest.size()});
    rest.remove_prefix(packed_size(*record));
  }
  assert(rest.empty());
  std::sort(entries_.begin(), entries_.end());
}

const std::vector<DiffRecord>& SortedRecords::next_key() {
  group_.clear();
  while (next_ < entries_.size() && (group_.empty() || entries_[next_].key == group_.front().key)) {
    group_.push_back(*front(packed_.substr(entries_[next_].offset)));
    ++next_;
  }
  return group_;
}

}  // namespace dynamirror::jobs
