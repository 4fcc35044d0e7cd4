// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "http/transport.hpp"

namespace dynamirror::http::impl {

/// One HTTP/1.x message, request or response. Header names are lower-case; trailers are dropped.
struct Message {
  int status = 0;      ///< responses
  std::string method;  ///< requests
  std::string target;  ///< requests
  Headers headers;
  std::string body;         ///< has at least 64 bytes of spare capacity, so that simdjson may parse it in place
  bool keep_alive = false;  ///< the connection may carry another message after this one
};

/// Turns the bytes of a connection into HTTP/1.x messages. No I/O of its own:
///
///     reader.start({...});
///     while (reader.progress() == Progress::kMore) { n = read into reader.prepare(); reader.commit(n); }
///
/// Bytes beyond the end of a message are kept for the next one. Interim answers (1xx) are skipped.
/// Not thread-safe. Rules of the format: RFC 9112; the grammar is checked by Beast's parser.
class MessageReader {
 public:
  enum class Kind { kRequest, kResponse };
  enum class Progress {
    kMore,          ///< give it more bytes
    kComplete,      ///< take_message() has it
    kMalformed,     ///< not HTTP/1.x, or ended in the middle of the message: see problem()
    kHeadTooLarge,  ///< above Limits::head_bytes
    kBodyTooLarge,  ///< above Limits::body_bytes
  };
  struct Limits {
    std::size_t head_bytes = 64u << 10;
    std::size_t body_bytes = 64u << 20;
  };

  explicit MessageReader(Kind kind);
  MessageReader(MessageReader&&) noexcept;
  MessageReader& operator=(MessageReader&&) noexcept;
  ~MessageReader();

  /// Begins the next message; bytes left over from the one before are used at once. `without_body`: the answer to HEAD
  /// or CONNECT, whose headers may speak of a body that never comes.
  void start(Limits limits, bool without_body = false);

  /// Where to read to; never empty while progress() is kMore. Valid until the next call.
  [[nodiscard]] std::span<char> prepare();

  /// `size` bytes have been read into what prepare() gave.
  Progress commit(std::size_t size);

  /// The peer has closed its side: completes an answer that is delimited by the end of the connection.
  Progress commit_end();

  [[nodiscard]] Progress progress() const;
  [[nodiscard]] bool head_complete() const;
  /// Any byte of the present message has arrived.
  [[nodiscard]] bool begun() const;
  /// Bytes beyond the present message are waiting: for a client, a peer that talks out of turn.
  [[nodiscard]] bool has_leftover() const;
  /// What is malformed, in the parser's words.
  [[nodiscard]] std::string problem() const;

  /// The message as far as it has been read. REQUIRES: head_complete().
  [[nodiscard]] const Message& message() const;
  /// REQUIRES: progress() is kComplete; once per message.
  [[nodiscard]] Message take_message();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::http::impl
