// SPDX-License-Identifier: Apache-2.0
#include "app/options/options.hpp"

namespace dynamirror::app {

void add_start(CLI::App& app, service::ReplicationOptions& options, const std::string& when_needed) {
  using Position = ordering::ShardGraph::InitialPosition;
  add_choice<Position>(app, "--start", options.job.start,
                       {{"trim-horizon", Position::kTrimHorizon}, {"latest", Position::kLatest}},
                       "where to start without a checkpoint: trim-horizon (default: all the stream holds) or latest; "
                       "one of them must be said" +
                           when_needed);
  app.get_option("--start")->each([&options](const std::string&) { options.start_given = true; });
}

void add_replication(CLI::App& app, service::ReplicationOptions& options) {
  using Job = jobs::ReplicateOptions;
  options.files.one_process = true;
  app.add_option("--name", options.name, "what its log lines call it, where several replications write to one log")
      ->option_text("NAME");
  add_choice<Job::OnTrim>(app, "--on-trim", options.job.on_trim,
                          {{"stop", Job::OnTrim::kStop}, {"continue", Job::OnTrim::kContinue}},
                          "when unread changes are gone from the stream: stop (default) or continue after the gap");
  app.add_option("--state", options.files.state, "checkpoint file (default: below $XDG_STATE_HOME/dynamirror)")
      ->option_text("FILE");
  app.add_option("--dead-letter", options.files.dead_letters,
                 "where refused changes go (default: the state file's name with .dead-letters.jsonl)")
      ->option_text("FILE");
  add_parsed(app, "--idle-poll", options.job.idle_poll, parse_duration,
             "longest pause between reads of a quiet shard (1s)", "DURATION");
  add_writing(app, options.job.pipeline);
}

void add_writing(CLI::App& app, jobs::Pipeline::Options& options) {
  add_parsed(app, "--stall-timeout", options.stall_timeout, parse_duration,
             "end with code 8 when changes wait and nothing moves for this long (5m)", "DURATION");
  app.add_option("--max-writes", options.writing.max_concurrent_writes, "most write requests under way at once (64)")
      ->check(CLI::Range(1, 1024))
      ->option_text("N");
}

}  // namespace dynamirror::app
