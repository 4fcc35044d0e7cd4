// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "async/cpu_pool.hpp"
#include "aws/content_hash.hpp"
#include "jobs/restore/restore_plan.hpp"
#include "objects/gzip.hpp"
#include "objects/object_store.hpp"

namespace dynamirror::jobs {

/// Reads an object of lines piece by piece, gzip or plain, and checks it against what is known of it.
/// Memory: one piece as stored and unpacked. Not thread-safe.
class LinesReader {
 public:
  /// REQUIRES: all outlive the reader.
  LinesReader(const RestorePart& part, objects::ObjectStore& store, async::CpuPool& pool);

  /// The next whole lines, each with its line break (but for a last line without one); empty at the end.
  /// Errors: class invalid for an object that is cut off, damaged or not what its manifest says (at the end, when its
  /// lines have been given already); those of the store.
  [[nodiscard]] async::Task<Result<std::string>> next();

 private:
  [[nodiscard]] async::Task<Result<std::string>> fetch();
  [[nodiscard]] async::Task<Result<std::string>> next_text();
  [[nodiscard]] Status check_end();
  [[nodiscard]] std::string without_mark(std::string lines);
  [[nodiscard]] std::unexpected<Error> damaged(std::string message) const;

  const RestorePart& part_;
  objects::ObjectStore& store_;
  async::CpuPool& pool_;
  std::optional<std::uint64_t> size_;
  std::uint64_t offset_ = 0;
  bool begun_ = false;
  std::optional<objects::GzipReader> gzip_;  ///< nothing for a plain text
  bool ended_ = false;
  bool gave_lines_ = false;
  std::string rest_;  ///< the beginning of a line whose end is still to come
  aws::ContentHash hash_;
  aws::ContentHash md5_{aws::ContentHash::Kind::kMd5};
};

}  // namespace dynamirror::jobs
