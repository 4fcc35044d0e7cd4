// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>

#include "app/options/options.hpp"
#include "base/iso_time.hpp"

namespace dynamirror::app {

namespace {

/// A moment: RFC 3339, or seconds since 1970 as the AWS CLI takes them.
std::optional<WallTime> parse_moment(const std::string& text) {
  if (auto time = parse_iso_time(text)) return time;
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || !(seconds >= 0) || seconds > 4e9) return std::nullopt;
  return WallTime(std::chrono::milliseconds(std::llround(seconds * 1e3)));
}

}  // namespace

void add_start(CLI::App& app, service::ReplicationOptions& options, const std::string& when_needed) {
  using Position = ordering::ShardGraph::InitialPosition;
  const auto take = [&options](const std::string& text) {
    options.start_given = true;
    const std::string word = to_lower(text);
    options.job.start = word == "latest" ? Position::kLatest : Position::kTrimHorizon;
    options.changes.start_time.reset();
    if (word == "latest" || word == "trim-horizon") return;
    options.changes.start_time = parse_moment(text);
    if (options.changes.start_time) return;
    throw CLI::ValidationError("--start", "\"" + text +
                                              "\" is none of latest, trim-horizon, nor a moment as "
                                              "2026-01-31T12:00:00Z or in seconds since 1970");
  };
  app.add_option_function<std::string>(
         "--start", take,
         "where to start without a checkpoint: trim-horizon (default: all the stream holds), latest or, of a stream of "
         "Kinesis, a moment (2026-01-31T12:00:00Z, or seconds since 1970); one of them must be said" +
             when_needed)
      ->option_text("CHOICE");
}

void add_changes(CLI::App& app, service::ChangesOptions& changes) {
  app.add_option("--changes-from", changes.address,
                 "read the changes from this stream of Kinesis, not from the source's own stream: kinesis:region/name, "
                 "an ARN, or http(s)://host:port/name; see docs/kinesis.md")
      ->option_text("STREAM")
      ->group("Changes from Kinesis");
  add_side(app, "changes", changes.side);
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
