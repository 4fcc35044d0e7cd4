// SPDX-License-Identifier: Apache-2.0
#include "jobs/make_table.hpp"

#include "base/log.hpp"

namespace dynamirror::jobs {

async::Task<Result<aws::TableDescription>> once_usable(TableSide& side, aws::TableDescription found) {
  if (found.usable()) co_return found;
  log::info("waiting for the table to become usable", {{"table", side.display()}, {"status", found.status}});
  const aws::WaitOptions wait;
  co_return co_await side.dynamodb().wait_until_usable(side.address().table, wait);
}

async::Task<Result<aws::TableDescription>> make_table_like(TableSide& side, const aws::TableDescription& model) {
  log::info("creating the target table", {{"table", side.display()}});
  const aws::CreateTableSpec spec = aws::create_spec_from(model, side.address().table);
  const aws::WaitOptions wait;
  co_return co_await side.dynamodb().ensure_table(spec, wait);
}

}  // namespace dynamirror::jobs
