// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace dynamirror::sink {

/// What the replica's item says of its own age, in microseconds since the epoch: its content is certainly not older
/// than the change created at `oldest`, and certainly not newer than the one created at `newest`.
struct Seen {
  std::int64_t oldest = 0;
  std::int64_t newest = 0;
  std::int64_t read = 0;  ///< when it was read from the primary, by the reader's clock; 0: it is a change's own image
  friend bool operator==(const Seen&, const Seen&) = default;
};

/// The attribute's value: `{"L":[{"N":"oldest"},{"N":"newest"}]}`, with the third number for what was read.
[[nodiscard]] std::string to_json(const Seen& seen);
/// Nothing for any other value.
[[nodiscard]] std::optional<Seen> parse_seen(std::string_view value_json);

/// One change of a feed whose changes come twice and out of order, on its way into a replica whose items carry a guard:
/// what to do next, and on which condition. docs/adr/0009 says why it is right. Pure: the caller does each step and
/// says what came of it. Not thread-safe.
class GuardedWrite {
 public:
  /// How far the clock of the service, which stamps changes, and that of the machine which reads items may be apart.
  static constexpr std::chrono::minutes kClockMargin{10};

  enum class Step {
    kPutImage,     ///< put the change's image with `guard()`, if `may_put_image` of the item there; then `image_put`
    kReadReplica,  ///< then `replica_is`
    kReadPrimary,  ///< consistently; then `primary_is`
    kPutItem,      ///< put what was read, with `guard()`, if the replica's item is still what it was; then `written`
    kDelete,       ///< delete on the same condition; then `written`
    kApplied,
    kSuperseded,  ///< by `rule()`
    kTryAgain,    ///< the replica's item keeps changing
  };

  /// `has_image`: false for a deletion, and for changes of which the key alone counts: they are read.
  GuardedWrite(std::int64_t created, bool has_image)
      : created_(created), step_(has_image ? Step::kPutImage : Step::kReadReplica), has_image_(has_image) {}

  [[nodiscard]] Step step() const { return step_; }
  [[nodiscard]] std::string_view rule() const { return rule_; }
  /// What the item is written with.
  [[nodiscard]] const Seen& guard() const { return guard_; }

  /// The condition of kPutImage. REQUIRES: the item is there and has a guard; it does not hold otherwise.
  [[nodiscard]] static bool may_put_image(const Seen& there, std::int64_t created) { return there.newest < created; }
  [[nodiscard]] std::int64_t created() const { return created_; }

  void image_put(bool condition_held);

  struct Replica {
    bool there = false;
    std::optional<Seen> seen{};
    bool is_image = false;  ///< but for the guard it equals the change's image
  };
  void replica_is(const Replica& replica);

  struct Primary {
    bool there = false;
    bool is_image = false;         ///< it equals the change's image
    std::int64_t asked_at = 0;     ///< by the reader's clock, before the request
    std::int64_t answered_at = 0;  ///< and after its answer
  };
  void primary_is(const Primary& primary);

  void written(bool condition_held);

 private:
  static constexpr int kMaxRounds = 8;

  void done(std::string_view rule) {
    rule_ = rule;
    step_ = Step::kSuperseded;
  }

  std::int64_t created_;
  Step step_;
  bool has_image_;
  bool replica_there_ = false;
  Seen guard_{created_, created_};
  std::string_view rule_;
  int rounds_ = 0;
};

/// In microseconds since the epoch.
[[nodiscard]] inline std::int64_t microseconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

}  // namespace dynamirror::sink
