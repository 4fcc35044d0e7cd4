// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <utility>

#include "base/clock.hpp"
#include "base/console.hpp"
#include "base/log_scope.hpp"
#include "base/text.hpp"

namespace dynamirror::log {
namespace {

std::atomic<Level> g_level{Level::kWarning};
std::atomic<Format> g_format{Format::kText};
thread_local ScopeName g_scope = nullptr;

std::string_view to_string(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
    case Level::kOff:
      return "off";
  }
  return "off";
}

/// "2026-01-01T00:00:00.000Z"
std::string time_text(WallTime now) {
  const auto time = std::chrono::floor<std::chrono::milliseconds>(now);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", seconds, (time - seconds).count());
}

/// A value is quoted in text form only where a reader could not tell where it ends.
std::string quoted_if_needed(const std::string& value) {
  const bool plain = !value.empty() && value.find_first_of(" \t\n\r\"=") == std::string::npos;
  return plain ? value : json_quoted(value);
}

}  // namespace

void configure(Level level, Format format) {
  g_format = format;
  g_level = level;
}

bool enabled(Level level) { return level != Level::kOff && level >= g_level; }

ScopeName scope_name(const std::string& name) {
  static std::mutex mutex;
  static std::set<std::string> names;  // nodes stay where they are
  if (name.empty()) return nullptr;
  const std::scoped_lock lock(mutex);
  return &*names.insert(name).first;
}

Scope::Scope(ScopeName name) : outer_(std::exchange(g_scope, name)) {}
Scope::~Scope() { g_scope = outer_; }

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  const std::string time = time_text(system_clock().wall_now());
  std::string line;
  if (g_format == Format::kJson) {
    const std::string scope = g_scope == nullptr ? "" : fmt::format(R"("scope":{},)", json_quoted(*g_scope));
    line = fmt::format(R"({{"time":"{}","level":"{}",{}"message":{})", time, to_string(level), scope,
                       json_quoted(message));
    for (const Field& field : fields) line += fmt::format(",{}:{}", json_quoted(field.name), json_quoted(field.value));
    line += '}';
  } else {
    const std::string scope = g_scope == nullptr ? "" : fmt::format("[{}] ", *g_scope);
    line = fmt::format("{} {} {}{}", time, to_string(level), scope, message);
    for (const Field& field : fields) line += fmt::format(" {}={}", field.name, quoted_if_needed(field.value));
  }
  console::say(line);
}

}  // namespace dynamirror::log
