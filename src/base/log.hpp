// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace dynamirror::log {

enum class Level { kDebug, kInfo, kWarning, kError, kOff };
enum class Format { kText, kJson };

/// A named value beside the message. The value is text already: there is no overload for `Secret`, on purpose.
struct Field {
  std::string_view name;
  std::string value;
};

/// Sets up logging on stderr; before it, only warnings and errors are written, as text. Call once, at start.
void configure(Level level, Format format);

/// True when a line of this level would be written: to skip building costly fields.
[[nodiscard]] bool enabled(Level level);

/// Writes one line: "2026-01-01T00:00:00.000Z info message name=value", or one JSON object. Thread-safe.
void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});

inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::kDebug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::kInfo, message, fields);
}
inline void warning(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::kWarning, message, fields);
}
inline void error(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::kError, message, fields);
}

}  // namespace dynamirror::log
