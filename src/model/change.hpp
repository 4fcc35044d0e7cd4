// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "model/sequence_number.hpp"

namespace dynamirror::model {

/// One change of one item: its key, the new image (or nothing: the item was deleted), and where it stands in its shard.
///
/// Key and image are wire-form JSON as the service sent it, byte for byte, but for the key's canonical form: attributes
/// in key-schema order, no whitespace (`{"id":{"S":"a"},"time":{"N":"1"}}`). The canonical form is what makes two
/// changes of one item meet; it is a byte comparison. Numbers and binaries are spelled in it as the service answers
/// them, wherever the key came from. Both texts share one allocation: a change is made for
/// every record, copied out of the page so that the page can go.
class Change {
 public:
  Change() = default;

  /// `image` is empty for a deletion. REQUIRES: `key` is not empty.
  Change(std::string_view key, std::string_view image, SequenceNumber sequence, WallTime created)
      : sequence_(sequence), created_(created), key_size_(static_cast<std::uint32_t>(key.size())) {
    text_.reserve(key.size() + image.size());
    text_.append(key).append(image);
  }

  [[nodiscard]] std::string_view key() const { return std::string_view(text_).substr(0, key_size_); }
  [[nodiscard]] std::string_view image() const { return std::string_view(text_).substr(key_size_); }
  [[nodiscard]] bool is_delete() const { return text_.size() == key_size_; }
  [[nodiscard]] const SequenceNumber& sequence() const { return sequence_; }

  /// Another image for the same key; empty: a deletion.
  void replace_image(std::string_view image) { text_.replace(key_size_, std::string::npos, image); }

  /// ApproximateCreationDateTime: whole seconds in DynamoDB Streams.
  [[nodiscard]] WallTime created() const { return created_; }

  /// Bytes this change holds in memory, for the read-ahead budget.
  [[nodiscard]] std::size_t footprint_bytes() const { return sizeof(Change) + text_.capacity(); }

 private:
  std::string text_;
  SequenceNumber sequence_;
  WallTime created_{};
  std::uint32_t key_size_ = 0;
};

}  // namespace dynamirror::model
