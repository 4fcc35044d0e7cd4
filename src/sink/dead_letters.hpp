// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/function_ref.hpp"
#include "sink/dead_letter.hpp"
#include "sink/letter_box.hpp"

namespace dynamirror::sink {

/// The dead-letter file: where changes go that the target will never take as they are, one JSON line each (see
/// `to_json_line`), until somebody has removed the cause and replays them.
///
/// Promises
/// - What `add` has answered "ok" to survives SIGKILL and a power cut.
/// - A key with a letter in the file is quarantined: its later changes must be added, too, so that the last letter of a
/// key
///   is always its newest state and an old one is never written over a new one.
/// - The file is locked against a second process (replicate, or replay) for as long as it is open.
/// - Memory holds the quarantined keys, at most `max_keys`, and not the letters. A letter without a key, of a record
///   that is no change, counts as one.
/// - A last line that a crash has left incomplete is removed at opening; damage anywhere else is refused.
///
/// Letters are written and synced on the event loop's disk thread; all else is for times when none are being added.
/// Not thread-safe: lives on one event loop.
class DeadLetters final : public LetterBox {
 public:
  struct Options {
    std::filesystem::path file;
    /// More poison than this is no accident of single items: `add` fails and the job stops.
    std::size_t max_keys = 100'000;
  };

  /// Opens or creates the file (mode 0600) and its folder. Errors: class conflict when another process holds it (naming
  /// it when known); class invalid when it cannot be read or written, or a line is damaged (naming the line); with the
  /// remedy.
  [[nodiscard]] static Result<std::unique_ptr<DeadLetters>> open(const Options& options);
  ~DeadLetters() override;

  [[nodiscard]] bool quarantined(std::string_view key) const override;

  /// Appends letters in their order, with one sync for all; only then may their changes count as dead-lettered.
  /// Errors: class fatal (disk full, too many keys …): none of them is durable, and the job must stop.
  [[nodiscard]] async::Task<Status> add(std::vector<DeadLetter> letters) override;

  [[nodiscard]] std::size_t keys() const override;
  [[nodiscard]] std::string describe() const override { return file().string(); }
  [[nodiscard]] std::uint64_t entries() const;      ///< lines in the file
  [[nodiscard]] std::uint64_t without_key() const;  ///< of those: of records that are no changes

  /// Goes through the letters in file order, with one in memory at a time.
  class Walk {
   public:
    Walk(Walk&&) noexcept;
    ~Walk();
    /// The next letter, or nothing at the end. Errors: class invalid, naming the line.
    [[nodiscard]] Result<std::optional<DeadLetter>> next();

   private:
    friend class DeadLetters;
    struct State;
    explicit Walk(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };
  /// Valid until the next `rewrite`, and no longer than this object.
  [[nodiscard]] Walk walk() const;

  enum class Verdict {
    kKeep,
    kKeepChanged,  ///< write the letter as `decide` has left it
    kRemove,
  };
  /// Replaces the file at once by what `decide` keeps of it: after a crash it is either the old file or the new one.
  /// Errors: class fatal, the file being the old one unless `rename` itself succeeded.
  [[nodiscard]] Status rewrite(FunctionRef<Verdict(DeadLetter& letter)> decide);

  [[nodiscard]] const std::filesystem::path& file() const;

 private:
  struct Impl;
  explicit DeadLetters(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::sink
