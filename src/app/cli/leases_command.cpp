// SPDX-License-Identifier: Apache-2.0
// What shows leases. What changes them is in leases_write_command.cpp.
#include "app/cli/leases_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "app/cli/lease_table.hpp"
#include "app/report/lease_listing.hpp"
#include "app/session/session.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "coordination/lease_row.hpp"
#include "jobs/fleet/lease_lag.hpp"
#include "json/reader.hpp"
#include "source/kinesis_stream.hpp"
#include "source/table_stream.hpp"

namespace dynamirror::app {
namespace {

async::Task<Status> add_lags_of_table(Session& session, const LeasesCommand& command, jobs::LeaseReport& report) {
  auto side = session.open_side(command.stream_of, command.stream_side);
  if (!side) co_return std::unexpected(std::move(side.error()));
  const auto table = co_await (*side)->dynamodb().describe_table((*side)->address().table);
  if (!table) co_return std::unexpected(table.error());
  auto arn = source::find_stream(*table, (*side)->display());
  if (!arn) co_return std::unexpected(std::move(arn.error()));
  const source::TableStream stream{(*side)->streams(), std::move(*arn), table->key};
  const jobs::LagParts parts{stream, system_clock(), session.random()};
  co_await jobs::measure_lags(parts, report);
  co_return Status{};
}

/// Of a record only its time counts, not of which table it tells.
async::Task<Status> add_lags_of_kinesis(Session& session, const LeasesCommand& command, jobs::LeaseReport& report) {
  auto side = session.open_stream_side(command.changes.address, command.changes.side);
  if (!side) co_return std::unexpected(std::move(side.error()));
  source::KinesisStream::Options options{.format = {}};
  const auto stream = co_await source::KinesisStream::open((*side)->client(), std::move(options));
  if (!stream) co_return std::unexpected(stream.error());
  const jobs::LagParts parts{**stream, system_clock(), session.random()};
  co_await jobs::measure_lags(parts, report);
  co_return Status{};
}

async::Task<ExitCode> list(LeasesCommand command, Session& session) {
  const auto table = co_await open_lease_table(session, command);
  if (!table) co_return fail(table.error());
  auto looks = co_await watch_leases(session, *table, command);
  if (!looks) co_return fail(looks.error());
  LeaseListing listing{.table = table->store->describe(), .report = {}};
  if (looks->first) listing.watched = looks->apart;
  if (table->side) listing.read_units = table->store->statistics().read_units;
  listing.report = jobs::report_leases(std::move(*looks));
  Status measured;
  if (!command.stream_of.empty()) measured = co_await add_lags_of_table(session, command, listing.report);
  if (command.changes.wanted()) measured = co_await add_lags_of_kinesis(session, command, listing.report);
  if (!measured) co_return fail(measured.error());
  print(command.common.output == OutputFormat::kJson ? to_json(listing) : to_text(listing));
  co_return ExitCode::kOk;
}

std::string text_of(const std::vector<jobs::LeaseAttribute>& attributes) {
  std::size_t width = 0;
  for (const auto& attribute : attributes) width = std::max(width, attribute.name.size() + attribute.type.size() + 3);
  std::string text;
  for (const auto& attribute : attributes) {
    const std::string name = printable(attribute.name + " (" + attribute.type + ")");
    text += fmt::format("{:<{}}  {}\n", name, width, printable(attribute.value));
    const bool known = !attribute.meaning.empty();
    text += fmt::format("{:<{}}  {}\n", "", width,
                        known ? printable(attribute.meaning) : "(not known to dynamirror; left as it is)");
  }
  return text;
}

async::Task<ExitCode> show(LeasesCommand command, Session& session) {
  const auto table = co_await open_lease_table(session, command);
  if (!table) co_return fail(table.error());
  const auto row = co_await table->row(command.key);
  if (!row) co_return fail(row.error());
  if (!*row) {
    co_return fail(Error{.error_class = ErrorClass::kNotFound,
                         .doing = "find lease " + command.key,
                         .resource = table->store->describe(),
                         .code = {},
                         .message = "there is no such row; `dynamirror leases list` shows all leases"});
  }
  const auto attributes = jobs::explain_row(**row);
  if (!attributes) co_return fail(attributes.error());
  json::Reader reader;
  const bool is_lease = coordination::parse_lease_row(**row, reader).has_value();
  if (command.common.output == OutputFormat::kJson) {
    print(fmt::format(R"({{"table":{},"key":{},"is_lease":{},"item":{}}})"
                      "\n",
                      json_quoted(table->store->describe()), json_quoted(command.key), is_lease,
                      json_on_one_line(**row)));
  } else {
    print(text_of(*attributes) + (is_lease ? "" : "This row is no lease that KCL or dynamirror would read.\n"));
  }
  co_return ExitCode::kOk;
}

}  // namespace

ExitCode run_leases_list(const LeasesCommand& command) {
  return run_in_session(command.common, [&](Session& session) { return list(command, session); });
}

ExitCode run_leases_show(const LeasesCommand& command) {
  LeasesCommand asked = command;
  // With --source and --target there is no TABLE, and the one word is the key.
  if (!asked.source.empty() && asked.key.empty()) std::swap(asked.key, asked.table);
  if (asked.key.empty()) {
    return fail(Error{.error_class = ErrorClass::kInvalid,
                      .doing = "show a lease",
                      .resource = {},
                      .code = {},
                      .message = "give its KEY; `dynamirror leases list` shows all"});
  }
  return run_in_session(asked.common, [&](Session& session) { return show(asked, session); });
}

}  // namespace dynamirror::app
