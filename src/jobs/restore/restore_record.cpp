// SPDX-License-Identifier: Apache-2.0
#include "jobs/restore/restore_record.hpp"

#include <utility>

#include "aws/dynamodb/item_condition.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "jobs/item_backup/incremental_record.hpp"
#include "jobs/item_backup/record_history.hpp"
#include "model/key_canonicalizer.hpp"
#include "tables/diff_table.hpp"

namespace dynamirror::jobs {

bool RecordRestore::nothing_to_do() const { return RecordPair{now, wanted}.equal(); }

async::Task<Result<RecordRestore>> plan_record_restore(TableSide& target, objects::ObjectStore& store,
                                                       sink::ItemObjects& names, std::string key, WallTime moment) {
  auto object = names.of(key);
  if (!object) co_return std::unexpected(std::move(object.error()));
  const std::string address = store.describe(object->name);
  auto history = co_await record_history(store, std::move(*object));
  if (!history) co_return std::unexpected(std::move(history.error()));
  const RecordState* state = state_at(*history, moment);
  if (state == nullptr) {
    co_return failure(ErrorClass::kNotFound, "restore record", address,
                      history->empty()
                          ? "the backup has never held this record"
                          : "the backup knows nothing of this record before " + format_time(history->back().since));
  }
  if (!state->unreadable.empty()) {
    co_return failure(ErrorClass::kInvalid, "restore record", address, state->unreadable);
  }
  if (state->item) {
    model::KeyCanonicalizer keys(names.key());
    if (auto same = keys.check_item(key, *state->item); !same) {
      same.error().resource = address;
      co_return std::unexpected(std::move(same.error()));
    }
  }
  const aws::GetItemOptions consistent;
  auto now = co_await target.dynamodb().get_item(target.address().table, key, consistent);
  if (!now) co_return std::unexpected(std::move(now.error()));
  co_return RecordRestore{std::move(key), std::move(now->item), state->item, state->since};
}

std::string describe(const RecordRestore& plan) {
  if (plan.nothing_to_do()) {
    return plan.key + ": the table holds it as it was since " + format_time(plan.since) + "; nothing to do\n";
  }
  return plan.key + "\n  now:    " + json_on_one_line(plan.now.value_or("not there")) +
         "\n  wanted: " + json_on_one_line(plan.wanted.value_or("deleted")) + " (since " + format_time(plan.since) +
         ")\n";
}

async::Task<Status> apply_record_restore(TableSide& target, const model::KeySchema& key, const RecordRestore& plan,
                                         const Clock& clock, Random& random) {
  auto condition = plan.now ? aws::still_as(*plan.now, plan.wanted.value_or(""))
                            : Result<aws::ItemCondition>(aws::still_absent(key));
  if (!condition) co_return std::unexpected(std::move(condition.error()));
  DiffTable table({.table = target.address().table}, target.dynamodb(), clock, random);
  Status written;
  if (plan.wanted) {
    written = co_await table.put(*plan.wanted, std::move(*condition));
  } else {
    written = co_await table.remove(plan.key, std::move(*condition));
  }
  if (!written && written.error().error_class == ErrorClass::kConflict) {
    written.error().message = "it is not as it was shown any more; nothing was written, look again";
  }
  co_return written;
}

}  // namespace dynamirror::jobs
