// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "async/task.hpp"
#include "base/error.hpp"
#include "objects/object_store.hpp"

namespace dynamirror::jobs {

/// The letters of one batch, as a function under AWS Lambda has stored them.
struct StoredBatch {
  std::string name;   ///< in its place, for messages
  std::string table;  ///< whose changes they are; empty when the place does not say
  std::string lines;  ///< as sink::to_json_line has them
};

/// Where functions leave their letters, batch by batch. Not thread-safe.
class StoredLetters {
 public:
  virtual ~StoredLetters() = default;

  /// The next batch, or nothing at the end. Each is given once, whether it is removed or not.
  [[nodiscard]] virtual async::Task<Result<std::optional<StoredBatch>>> next() = 0;
  /// Removes a batch as it was given. False when it is not that any more: a function has stored it anew, with what may
  /// be other letters.
  [[nodiscard]] virtual async::Task<Result<bool>> remove(const StoredBatch& batch) = 0;
  /// For messages.
  [[nodiscard]] virtual std::string describe() const = 0;
};

/// Objects `TABLE/SEQUENCE.dead-letters.jsonl` below an address, or those of one table where the address ends with its
/// name. Others are not looked at.
class LetterObjects final : public StoredLetters {
 public:
  /// REQUIRES: `store` outlives this.
  explicit LetterObjects(objects::ObjectStore& store) : store_(store) {}

  [[nodiscard]] async::Task<Result<std::optional<StoredBatch>>> next() override;
  [[nodiscard]] async::Task<Result<bool>> remove(const StoredBatch& batch) override;
  [[nodiscard]] std::string describe() const override { return store_.describe(""); }

 private:
  [[nodiscard]] async::Task<Status> list_more();

  objects::ObjectStore& store_;
  std::deque<std::string> listed_;  ///< of one page
  std::string from_;
  bool listed_all_ = false;
};

/// What the name of an object of letters ends with.
inline constexpr std::string_view kLettersEnd = ".dead-letters.jsonl";

}  // namespace dynamirror::jobs
