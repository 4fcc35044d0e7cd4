// SPDX-License-Identifier: Apache-2.0
// One record in a table and in its incremental backup.
#include <fmt/format.h>

#include "app/cli/backup_commands.hpp"
#include "app/report/old_words.hpp"
#include "app/session/session.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "jobs/item_backup/incremental_record.hpp"
#include "jobs/item_backup/item_folder.hpp"
#include "jobs/item_backup/record_history.hpp"
#include "model/key_argument.hpp"

namespace dynamirror::app {
namespace {

/// A record as the user named it: where it is in the table, and under which names its object may stand.
struct Record {
  std::unique_ptr<jobs::TableSide> table;
  std::unique_ptr<objects::ObjectStore> store;
  std::string key;  ///< canonical
  sink::ItemObject object;
};

/// Of a table that is gone its key is found where its items were kept, or told by the wire form of the user's.
async::Task<Result<model::KeySchema>> key_of_the_gone(const RecordCommand& command, const Record& record,
                                                      const std::string& folder) {
  auto key = co_await jobs::find_item_key(*record.store, folder);
  if (!key) co_return std::unexpected(std::move(key.error()));
  if (*key) co_return std::move(**key);
  co_return model::schema_of_wire_key(command.key);
}

enum class OfGone { kRefuse, kAccept };  ///< tables

async::Task<Result<Record>> open_record(const RecordCommand& command, Session& session, OfGone of_gone) {
  Record record;
  auto table = session.open_side(command.table, command.table_side);
  if (!table) co_return std::unexpected(std::move(table.error()));
  record.table = std::move(*table);
  auto store = session.open_store(command.url, command.store);
  if (!store) co_return std::unexpected(std::move(store.error()));
  record.store = std::move(*store);
  auto description = co_await record.table->dynamodb().describe_table(record.table->address().table);
  const bool gone = !description && description.error().error_class == ErrorClass::kNotFound;
  if (!description && !(gone && of_gone == OfGone::kAccept)) {
    co_return std::unexpected(std::move(description.error()));
  }
  const std::string name = gone ? record.table->address().table.str() : description->name.str();
  auto folder = co_await jobs::find_item_folder(*record.store, name);
  if (!folder) co_return std::unexpected(std::move(folder.error()));
  Result<model::KeySchema> schema;
  if (gone) {
    schema = co_await key_of_the_gone(command, record, *folder);
  } else {
    schema = std::move(description->key);
  }
  if (!schema) co_return std::unexpected(std::move(schema.error()));
  auto key = model::parse_key_argument(command.key, *schema);
  if (!key) co_return std::unexpected(std::move(key.error()));
  record.key = std::move(*key);
  sink::ItemObjects names(std::move(*folder), std::move(*schema));
  auto object = names.of(record.key);
  if (!object) co_return std::unexpected(std::move(object.error()));
  record.object = std::move(*object);
  co_return record;
}

std::string or_null(const std::optional<std::string>& item) { return item ? json_on_one_line(*item) : "null"; }

async::Task<ExitCode> diff(const RecordCommand& command, Session& session) {
  auto record = co_await open_record(command, session, OfGone::kRefuse);
  if (!record) co_return fail(record.error());
  auto pair = co_await jobs::compare_record(*record->table, *record->store, record->object, record->key);
  if (!pair) co_return fail(pair.error());
  const bool equal = pair->equal();
  if (command.common.output == OutputFormat::kJson) {
    print(fmt::format(R"({{"key":{},"equal":{},"table":{},"backup":{}}})"
                      "\n",
                      record->key, equal, or_null(pair->table), or_null(pair->backup)));
  } else if (equal) {
    print(pair->table ? "equal: the backup holds the record as it is in the table\n"
                      : "equal: the record is neither in the table nor in the backup\n");
  } else {
    const char* word = !pair->backup ? "[missing]" : !pair->table ? "[extraneous]" : "[different]";
    print(fmt::format("{} {}\n  table:  {}\n  backup: {}\n", word, record->key, or_null(pair->table),
                      or_null(pair->backup)));
  }
  if (command.old_words && command.common.output != OutputFormat::kJson) print(std::string(old_verdict(equal)));
  co_return equal ? ExitCode::kOk : ExitCode::kDifferent;
}

void print_backed_up(const RecordCommand& command, const std::string& key, const std::string& object,
                     const std::optional<std::string>& item) {
  if (command.common.output == OutputFormat::kJson) {
    print(fmt::format(R"({{"key":{},"object":{},"dry_run":{},"item":{}}})"
                      "\n",
                      key, json_quoted(object), command.dry_run, or_null(item)));
  } else if (command.dry_run) {
    print(fmt::format("would {} {}\n", item ? "write" : "remove", object));
  } else {
    print(fmt::format("{} {}\n{}", item ? "written:" : "removed:", object, item ? *item + "\n" : ""));
  }
}

async::Task<ExitCode> back_up(const RecordCommand& command, Session& session) {
  auto record = co_await open_record(command, session, OfGone::kRefuse);
  if (!record) co_return fail(record.error());
  auto pair = co_await jobs::compare_record(*record->table, *record->store, record->object, record->key);
  if (!pair) co_return fail(pair.error());
  const std::string address = record->store->describe(record->object.name);
  if (command.dry_run) {
    print_backed_up(command, record->key, address, pair->table);
    co_return ExitCode::kOk;
  }
  session.work_begins(Session::Work::kToBeRepeated);
  auto update = co_await jobs::write_item_object(*record->table, *record->store, record->object, record->key,
                                                 std::move(pair->table), true);
  if (!update) co_return fail(update.error());
  print_backed_up(command, record->key, address, update->item);
  co_return ExitCode::kOk;
}

async::Task<ExitCode> history(const RecordCommand& command, Session& session) {
  auto record = co_await open_record(command, session, OfGone::kAccept);
  if (!record) co_return fail(record.error());
  auto states = co_await jobs::record_history(*record->store, record->object);
  if (!states) co_return fail(states.error());
  if (states->empty()) log::info("no state of this record was ever stored", {{"key", record->key}});
  for (const jobs::RecordState& state : *states) {
    const std::string since = format_time(state.since);
    if (command.common.output == OutputFormat::kJson) {
      print(fmt::format(R"({{"since":{},"version":{},"deleted":{},"item":{},"unreadable":{}}})"
                        "\n",
                        json_quoted(since), json_quoted(state.version_id), !state.item && state.unreadable.empty(),
                        or_null(state.item), state.unreadable.empty() ? "null" : json_quoted(state.unreadable)));
    } else {
      const std::string what = state.item                 ? json_on_one_line(*state.item)
                               : state.unreadable.empty() ? "deleted"
                                                          : printable(state.unreadable);
      print(command.old_words ? fmt::format("\nModified: {}\n{:->34}\n{}\n\n", since, "", what)
                              : fmt::format("{}  {}\n", since, what));
    }
  }
  co_return ExitCode::kOk;
}

}  // namespace

ExitCode run_incremental_diff_record(const RecordCommand& command) {
  return run_in_session(command.common, [&](Session& session) { return diff(command, session); });
}
ExitCode run_incremental_backup_record(const RecordCommand& command) {
  return run_in_session(command.common, [&](Session& session) { return back_up(command, session); });
}
ExitCode run_record_history(const RecordCommand& command) {
  return run_in_session(command.common, [&](Session& session) { return history(command, session); });
}

}  // namespace dynamirror::app
