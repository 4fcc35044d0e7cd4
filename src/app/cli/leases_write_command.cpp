// SPDX-License-Identifier: Apache-2.0
// `dynamirror leases release` and `reset`.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "app/cli/lease_table.hpp"
#include "app/cli/leases_command.hpp"
#include "app/report/lease_listing.hpp"
#include "app/session/confirmation.hpp"
#include "app/session/session.hpp"
#include "async/sleep.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "jobs/fleet/lease_admin.hpp"
#include "jobs/segments/diff_parallel.hpp"

namespace dynamirror::app {
namespace {

using coordination::Lease;
using jobs::LeaseAction;

constexpr std::size_t kAtOnce = 8;

/// What a command does to which leases, once all questions are answered.
struct Plan {
  LeaseAction action;
  std::vector<Lease> leases;
  std::string doing;  ///< "release", "reset": for messages
};

Error wrong(const std::string& doing, std::string message) {
  return {.error_class = ErrorClass::kInvalid,
          .doing = doing + " leases",
          .resource = {},
          .code = {},
          .message = std::move(message)};
}

/// With --source and --target there is no TABLE, and the one word is the key.
LeasesCommand with_words_in_place(LeasesCommand command) {
  if (!command.source.empty() && command.key.empty()) std::swap(command.key, command.table);
  return command;
}

/// Before anything is sent: a script must not have to wait to learn that it lacks --yes.
Status check_selection(const LeasesCommand& command, const std::string& doing) {
  const int ways = (command.key.empty() ? 0 : 1) + (command.owner.empty() ? 0 : 1) + (command.all ? 1 : 0);
  if (ways != 1) {
    const std::string choice = doing == "release" ? "KEY, --owner or --all" : "KEY or --all";
    return std::unexpected(wrong(doing, "give one of " + choice));
  }
  if (!command.dry_run && !command.yes && (isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0)) {
    return std::unexpected(wrong(doing, "there is no terminal to ask at: confirm with --yes, or try --dry-run"));
  }
  return {};
}

std::string owners_text(std::span<const Lease> leases) {
  std::set<std::string> owners;
  for (const Lease& lease : leases) {
    if (!lease.owner.empty()) owners.insert(lease.owner);
  }
  constexpr std::size_t kMost = 3;
  if (owners.size() > kMost) return fmt::format("{} workers", owners.size());
  return fmt::format("{}", fmt::join(owners, ", "));
}

std::string question_of(const Plan& plan, const std::string& table) {
  std::string what = plan.doing + " " + leases_text(plan.leases.size()) + " of " + table;
  if (plan.action.kind == LeaseAction::Kind::kSetCheckpoint) what += " to " + plan.action.checkpoint;
  if (plan.action.kind == LeaseAction::Kind::kRemove) what += " (their rows are removed)";
  const std::string owners = owners_text(plan.leases);
  if (!owners.empty()) what += ", owned by " + owners + " (whoever lives writes on until its next renewal)";
  return what + "?";
}

struct Done {
  std::string key;
  jobs::LeaseActionResult result;
};

std::string to_json(const std::vector<Done>& all, const std::string& table, bool dry_run) {
  std::vector<std::string> leases;
  for (const Done& each : all) {
    leases.push_back(fmt::format(R"({{"key":{},"done":{},"said":{}}})", json_quoted(each.key), each.result.done,
                                 json_quoted(each.result.said)));
  }
  const auto done = std::ranges::count_if(all, [](const Done& each) { return each.result.done; });
  return fmt::format(R"({{"table":{},"dry_run":{},"leases":[{}],"done":{},"left_alone":{}}})"
                     "\n",
                     json_quoted(table), dry_run, fmt::join(leases, ","), done,
                     all.size() - static_cast<std::size_t>(done));
}

void show(const std::vector<Done>& all, const LeasesCommand& command, const std::string& table) {
  if (command.common.output == OutputFormat::kJson) {
    print(to_json(all, table, command.dry_run));
    return;
  }
  std::string text;
  for (const Done& each : all) text += printable(each.key + ": " + each.result.said) + "\n";
  print(text);
}

std::vector<Done> rehearse(const Plan& plan) {
  std::vector<Done> all;
  for (const Lease& lease : plan.leases) {
    std::string said = "would be released";
    if (plan.action.kind == LeaseAction::Kind::kSetCheckpoint) said = "would be set to " + plan.action.checkpoint;
    if (plan.action.kind == LeaseAction::Kind::kRemove) said = "would be removed";
    said += lease.owner.empty() ? " (nobody's" : " (" + lease.owner + "'s";
    all.push_back({.key = lease.key, .result = {.done = false, .said = said + ", at " + lease.checkpoint + ")"}});
  }
  return all;
}

async::Task<Status> act(jobs::LeaseActing acting, Lease lease, LeaseAction action, Done& done) {
  auto result = co_await jobs::act_on_lease(acting, std::move(lease), std::move(action));
  if (!result) co_return std::unexpected(std::move(result.error()));
  done.result = std::move(*result);
  co_return Status{};
}

/// Asks, if need be, and does it.
async::Task<ExitCode> carry_out(const LeasesCommand& command, Session& session, const LeaseTable& table, Plan plan) {
  const std::string name = table.store->describe();
  if (command.dry_run || plan.leases.empty()) {
    if (plan.leases.empty()) log::info("there is nothing to " + plan.doing, {{"table", name}});
    show(rehearse(plan), command, name);
    co_return ExitCode::kOk;
  }
  if (!command.yes) {
    const bool wanted = co_await answered_yes(session, question_of(plan, name));
    if (!wanted) {
      log::info("nothing was changed", {{"table", name}});
      co_return ExitCode::kStoppedEarly;
    }
  } else if (const std::string owners = owners_text(plan.leases); !owners.empty()) {
    log::warning("an owner that lives writes on until its next renewal", {{"owners", owners}});
  }
  session.work_begins(Session::Work::kToBeRepeated);
  std::vector<Done> all(plan.leases.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = {.key = plan.leases[i].key, .result = {.done = false, .said = "left alone: not tried"}};
  }
  const std::function<async::Task<Status>(std::size_t)> each = [&](std::size_t i) {
    return act({*table.store, system_clock(), session.random()}, plan.leases[i], plan.action, all[i]);
  };
  const auto ended = co_await jobs::for_each_in_parallel(all.size(), kAtOnce, each);
  show(all, command, name);
  if (!ended) co_return fail(ended.error());
  const auto left = std::ranges::count_if(all, [](const Done& done) { return !done.result.done; });
  if (left == 0) co_return ExitCode::kOk;
  co_return fail(Error{.error_class = ErrorClass::kConflict,
                       .doing = plan.doing + " leases of",
                       .resource = name,
                       .code = {},
                       .message = fmt::format("{} of {} were left alone, since workers changed them at the same "
                                              "moment; see what is said of each, and try again",
                                              left, all.size())});
}

async::Task<ExitCode> release(LeasesCommand command, Session& session) {
  const auto table = co_await open_lease_table(session, command);
  if (!table) co_return fail(table.error());
  const auto rows = co_await table->store->scan({});
  if (!rows) co_return fail(rows.error());
  const jobs::LeaseSelection selection{.key = command.key, .owner = command.owner, .all = command.all};
  auto selected = jobs::select_leases(rows->leases, selection, table->store->describe());
  if (!selected) co_return fail(selected.error());
  const bool named = !command.key.empty();
  std::erase_if(*selected, [named](const Lease& lease) { return lease.owner.empty() || (lease.done() && !named); });
  Plan plan{.action = {}, .leases = std::move(*selected), .doing = "release"};
  co_return co_await carry_out(command, session, *table, std::move(plan));
}

/// Whoever may be at work on these leases, as one line; nothing when nobody seems to be.
std::optional<Error> refusal_for(const jobs::LeaseReport& report, const std::vector<Lease>& selected, bool looked_twice,
                                 const std::string& table) {
  std::set<std::string> keys;
  for (const Lease& lease : selected) keys.insert(lease.key);
  std::vector<Lease> live;
  for (const jobs::LeaseLine& line : report.leases) {
    const bool at_work = !looked_twice || line.renewals > 0 || line.state == jobs::LeaseState::kRunning;
    if (at_work && !line.lease.owner.empty() && keys.contains(line.lease.key)) live.push_back(line.lease);
  }
  if (live.empty()) return std::nullopt;
  return Error{.error_class = ErrorClass::kConflict,
               .doing = "reset leases of",
               .resource = table,
               .code = {},
               .message = fmt::format("{} of {} are being worked on by {}; stop them first, or use --force",
                                      live.size(), selected.size(), owners_text(live))};
}

Result<LeaseAction> reset_action(const LeasesCommand& command) {
  if (command.remove) {
    return LeaseAction{.kind = LeaseAction::Kind::kRemove, .checkpoint = {}, .insist = command.force};
  }
  auto position = jobs::parse_reset_position(command.to);
  if (!position) return std::unexpected(std::move(position.error()));
  const bool is_number = position->find_first_not_of("0123456789") == std::string::npos;
  if (command.all && is_number) {
    return std::unexpected(wrong("reset", "a sequence number is one shard's: give its KEY in place of --all"));
  }
  return LeaseAction{
      .kind = LeaseAction::Kind::kSetCheckpoint, .checkpoint = std::move(*position), .insist = command.force};
}

async::Task<ExitCode> reset(LeasesCommand command, LeaseAction action, Session& session) {
  const auto table = co_await open_lease_table(session, command);
  if (!table) co_return fail(table.error());
  const std::string name = table->store->describe();
  if (command.force) command.watch_for = std::chrono::milliseconds(0);
  // A wrong key is said before anybody waits for the second look.
  const auto first = co_await table->store->scan({});
  if (!first) co_return fail(first.error());
  const jobs::LeaseSelection selection{.key = command.key, .all = command.all};
  auto selected = jobs::select_leases(first->leases, selection, name);
  if (!selected) co_return fail(selected.error());
  if (action.kind == LeaseAction::Kind::kSetCheckpoint) {
    const auto fit = jobs::check_positions(*selected, name);
    if (!fit) co_return fail(fit.error());
  }
  auto looks = co_await watch_leases(session, *table, command);
  if (!looks) co_return fail(looks.error());
  selected = jobs::select_leases(looks->second.leases, selection, name);
  if (!selected) co_return fail(selected.error());
  const bool looked_twice = looks->first.has_value();
  const auto report = jobs::report_leases(std::move(*looks));
  if (!command.force) {
    if (auto refused = refusal_for(report, *selected, looked_twice, name)) co_return fail(*refused);
  }
  Plan plan{.action = std::move(action), .leases = std::move(*selected), .doing = "reset"};
  co_return co_await carry_out(command, session, *table, std::move(plan));
}

}  // namespace

ExitCode run_leases_release(const LeasesCommand& command) {
  const LeasesCommand asked = with_words_in_place(command);
  if (const auto fit = check_selection(asked, "release"); !fit) return fail(fit.error());
  return run_in_session(asked.common, [&](Session& session) { return release(asked, session); });
}

ExitCode run_leases_reset(const LeasesCommand& command) {
  const LeasesCommand asked = with_words_in_place(command);
  const auto action = reset_action(asked);
  if (!action) return fail(action.error());
  if (const auto fit = check_selection(asked, "reset"); !fit) return fail(fit.error());
  return run_in_session(asked.common, [&](Session& session) { return reset(asked, *action, session); });
}

}  // namespace dynamirror::app
