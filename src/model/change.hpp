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
  /// What happened to the item, as the service says it. Where a source cannot tell, an item that is there is
  /// "modified".
  enum class Kind : std::uint8_t { kInsert, kModify, kRemove };

  Change() = default;

  /// `image` is empty for a deletion. REQUIRES: `key` is not empty.
  Change(std::string_view key, std::string_view image, SequenceNumber sequence, WallTime created)
      : sequence_(sequence),
        created_(created),
        image_size_(static_cast<std::uint32_t>(image.size())),
        key_size_(static_cast<std::uint32_t>(key.size())),
        kind_(static_cast<std::uint32_t>(image.empty() ? Kind::kRemove : Kind::kModify)) {
    text_.reserve(key.size() + image.size());
    text_.append(key).append(image);
  }

  /// An item that is there, of which the source told the key alone: it must be read before it can be written anywhere.
  [[nodiscard]] static Change of_key(std::string_view key, SequenceNumber sequence, WallTime created) {
    Change change(key, {}, sequence, created);
    change.set_kind(Kind::kModify);
    return change;
  }

  [[nodiscard]] std::string_view key() const { return std::string_view(text_).substr(0, key_size_); }
  [[nodiscard]] std::string_view image() const { return std::string_view(text_).substr(key_size_, image_size_); }
  /// What the item was before; empty when the source did not tell, or was not asked.
  [[nodiscard]] std::string_view old_image() const { return std::string_view(text_).substr(key_size_ + image_size_); }
  [[nodiscard]] Kind kind() const { return static_cast<Kind>(kind_); }
  [[nodiscard]] bool is_delete() const { return kind() == Kind::kRemove; }
  /// The item is there, and its image is not known. This is no deletion.
  [[nodiscard]] bool is_key_only() const { return image_size_ == 0 && !is_delete(); }
  /// Made by the service itself: the item's time to live was over.
  [[nodiscard]] bool is_expiry() const { return expiry_ != 0; }
  [[nodiscard]] const SequenceNumber& sequence() const { return sequence_; }

  void set_kind(Kind kind) { kind_ = static_cast<std::uint32_t>(kind); }
  void set_expiry() { expiry_ = 1; }
  void set_created(WallTime created) { created_ = created; }
  /// Another image for the same key; empty: a deletion.
  void replace_image(std::string_view image) {
    text_.replace(key_size_, image_size_, image);
    image_size_ = static_cast<std::uint32_t>(image.size());
    if (image.empty()) set_kind(Kind::kRemove);
    if (!image.empty() && is_delete()) set_kind(Kind::kModify);
  }
  void set_old_image(std::string_view image) { text_.replace(key_size_ + image_size_, std::string::npos, image); }

  /// ApproximateCreationDateTime: whole seconds in DynamoDB Streams.
  [[nodiscard]] WallTime created() const { return created_; }

  /// Bytes this change holds in memory, for the read-ahead budget.
  [[nodiscard]] std::size_t footprint_bytes() const { return sizeof(Change) + text_.capacity(); }

 private:
  std::string text_;  ///< key, image, old image
  SequenceNumber sequence_;
  WallTime created_{};
  std::uint32_t image_size_ = 0;
  std::uint32_t key_size_ : 24 = 0;  ///< a key has at most 3 KB, and a few times that as JSON
  std::uint32_t kind_ : 2 = static_cast<std::uint32_t>(Kind::kRemove);
  std::uint32_t expiry_ : 1 = 0;
};

}  // namespace dynamirror::model
