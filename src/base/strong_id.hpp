// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace dynamirror {

/// A string that cannot be mistaken for another kind of string: `using TableName = StrongId<struct TableNameTag>`.
template <class Tag>
class StrongId {
 public:
  StrongId() = default;
  explicit StrongId(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] const std::string& str() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }

  friend auto operator<=>(const StrongId&, const StrongId&) = default;

 private:
  std::string text_;
};

using TableName = StrongId<struct TableNameTag>;
using Region = StrongId<struct RegionTag>;
using StreamArn = StrongId<struct StreamArnTag>;
using ShardId = StrongId<struct ShardIdTag>;

}  // namespace dynamirror

template <class Tag>
struct std::hash<dynamirror::StrongId<Tag>> {
  std::size_t operator()(const dynamirror::StrongId<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};
