// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "sqlite/sqlite.hpp"

namespace dynamirror::state {

// What a state file knows by name, each in a word: too little for tables of their own.
inline constexpr std::string_view kSourceIdFact = "source id";
inline constexpr std::string_view kTargetIdFact = "target id";
inline constexpr std::string_view kReadUntilFact = "read until";    ///< seconds since 1970
inline constexpr std::string_view kScanSpoolFact = "scan's spool";  ///< of a state file: where its changes are
inline constexpr std::string_view kSpoolIdFact = "spool id";        ///< of a spool: its own

/// Empty when it is not known.
[[nodiscard]] sqlite::Answer<std::string> read_fact(const sqlite::Database& database, std::string_view name);
[[nodiscard]] sqlite::Answer<> write_fact(const sqlite::Database& database, std::string_view name,
                                          std::string_view value);

}  // namespace dynamirror::state
