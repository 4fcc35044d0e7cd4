// SPDX-License-Identifier: Apache-2.0
// Private to replicate*.cpp: the parts of a running replication.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "async/semaphore.hpp"
#include "async/signal.hpp"
#include "async/task_group.hpp"
#include "jobs/liveness.hpp"
#include "jobs/replicate.hpp"
#include "jobs/write_pump.hpp"
#include "ordering/change_buffer.hpp"
#include "ordering/shard_graph.hpp"
#include "source/shard_lister.hpp"
#include "source/shard_reader.hpp"
#include "transform/change_filter.hpp"

namespace dynamirror::jobs {

struct Replication::Impl {
  /// One shard that is being read, from its first page until its end is durable.
  struct ActiveShard {
    ShardId id;
    model::Checkpoint from;
    ordering::ChangeBuffer::ShardHandle handle;
    source::ShardReader reader;
    std::optional<model::SequenceNumber> pushed;  ///< the last change given to the buffer
    std::optional<model::SequenceNumber> saved;   ///< the last durable checkpoint of this run
    bool waits_for_room = false;
    bool ended = false;             ///< the reader has seen the end
    std::size_t empty_answers = 0;  ///< in a row
    std::size_t empty_answers_at_listing = 0;
    SteadyTime asked_at;  ///< since when the reader has been at the page it reads, once there was room for it
  };

  Impl(ReplicateParts parts_in, ReplicateOptions options_in, boost::asio::any_io_executor executor_in);

  // replicate.cpp: the life of the job
  [[nodiscard]] async::Task<JobResult<void>> run();
  [[nodiscard]] async::Task<> shut_down();
  [[nodiscard]] async::Task<> drain();
  [[nodiscard]] ReplicateStatus status() const;
  void fail(JobFailure failure);

  // replicate_discovery.cpp: which shards there are
  [[nodiscard]] JobResult<void> restore();
  [[nodiscard]] JobResult<void> check_replaced_streams();
  [[nodiscard]] async::Task<> discover();
  [[nodiscard]] async::Task<bool> list_once();
  [[nodiscard]] bool record_new_shards();
  [[nodiscard]] bool forget_replaced_streams();
  void forget_old_shards();
  void start_readable();
  [[nodiscard]] bool caught_up() const;
  [[nodiscard]] async::Task<> end_when_caught_up();
  [[nodiscard]] async::Task<> confirm_caught_up();

  // replicate_shards.cpp: reading one shard
  [[nodiscard]] async::Task<> read_shard(ActiveShard& shard);
  [[nodiscard]] async::Task<std::optional<Error>> read_to_end(ActiveShard& shard);
  [[nodiscard]] bool push_page(ActiveShard& shard, std::vector<model::Change> changes);
  [[nodiscard]] bool may_skip(const ActiveShard& shard, const Error& error);
  void retire(ActiveShard& shard, const std::optional<Error>& trimmed);

  // replicate_checkpoints.cpp: what is durable, and whether anything moves
  [[nodiscard]] bool save(std::vector<model::ShardCheckpoint> rows);
  [[nodiscard]] async::Task<> keep_checkpoints();
  [[nodiscard]] Status save_checkpoints();
  [[nodiscard]] async::Task<> watch_liveness();
  [[nodiscard]] std::optional<Error> stalled();
  [[nodiscard]] ShardId shard_with_waiting_changes() const;

  ReplicateParts parts;
  ReplicateOptions options;
  boost::asio::any_io_executor executor;
  ordering::ChangeBuffer buffer;
  std::optional<ordering::ShardGraph> graph;                     ///< made by `restore`
  bool fresh_start = false;                                      ///< the state store knew nothing of this stream
  std::vector<StreamArn> replaced_streams;                       ///< by this one; their rows go once this one has some
  std::unordered_map<ShardId, std::vector<ShardId>> parents_of;  ///< of every shard with a durable row
  std::unordered_set<ShardId> first_shards;  ///< found on a fresh start, before anything was promised of them
  source::ReadSlots slots;
  source::ShardLister lister;
  std::vector<std::unique_ptr<transform::ChangeFilter>> filters;
  WritePump pump;
  std::list<ActiveShard> active;
  Liveness liveness_of_writing;      ///< of all shards together: the changes of one may wait their turn for long
  std::uint64_t written_so_far = 0;  ///< as of the last look at it
  bool listed_completely = false;
  bool roots_known = false;  ///< where reading starts has been decided: shards found from now on are new
  bool stream_enabled = true;
  Liveness listing;
  bool listing_rests = false;        ///< until the next one is due
  async::Semaphore listing_turn{1};  ///< two want to list, and the lister does one pass at a time
  async::Signal list_now;            ///< a shard has ended: its children are wanted
  std::optional<JobFailure> failure;
  bool done = false;
  async::TaskGroup reading;
  async::TaskGroup writing;
  async::TaskGroup keeping;
};

}  // namespace dynamirror::jobs
