// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "async/concurrency_limit.hpp"
#include "async/signal.hpp"
#include "async/task.hpp"
#include "async/task_group.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "ordering/change_buffer.hpp"
#include "pipeline/ending.hpp"
#include "pipeline/lag_histogram.hpp"
#include "sink/change_sink.hpp"
#include "sink/dead_letters.hpp"

namespace dynamirror::jobs {

/// Moves ready changes from the buffer to the sink, as many batches at once as the target bears, and settles each
/// change by its outcome: applied, tried again after a pause, or dead-lettered.
///
/// Promise: a change leaves the buffer only when the target, or the dead-letter file, has it. Later changes of a
/// dead-lettered key follow it to the file. Not thread-safe: lives on the job's event loop.
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
    ordering::ChangeBuffer& buffer;
    sink::ChangeSink& sink;
    sink::DeadLetters* dead_letters;  ///< null: the first change that the target refuses fails the job
    const Clock& clock;
    Random& random;
    boost::asio::any_io_executor executor;
    Ending& ending;  ///< learns, once, why no further write makes sense
  };
  WritePump(const Parts& parts, Options options);

  /// Says which shard a dead letter came from.
  using ShardName = std::function<ShardId(ordering::ChangeBuffer::ShardHandle)>;
  void set_shard_name(ShardName shard_name) { shard_name_ = std::move(shard_name); }

  /// Until when changes of a shard may be written, as the owner of its lease knows at this moment; nothing when they
  /// may never be: the shard is another worker's, and its changes are released.
  using WritePermit = std::function<std::optional<SteadyTime>(ordering::ChangeBuffer::ShardHandle)>;
  /// Without one, everything may always be written.
  void set_write_permit(WritePermit permit) { permit_ = std::move(permit); }

  /// Runs until cancelled.
  [[nodiscard]] async::Task<> run();

  /// To be called after changes were pushed into the buffer.
  void changes_arrived() { wake_.notify(); }

  /// Notified whenever changes were settled.
  [[nodiscard]] async::Signal& settled() { return settled_; }

  /// Notified when, after that, the buffer takes pages. Apart from `settled` because hundreds of readers may wait for
  /// it.
  [[nodiscard]] async::Signal& room() { return room_; }

  /// Ends writes that are under way without waiting for their outcome. What they carried is not settled.
  void abandon_writes() { writes_.cancel(); }
  /// Waits for the end of all writes, abandoned or not.
  [[nodiscard]] async::Task<> writes_ended() { return writes_.join(); }

  struct Statistics {
    std::uint64_t retries = 0;  ///< changes given back to the buffer to be written again
    LagHistogram lag;           ///< from the change's creation to its acknowledgement (creation has 1 s steps)
    std::string last_trouble;   ///< what the target said when it did not take a change; empty when that is over
  };
  [[nodiscard]] const Statistics& statistics() const { return statistics_; }

 private:
  using InFlight = ordering::ChangeBuffer::InFlight;

  /// What a batch came to: changes to be set aside, each with its reason.
  struct Poison {
    std::vector<sink::DeadLetter> letters;
    std::vector<ordering::ChangeBuffer::Ticket> tickets;  ///< of the letters, in their order
  };

  void dispatch();
  [[nodiscard]] SteadyTime keep_permitted(std::vector<InFlight>& batch);
  [[nodiscard]] async::Task<> write(std::vector<InFlight> batch, SteadyTime not_after);
  void set_aside_quarantined(std::vector<InFlight>& batch, Poison& poison) const;
  [[nodiscard]] async::ConcurrencyLimit::Outcome settle(std::span<const InFlight> batch,
                                                        std::span<const sink::Outcome> outcomes, Poison& poison);
  void applied(const InFlight& item);
  void try_again(const InFlight& item, const Error& error);
  void give_up(Poison poison);
  [[nodiscard]] sink::DeadLetter letter_for(const InFlight& item, Error error) const;
  void fail(JobFailure failure);

  ordering::ChangeBuffer& buffer_;
  sink::ChangeSink& sink_;
  sink::DeadLetters* dead_letters_;
  const Clock& clock_;
  Random& random_;
  Options options_;
  Ending& ending_;
  ShardName shard_name_;
  WritePermit permit_;
  async::ConcurrencyLimit limit_;
  async::TaskGroup writes_;
  async::Signal wake_;
  async::Signal settled_;
  async::Signal room_;
  bool failed_ = false;
  Statistics statistics_;
};

}  // namespace dynamirror::jobs
