// SPDX-License-Identifier: Apache-2.0
#include "app/options/work_share.hpp"

#include <charconv>
#include <string>

namespace dynamirror::app {
namespace {

Result<std::uint32_t> read_number(const std::string& name, const std::string& text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return failure(ErrorClass::kInvalid, "read environment variable", name, "\"" + text + "\" is no number");
}

Result<WorkShare> checked(WorkShare share, const std::string& what) {
  if (share.count > 0 && share.index < share.count) return share;
  return failure(ErrorClass::kInvalid, "share the work", what,
                 "segment " + std::to_string(share.index) + " of " + std::to_string(share.count) +
                     " does not exist; segments are counted from 0");
}

}  // namespace

Result<WorkShare> work_share(std::uint32_t segment, std::uint32_t segments, const aws::Environment& environment) {
  if (segments > 0) return checked({segment, segments}, "--segment");
  struct Names {
    std::string index;
    std::string count;
  };
  for (const Names& names : {Names{"JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"},
                             Names{"AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"}}) {
    const auto index_text = environment.variable(names.index);
    const auto count_text = environment.variable(names.count);
    if (!index_text) continue;
    if (!count_text) {
      // Taking the whole table would do all the work once for each process.
      return failure(ErrorClass::kInvalid, "share the work", names.index,
                     "it is set, but " + names.count + " is not: pass the number of processes on in it, or give " +
                         "--segment and --segments (0 and 1 for the whole table)");
    }
    const auto index = read_number(names.index, *index_text);
    if (!index) return std::unexpected(index.error());
    const auto count = read_number(names.count, *count_text);
    if (!count) return std::unexpected(count.error());
    return checked({*index, *count}, names.index);
  }
  return WorkShare{};
}

}  // namespace dynamirror::app
