// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/function_ref.hpp"

namespace dynamirror::json {

class Reader;
struct Document;

/// One value of a document being read, on demand: each value can be consumed once, in document order. Members not
/// asked for are skipped without being decoded; whatever a callback does not consume is skipped, too. What is skipped
/// or taken `raw` is only checked for valid UTF-8, closed strings and the depth of its brackets, which is what makes it
/// cheap.
///
/// Borrowed: valid only inside the callback that received it.
/// All failures are class invalid ("read JSON"); they leave the document unusable: every later call fails, too.
class Value {
 public:
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;

  /// Calls `visit(name, member)` for each member in order, duplicates included; a failure returned by it ends the walk.
  /// Names with escapes are given unescaped; `name` lives until the next document is read by the same Reader.
  [[nodiscard]] Status for_each_member(FunctionRef<Status(std::string_view name, Value& member)> visit);

  /// Calls `visit(element)` for each element in order.
  [[nodiscard]] Status for_each_element(FunctionRef<Status(Value& element)> visit);

  /// The value's own bytes in the document, from first to last, untouched (any type). Lives as long as the document
  /// text.
  [[nodiscard]] Result<std::string_view> raw();

  /// A string, unescaped. Lives until the next document is read by the same Reader.
  [[nodiscard]] Result<std::string_view> string();

  [[nodiscard]] Result<std::int64_t> integer();
  /// Any JSON number that a double can hold, to the nearest.
  [[nodiscard]] Result<double> number();
  [[nodiscard]] Result<bool> boolean();

  /// True (and consumed) for null; otherwise the value is untouched.
  [[nodiscard]] bool consume_null();

 private:
  friend class Reader;
  struct Access;
  friend struct Access;
  Value(Document& document, void* parsed) : document_(document), parsed_(parsed) {}

  Document& document_;
  void* parsed_;  ///< a simdjson::ondemand::value, kept out of this header; nothing for the root
  bool consumed_ = false;
};

/// Reads JSON documents one after the other, keeping its buffers between them: on the hot path one Reader per loop.
/// Not thread-safe.
class Reader {
 public:
  Reader();
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  /// Reads one document, which must be the whole text: anything but whitespace after it is an error. `text` is borrowed
  /// until `visit` returns; its bytes are not changed, but it is moved to a larger allocation when its capacity leaves
  /// no room for the parser's padding: reserve `kPadding` bytes more than the text to avoid that copy. Errors: those of
  /// `visit`; class invalid when the text is not one JSON document (as far as it was looked at, see Value). REQUIRES:
  /// not called from within `visit` of the same Reader.
  [[nodiscard]] Status read(std::string& text, FunctionRef<Status(Value& root)> visit);

  /// The same for text that cannot be given spare room; always copies. Raw spans then live until the next document.
  [[nodiscard]] Status read_copy(std::string_view text, FunctionRef<Status(Value& root)> visit);

  static constexpr std::size_t kPadding = 64;
  /// Containers that can be walked one within the other; `raw` and what is skipped may be deeper. DynamoDB's items have
  /// 32 levels, of which each is two containers in JSON.
  static constexpr int kMaxDepth = 128;

 private:
  std::unique_ptr<Document> document_;
};

}  // namespace dynamirror::json
