// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "sink/both_tables.hpp"
#include "sink/impl/conditional_writer.hpp"
#include "sink/impl/item_reader.hpp"

namespace dynamirror::sink {

/// Reads of both tables, and writes of the replica, within their budgets.
struct BothTablesAccess {
  BothTablesAccess(BothTablesOptions options_in, const BothTablesParts& parts_in)
      : options(std::move(options_in)),
        parts(parts_in),
        replica({.table = options.replica, .key = options.key, .max_read_units = options.max_read_units}, parts.replica,
                parts.clock, parts.random),
        primary({.table = options.primary, .key = options.key, .max_read_units = options.max_read_units}, parts.primary,
                parts.clock, parts.random),
        writer(options.replica, options.max_write_units, parts.replica, parts.clock) {}

  const BothTablesOptions options;
  const BothTablesParts parts;
  ItemReader replica;
  ItemReader primary;
  ConditionalWriter writer;
};

}  // namespace dynamirror::sink
