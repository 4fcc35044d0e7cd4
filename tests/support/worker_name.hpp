// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace dynamirror::support {

/// The name of a worker of ours, in the form that others know it by.
inline std::string worker_name(const std::string& name) { return "dynamirror-" + name + "-1-00000000000000aa"; }

}  // namespace dynamirror::support
