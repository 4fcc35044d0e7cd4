// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "support/canned_answers.hpp"

namespace dynamirror::support {

struct CannedCounts {
  std::atomic<std::uint64_t> get_records{0};
  std::atomic<std::uint64_t> writes{0};
  std::atomic<std::uint64_t> written_items{0};
  std::atomic<std::uint64_t> batch_gets{0};
  std::atomic<std::uint64_t> read_keys{0};
  std::atomic<std::uint64_t> other{0};
  std::atomic<std::uint64_t> bytes_received{0};
  std::atomic<std::int64_t> first_read{0};  ///< of the stream, nanoseconds of the steady clock; 0: none yet
  std::atomic<std::int64_t> last_write{0};
};

/// One connection of the canned server: finds where requests end, skips what nobody looks at, sends answers.
/// Not thread-safe; owns its socket.
class CannedConnection {
 public:
  /// REQUIRES: answers and counts outlive it.
  CannedConnection(int fd, const CannedAnswers& answers, CannedCounts& counts);
  ~CannedConnection();
  CannedConnection(const CannedConnection&) = delete;
  CannedConnection& operator=(const CannedConnection&) = delete;

  // Each returns false when the connection is over.
  bool on_readable();
  bool on_writable();
  /// An answer waits for room in the socket.
  [[nodiscard]] bool writing() const { return !unsent_.empty(); }

 private:
  bool feed(std::string_view bytes);
  bool start_request(std::string_view head);
  bool answer();
  bool answer_write();
  bool send(std::string_view first, std::string_view second = {}, std::string_view third = {});

  int fd_;
  const CannedAnswers& answers_;
  CannedCounts& counts_;
  std::string head_;       ///< of a request that has not arrived up to its empty line
  std::string operation_;  ///< lower case
  std::size_t body_left_ = 0;
  bool in_body_ = false;
  bool keeps_body_ = false;  ///< a write of one item is not looked at
  std::string body_;
  std::string unsent_;
  std::size_t unsent_begin_ = 0;  ///< what is before it has gone out
};

}  // namespace dynamirror::support
