// SPDX-License-Identifier: Apache-2.0
#include "app/report/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "async/sleep.hpp"
#include "base/console.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace dynamirror::app {
namespace {

constexpr std::chrono::seconds kTerminalInterval{1};
constexpr std::chrono::seconds kLogInterval{60};

/// Clears its line when progress ends, however it ends, so that the next message starts on a clean one.
class TerminalLine {
 public:
  TerminalLine() = default;
  ~TerminalLine() { console::end_progress(); }
  TerminalLine(const TerminalLine&) = delete;
  TerminalLine& operator=(const TerminalLine&) = delete;
};

std::string state_of(const jobs::ReplicateStatus& status) {
  if (status.holds_none) return "holds no lease";
  if (status.caught_up) return "caught up";
  return status.current_lag ? "lag " + format_duration(*status.current_lag) : "no shard to read yet";
}

}  // namespace

std::string progress_line(const jobs::ReplicateStatus& status, double changes_per_second) {
  std::string line = fmt::format("{} changes/s, {}, {} held, {} of {} shards, {} dead letters",
                                 format_count(static_cast<std::uint64_t>(changes_per_second)), state_of(status),
                                 format_count(status.counters.held()), status.shards_being_read,
                                 status.shards_being_read + status.shards_waiting, status.counters.dead_lettered);
  if (status.retries > 0) line += fmt::format(", {} retries", format_count(status.retries));
  return line;
}

std::string state_line(const jobs::ReplicateStatus& status) {
  return fmt::format("{}, {} shards being read, {} changes settled", state_of(status), status.shards_being_read,
                     format_count(status.counters.settled()));
}

std::optional<std::string> trouble_of(const jobs::ReplicateStatus& status) {
  if (status.last_trouble.empty() || !status.current_lag || *status.current_lag <= kLongestLag) return std::nullopt;
  return "the target has been lacking changes for " + format_duration(*status.current_lag) + "; the log says why";
}

async::Task<> report_progress(const jobs::Replication& replication, const Clock& clock,
                              std::function<std::string()> more) {
  const bool terminal = isatty(STDERR_FILENO) == 1;
  const TerminalLine line;
  std::uint64_t last_settled = 0;
  SteadyTime last_time = clock.steady_now();
  while (true) {
    co_await async::sleep_for(terminal ? kTerminalInterval : kLogInterval);
    const jobs::ReplicateStatus status = replication.status();
    const SteadyTime now = clock.steady_now();
    const double seconds = std::chrono::duration<double>(now - last_time).count();
    const double rate = static_cast<double>(status.counters.settled() - last_settled) / seconds;
    last_settled = status.counters.settled();
    last_time = now;
    std::string line_now = progress_line(status, rate);
    if (more) line_now += more();
    if (terminal) {
      console::show_progress(line_now);
    } else {
      log::info("progress", {{"state", line_now}, {"last_trouble", status.last_trouble}});
    }
  }
}

std::string progress_line(const WorkDone& done, double items_per_second) {
  std::string line = fmt::format("{} items, {}/s", format_count(done.items),
                                 format_count(static_cast<std::uint64_t>(items_per_second)));
  if (done.total > 0) {
    const double share = static_cast<double>(done.items) / static_cast<double>(done.total);
    line += fmt::format(", {:.0f} %", std::min(99.0, share * 100));
    if (items_per_second >= 1 && done.total > done.items) {
      const double seconds = static_cast<double>(done.total - done.items) / items_per_second;
      line += ", " + format_duration(std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1e3))) + " left";
    }
  }
  return done.more.empty() ? line : line + ", " + done.more;
}

async::Task<> report_work(const std::function<WorkDone()>& work_done, const Clock& clock) {
  const bool terminal = isatty(STDERR_FILENO) == 1;
  const TerminalLine line;
  std::uint64_t last_items = 0;
  SteadyTime last_time = clock.steady_now();
  while (true) {
    co_await async::sleep_for(terminal ? kTerminalInterval : kLogInterval);
    const WorkDone done = work_done();
    const SteadyTime now = clock.steady_now();
    const double seconds = std::chrono::duration<double>(now - last_time).count();
    const double rate = static_cast<double>(done.items - last_items) / seconds;
    last_items = done.items;
    last_time = now;
    if (terminal) {
      console::show_progress(progress_line(done, rate));
    } else {
      log::info("progress", {{"state", progress_line(done, rate)}});
    }
  }
}

async::Task<> report_load(const jobs::InitialLoad& load, std::uint64_t items) {
  const std::function<WorkDone()> work_done = [&load, items] {
    const auto status = load.status();
    return WorkDone{.items = status.copy.counters.settled() + status.drained,
                    .total = items,
                    .more = fmt::format("{}, {} changes spooled", status.phase, format_count(status.spooled))};
  };
  co_await report_work(work_done, system_clock());
}

}  // namespace dynamirror::app
