// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "async/concurrency_limit.hpp"
#include "async/signal.hpp"
#include "async/task.hpp"
#include "async/task_group.hpp"
#include "base/clock.hpp"
#include "pipeline/ending.hpp"
#include "pipeline/write_core.hpp"
#include "sink/change_sink.hpp"
#include "sink/letter_box.hpp"

namespace dynamirror::jobs {

/// Brings what a WriteCore gives out to the sink, as many batches at once as the target bears, and the outcomes back;
/// what is to be set aside to the dead letters. It decides nothing else. Not thread-safe: lives on the job's event
/// loop.
class WritePump {
 public:
  struct Options {
    std::size_t max_concurrent_writes = 64;
    /// What a user can do about poison, for messages.
    std::string_view poison_hint = "--on-error dead-letter sets such changes aside";
    int max_attempts = 90;  ///< to write changes of one key in a row, with pauses of up to 10 s between them
  };

  /// What it works with. Everything outlives the pump.
  struct Parts {
    WriteCore& core;
    sink::ChangeSink& sink;
    sink::LetterBox* dead_letters;  ///< the core's
    const Clock& clock;
    boost::asio::any_io_executor executor;
    Ending& ending;  ///< learns, once, why no further write makes sense
  };
  WritePump(const Parts& parts, std::size_t max_concurrent_writes);

  /// Runs until cancelled.
  [[nodiscard]] async::Task<> run();

  /// To be called after changes were pushed.
  void changes_arrived() { wake_.notify(); }

  /// Notified whenever changes were settled.
  [[nodiscard]] async::Signal& settled() { return settled_; }

  /// Notified when, after that, there is room for pages. Apart from `settled` because hundreds of readers may wait for
  /// it.
  [[nodiscard]] async::Signal& room() { return room_; }

  /// Adds letters to the dead letters. REQUIRES: there are some. Answers why the job has failed, if it has.
  [[nodiscard]] async::Task<std::optional<JobFailure>> add_letters(std::vector<sink::DeadLetter> letters);

  /// Ends writes that are under way without waiting for their outcome. What they carried is not settled.
  void abandon_writes() { writes_.cancel(); }
  /// Waits for the end of all writes, abandoned or not.
  [[nodiscard]] async::Task<> writes_ended() { return writes_.join(); }

 private:
  void dispatch();
  void tell_settled();
  [[nodiscard]] async::Task<> write(WriteCore::Batch batch);
  void fail(JobFailure failure);

  Parts parts_;
  WriteCore& core_;
  async::ConcurrencyLimit limit_;
  async::TaskGroup writes_;
  async::Signal wake_;
  async::Signal settled_;
  async::Signal room_;
  bool failed_ = false;
};

}  // namespace dynamirror::jobs
