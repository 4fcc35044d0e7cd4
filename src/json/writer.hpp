// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.hpp"

namespace dynamirror::json {

/// Appends JSON to a string, front to back, without a tree in between; it sets the commas, its user the brackets:
///
///     Writer json(body);
///     json.begin_object().name("TableName").string("Orders").name("Limit").integer(100).end_object();
///
/// REQUIRES: names and values alternate inside objects, and brackets match; `out` outlives the writer. Not thread-safe.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  Writer& begin_object() { return open('{'); }
  Writer& end_object() { return close('}'); }
  Writer& begin_array() { return open('['); }
  Writer& end_array() { return close(']'); }

  /// The name of the object's next member.
  Writer& name(std::string_view name) {
    separate();
    append_json_quoted(out_, name);
    out_ += ':';
    separate_ = false;
    return *this;
  }

  Writer& string(std::string_view text) {
    separate();
    append_json_quoted(out_, text);
    return *this;
  }

  Writer& integer(std::int64_t number) { return raw(std::to_string(number)); }
  Writer& boolean(bool truth) { return raw(truth ? "true" : "false"); }
  Writer& null() { return raw("null"); }

  /// Splices a value that is JSON text already.
  Writer& raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
  }

 private:
  Writer& open(char bracket) {
    separate();
    out_ += bracket;
    separate_ = false;
    return *this;
  }

  Writer& close(char bracket) {
    out_ += bracket;
    separate_ = true;
    return *this;
  }

  void separate() {
    if (separate_) out_ += ',';
    separate_ = true;
  }

  std::string& out_;
  bool separate_ = false;  // something stands before the next member or element
};

}  // namespace dynamirror::json
