// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sink/letter_box.hpp"

namespace dynamirror::lambda {

/// The letters of one batch, in memory: they are to be stored, as one object, before the batch counts as done.
///
/// A letter tells the key alone: later batches write later changes of the key, so that whoever replays it must not
/// write the image that was refused, but read the item as it is then. The image stands beside it, as `refused_image`,
/// for people. Not thread-safe.
class BatchLetters final : public sink::LetterBox {
 public:
  [[nodiscard]] bool quarantined(std::string_view key) const override { return keys_.contains(key); }
  [[nodiscard]] std::size_t keys() const override { return keys_.size(); }
  [[nodiscard]] async::Task<Status> add(std::vector<sink::DeadLetter> letters) override;
  [[nodiscard]] std::string describe() const override { return "the letters of the batch"; }

  struct Place {
    ShardId shard;
    model::SequenceNumber sequence;
  };
  [[nodiscard]] const std::vector<Place>& places() const { return places_; }
  /// Of the first one in the order of their places. REQUIRES: there is one.
  [[nodiscard]] const Error& why() const { return why_; }
  [[nodiscard]] const model::SequenceNumber& first() const { return first_; }
  /// The object's body: a line for each, as sink::to_json_line has it.
  [[nodiscard]] const std::string& lines() const { return lines_; }

 private:
  std::set<std::string, std::less<>> keys_;
  std::vector<Place> places_;
  model::SequenceNumber first_;
  Error why_;
  std::string lines_;
};

}  // namespace dynamirror::lambda
