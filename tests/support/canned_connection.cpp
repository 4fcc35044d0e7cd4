// SPDX-License-Identifier: Apache-2.0
#include "support/canned_connection.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <vector>

#include "base/clock.hpp"
#include "base/text.hpp"

namespace dynamirror::support {
namespace {

constexpr std::size_t kMaxHeadBytes = 64u << 10;
constexpr std::size_t kReadBytes = 256u << 10;

/// The value of a header in a lower-case head.
std::string_view header(std::string_view head, std::string_view name) {
  const std::size_t begin = head.find(name);
  if (begin == std::string_view::npos) return {};
  head.remove_prefix(begin + name.size());
  head = head.substr(0, head.find('\r'));
  while (head.starts_with(' ')) head.remove_prefix(1);
  return head;
}

/// The items of a BatchWriteItem.
std::uint64_t writes_in(std::string_view body) {
  constexpr std::string_view kWrite = R"(Request":{")";  // PutRequest or DeleteRequest
  std::uint64_t count = 0;
  for (std::size_t i = body.find(kWrite); i != std::string_view::npos; i = body.find(kWrite, i + 1)) ++count;
  return count;
}

std::int64_t nanoseconds_now() { return system_clock().steady_now().time_since_epoch().count(); }

}  // namespace

CannedConnection::CannedConnection(int fd, const CannedAnswers& answers, CannedCounts& counts)
    : fd_(fd), answers_(answers), counts_(counts) {}

CannedConnection::~CannedConnection() { close(fd_); }

bool CannedConnection::on_readable() {
  thread_local std::vector<char> buffer(kReadBytes);
  const ssize_t count = recv(fd_, buffer.data(), buffer.size(), 0);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return false;
  counts_.bytes_received.fetch_add(static_cast<std::uint64_t>(count), std::memory_order_relaxed);
  return feed({buffer.data(), static_cast<std::size_t>(count)});
}

bool CannedConnection::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!in_body_) {
      // The empty line may be cut by the end of what has arrived: look a little further back.
      const std::size_t from = head_.size() < 3 ? 0 : head_.size() - 3;
      const std::size_t before = head_.size();
      head_.append(bytes.substr(0, kMaxHeadBytes));
      const std::size_t end = head_.find("\r\n\r\n", from);
      if (end == std::string::npos) return head_.size() < kMaxHeadBytes;
      bytes.remove_prefix(end + 4 - before);
      if (!start_request(std::string_view(head_).substr(0, end + 2))) return false;
      head_.clear();
    }
    const std::size_t taken = std::min(body_left_, bytes.size());
    if (keeps_body_) body_.append(bytes.substr(0, taken));
    body_left_ -= taken;
    bytes.remove_prefix(taken);
    if (body_left_ > 0) return true;
    in_body_ = false;
    if (!answer()) return false;
  }
  return true;
}

bool CannedConnection::start_request(std::string_view head) {
  const std::string lower = to_lower(head);
  const std::string_view target = header(lower, "\nx-amz-target:");
  const std::string_view length = header(lower, "\ncontent-length:");
  operation_ = target.substr(target.find('.') + 1);
  const auto parsed = std::from_chars(length.data(), length.data() + length.size(), body_left_);
  if (parsed.ec != std::errc{}) return false;
  in_body_ = true;
  keeps_body_ = operation_ != "putitem" && operation_ != "deleteitem" && operation_ != "updateitem";
  body_.clear();
  return true;
}

bool CannedConnection::answer() {
  if (!keeps_body_ || operation_ == "batchwriteitem") return answer_write();
  if (operation_ == "batchgetitem") {
    std::uint64_t keys = 0;
    const CannedAnswer answer = answers_.to_batch_get(body_, keys);
    counts_.batch_gets.fetch_add(1, std::memory_order_relaxed);
    counts_.read_keys.fetch_add(keys, std::memory_order_relaxed);
    return send(answer.head, answer.middle, answer.tail);
  }
  const bool records = operation_ == "getrecords";
  (records ? counts_.get_records : counts_.other).fetch_add(1, std::memory_order_relaxed);
  if (records && counts_.first_read == 0) counts_.first_read = nanoseconds_now();
  const CannedAnswer answer = records ? answers_.to_get_records(body_) : answers_.to_other(operation_, body_);
  return send(answer.head, answer.middle, answer.tail);
}

bool CannedConnection::answer_write() {
  const bool batch = operation_ == "batchwriteitem";
  counts_.writes.fetch_add(1, std::memory_order_relaxed);
  counts_.written_items.fetch_add(batch ? writes_in(body_) : 1, std::memory_order_relaxed);
  counts_.last_write = nanoseconds_now();
  return send(batch ? answers_.to_write() : answers_.to_single_write());
}

bool CannedConnection::send(std::string_view first, std::string_view second, std::string_view third) {
  std::array<std::string_view, 3> parts{first, second, third};
  std::size_t sent = 0;
  if (unsent_.empty()) {
    std::array<iovec, 3> pieces;
    for (std::size_t i = 0; i < parts.size(); ++i) pieces[i] = {const_cast<char*>(parts[i].data()), parts[i].size()};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    const ssize_t count = sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) return false;
    sent = count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  for (std::string_view part : parts) {
    const std::size_t gone = std::min(sent, part.size());
    sent -= gone;
    unsent_.append(part.substr(gone));
  }
  return true;
}

bool CannedConnection::on_writable() {
  const ssize_t count = ::send(fd_, unsent_.data() + unsent_begin_, unsent_.size() - unsent_begin_, MSG_NOSIGNAL);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  unsent_begin_ += static_cast<std::size_t>(count);
  if (unsent_begin_ < unsent_.size()) return true;
  unsent_.clear();
  unsent_begin_ = 0;
  return true;
}

}  // namespace dynamirror::support
