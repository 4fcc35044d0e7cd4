// SPDX-License-Identifier: Apache-2.0
#include "jobs/prepare/make_table.hpp"

#include <string>
#include <vector>

#include "base/log.hpp"

namespace dynamirror::jobs {

async::Task<Result<aws::TableDescription>> once_usable(TableSide& side, aws::TableDescription table) {
  if (table.usable()) co_return table;
  log::info("waiting for the table to become usable", {{"table", side.display()}, {"status", table.status}});
  const aws::WaitOptions wait;
  co_return co_await side.dynamodb().wait_until_usable(side.address().table, wait);
}

async::Task<Result<aws::TableDescription>> make_table_like(TableSide& side, const aws::TableDescription& model) {
  log::info("creating the target table", {{"table", side.display()}});
  const aws::CreateTableSpec spec = aws::create_spec_from(model, side.address().table);
  const aws::WaitOptions wait;
  co_return co_await side.dynamodb().ensure_table(spec, wait);
}

void say_what_is_left_out(const TableSide& side, const aws::TableDescription& model) {
  std::vector<std::string> left_out = aws::left_out_settings(model);
  if (model.stream.enabled) left_out.push_back("stream of " + model.stream.view_type);
  std::string list;
  for (const std::string& what : left_out) list += (list.empty() ? "" : ", ") + what;
  log::warning("settings that are not taken over: set on the new table what you need",
               {{"table", side.display()},
                {"not_set", list.empty() ? "nothing that the source's description names" : list},
                {"not_looked_at",
                 "time to live, tags, point-in-time recovery, resource policy, contributor insights, Kinesis "
                 "destination, scaling"}});
}

}  // namespace dynamirror::jobs
