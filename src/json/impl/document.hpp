// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace dynamirror::json {

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
  std::unexpected<Error> fail(simdjson::error_code code) { return fail(simdjson::error_message(code)); }
};

}  // namespace dynamirror::json
