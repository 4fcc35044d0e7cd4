// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace dynamirror::json {

/// What is wrong with a text, in words for whoever has written it.
inline std::string_view words_of(simdjson::error_code code) {
  switch (code) {
    case simdjson::EMPTY:
      return "it is empty, where JSON is expected";
    case simdjson::UTF8_ERROR:
      return "it is not UTF-8";
    case simdjson::DEPTH_ERROR:
      return "its lists and objects are nested too deeply";
    case simdjson::INCORRECT_TYPE:
      return "a value is of another type than it should be";
    case simdjson::TRAILING_CONTENT:
      return "there is more after the JSON value";
    case simdjson::CAPACITY:
    case simdjson::MEMALLOC:
      return "it is too large";
    default:
      return "it is not well-formed JSON";
  }
}

/// The document under way and the parser's buffers: what a Reader and its Values share.
struct Document {
  std::optional<simdjson::ondemand::parser> parser;
  simdjson::ondemand::document root;
  std::string copy;  ///< of texts that have no room of their own
  bool reading = false;
  bool broken = false;  ///< after a failure simdjson's iterators must not be touched any more
  int depth = 0;        ///< containers that are being walked, one within the other

  std::unexpected<Error> fail(std::string message) {
    broken = true;
    return failure(ErrorClass::kInvalid, "read JSON", {}, std::move(message));
  }
  std::unexpected<Error> fail(simdjson::error_code code) { return fail(std::string(words_of(code))); }
};

}  // namespace dynamirror::json
