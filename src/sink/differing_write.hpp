// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>

namespace dynamirror::sink {

/// One key of which the replica's item is to become the primary's, beside others who write the replica, too: what to do
/// next. DifferingItems says why it is right. Pure: the caller does each step and says what came of it. Not
/// thread-safe.
class DifferingWrite {
 public:
  enum class Step {
    kReadReplica,   ///< consistently, as all reads; then `replica_read`
    kReadPrimary,   ///< then `primary_read`
    kWrite,         ///< what the primary had, if the replica's item is still what was read; then `written`
    kCheckPrimary,  ///< read it again; then `checked`
    kApplied,
    kAlreadyEqual,
    kTryAgain,  ///< the item changes whenever it is looked at
  };

  [[nodiscard]] Step step() const { return step_; }
  [[nodiscard]] bool over() const {
    return step_ == Step::kApplied || step_ == Step::kAlreadyEqual || step_ == Step::kTryAgain;
  }

  void replica_read() {
    assert(step_ == Step::kReadReplica);
    step_ = Step::kReadPrimary;
  }

  void primary_read(bool equals_replica) {
    assert(step_ == Step::kReadPrimary);
    step_ = !equals_replica ? Step::kWrite : wrote_ ? Step::kApplied : Step::kAlreadyEqual;
  }

  void written(bool condition_held) {
    assert(step_ == Step::kWrite);
    wrote_ = wrote_ || condition_held;
    step_ = condition_held ? Step::kCheckPrimary : Step::kReadReplica;
    if (++rounds_ == kMaxRounds) step_ = Step::kTryAgain;
  }

  /// When it has changed, somebody else may have brought the replica's item to the newer one and it may have been what
  /// we had read: then ours was put over it.
  void checked(bool is_what_was_written) {
    assert(step_ == Step::kCheckPrimary);
    step_ = is_what_was_written ? Step::kApplied : Step::kReadReplica;
  }

 private:
  static constexpr int kMaxRounds = 8;

  Step step_ = Step::kReadReplica;
  bool wrote_ = false;
  int rounds_ = 0;
};

}  // namespace dynamirror::sink
