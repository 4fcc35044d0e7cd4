// SPDX-License-Identifier: Apache-2.0
#include "app/cli/conflicts_command.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "app/report/conflict_listing.hpp"
#include "app/session/session.hpp"
#include "app/session/store_session.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "jobs/conflicts/list_conflicts.hpp"
#include "jobs/conflicts/put_back.hpp"
#include "jobs/conflicts/shared_table.hpp"
#include "model/key_argument.hpp"

namespace dynamirror::app {
namespace {

/// The table as the user named it, and the key in canonical form.
struct Meant {
  std::unique_ptr<jobs::TableSide> side;
  std::optional<jobs::SharedTable> table{};
  std::string key{};  ///< empty: all
};

async::Task<Result<Meant>> open(const ConflictsCommand& command, Session& session) {
  auto side = session.open_side(command.table, command.side);
  if (!side) co_return std::unexpected(std::move(side.error()));
  Meant meant{.side = std::move(*side)};
  auto table = co_await jobs::SharedTable::open(*meant.side, system_clock(), session.random());
  if (!table) co_return std::unexpected(std::move(table.error()));
  meant.table.emplace(std::move(*table));
  if (!command.key.empty()) {
    auto key = model::parse_key_argument(command.key, meant.table->key());
    if (!key) co_return std::unexpected(std::move(key.error()));
    meant.key = std::move(*key);
  }
  co_return meant;
}

async::Task<Result<std::vector<jobs::ConflictLine>>> find_lines(Meant& meant, std::optional<WallTime> since,
                                                                Session& session) {
  if (meant.key.empty()) {
    const jobs::ListParts parts{system_clock(), session.random(), session.stop(), session.executor()};
    co_return co_await jobs::list_conflicts(*meant.table, since, parts);
  }
  auto rows = co_await meant.table->conflicts(meant.key);
  if (!rows) co_return std::unexpected(std::move(rows.error()));
  std::vector<jobs::ConflictLine> lines;
  for (sink::ConflictRow& row : *rows) {
    if (!since || row.noted >= format_time(*since)) lines.push_back(jobs::line_of(std::move(row)));
  }
  co_return lines;
}

async::Task<ExitCode> list(const ConflictsCommand& command, Session& session) {
  std::optional<WallTime> since;
  if (!command.since.empty()) {
    const auto moment = parse_moment(command.since);
    if (!moment) co_return fail(moment.error());
    since = *moment;
  }
  auto meant = co_await open(command, session);
  if (!meant) co_return fail(meant.error());
  const auto lines = co_await find_lines(*meant, since, session);
  if (!lines) co_return fail(lines.error());
  print(command.common.output == OutputFormat::kJson ? to_json(*lines) : to_text(*lines));
  co_return ExitCode::kOk;
}

async::Task<ExitCode> show(const ConflictsCommand& command, Session& session) {
  auto meant = co_await open(command, session);
  if (!meant) co_return fail(meant.error());
  const auto rows = co_await meant->table->conflicts(meant->key);
  if (!rows) co_return fail(rows.error());
  const bool json = command.common.output == OutputFormat::kJson;
  if (rows->empty() && !json) print("no conflicts\n");
  for (const sink::ConflictRow& row : *rows) print(json ? to_json(row) : to_text(row));
  co_return ExitCode::kOk;
}

/// The command with what it means, and in what it runs.
struct Order {
  const ConflictsCommand& command;
  Session& session;
  Meant& meant;
};

async::Task<ExitCode> carry_out(Order order, const jobs::PutBack& put_back) {
  const ConflictsCommand& command = order.command;
  if (put_back.needed && !command.dry_run) {
    order.session.work_begins(Session::Work::kToBeRepeated);
    jobs::SharedTable::Write write = put_back.write;
    auto written = co_await order.meant.table->write(std::move(write));
    if (!written) co_return fail(written.error());
  }
  const bool json = command.common.output == OutputFormat::kJson;
  print(json ? to_json(put_back, command.dry_run) : to_text(put_back, command.dry_run));
  co_return ExitCode::kOk;
}

async::Task<ExitCode> take(const ConflictsCommand& command, Session& session) {
  auto meant = co_await open(command, session);
  if (!meant) co_return fail(meant.error());
  const auto plan = co_await jobs::plan_take(*meant->table, meant->key, command.loser);
  if (!plan) co_return fail(plan.error());
  const Order order{command, session, *meant};
  co_return co_await carry_out(order, *plan);
}

async::Task<ExitCode> undelete(const ConflictsCommand& command, Session& session) {
  auto meant = co_await open(command, session);
  if (!meant) co_return fail(meant.error());
  const auto plan = co_await jobs::plan_undelete(*meant->table, meant->key);
  if (!plan) co_return fail(plan.error());
  const Order order{command, session, *meant};
  co_return co_await carry_out(order, *plan);
}

}  // namespace

ExitCode run_conflicts_list(const ConflictsCommand& command) {
  return run_in_session(command.common, [&](Session& session) { return list(command, session); });
}
ExitCode run_conflicts_show(const ConflictsCommand& command) {
  return run_in_session(command.common, [&](Session& session) { return show(command, session); });
}
ExitCode run_conflicts_take(const ConflictsCommand& command) {
  return run_in_session(command.common, [&](Session& session) { return take(command, session); });
}
ExitCode run_undelete(const ConflictsCommand& command) {
  return run_in_session(command.common, [&](Session& session) { return undelete(command, session); });
}

}  // namespace dynamirror::app
