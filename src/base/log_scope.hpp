// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace dynamirror::log {

/// The name of a piece of work, where several write to one log. Null: none.
using ScopeName = const std::string*;

/// Keeps a name for as long as the process lives: handlers of the work may run after its end. Null for an empty one.
/// Thread-safe.
[[nodiscard]] ScopeName scope_name(const std::string& name);

/// While it lives, every log line that its thread writes says whose it is: "... info [scope] message ...", in JSON
/// by the member "scope".
class Scope {
 public:
  explicit Scope(ScopeName name);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  ScopeName outer_;
};

}  // namespace dynamirror::log
