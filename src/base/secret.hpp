// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

namespace dynamirror {

/// A string that must never be printed: there is no conversion to text and no formatter, only `reveal()`, which can be
/// found by searching for it. Invariant 7: secrets appear in no log, metric, page or error.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] const std::string& reveal() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }

  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string text_;
};

}  // namespace dynamirror
