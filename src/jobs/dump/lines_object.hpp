// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "async/cpu_pool.hpp"
#include "async/semaphore.hpp"
#include "aws/content_hash.hpp"
#include "objects/object_store.hpp"

namespace dynamirror::jobs {

enum class Compression { kGzip, kNone };

/// What stands in one finished object of lines.
struct LinesObjectTotals {
  std::string key;
  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;         ///< of the lines, their line breaks included
  std::uint64_t stored_bytes = 0;  ///< of the object
  std::string sha256;              ///< of the object, in hex
};

/// Writes lines into one object, compressing on other threads: each few MiB become a gzip member, and members one after
/// the other are one gzip file. Lines keep no order among several writers.
///
/// Memory: what `add` is given, one buffer, what is being compressed, and the upload's parts. Nothing is visible before
/// `finish`. Not thread-safe: lives on one event loop; several `add`s may be under way at once.
class LinesObject {
 public:
  struct Options {
    std::string key;
    Compression compression = Compression::kGzip;
    std::size_t chunk_bytes = 4u << 20;  ///< compressed at once
  };

  /// REQUIRES: store and pool outlive the object.
  [[nodiscard]] static async::Task<Result<std::unique_ptr<LinesObject>>> start(Options options,
                                                                               objects::ObjectStore& store,
                                                                               async::CpuPool& pool);

  /// `lines`: `count` lines, each with its line break.
  [[nodiscard]] async::Task<Status> add(std::string lines, std::uint64_t count);
  [[nodiscard]] async::Task<Result<LinesObjectTotals>> finish();
  [[nodiscard]] async::Task<Status> abort() { return upload_->abort(); }
  /// So far; without `sha256`.
  [[nodiscard]] const LinesObjectTotals& totals() const { return totals_; }

 private:
  LinesObject(Options options, std::unique_ptr<objects::Upload> upload, async::CpuPool& pool);
  [[nodiscard]] async::Task<Status> store(std::string chunk);

  Options options_;
  std::unique_ptr<objects::Upload> upload_;
  async::CpuPool& pool_;
  async::Semaphore compressing_{2};  ///< one chunk may be compressed while another is sent
  async::Semaphore sending_{1};      ///< an upload takes one piece after the other
  std::string buffer_;
  aws::ContentHash hash_;
  LinesObjectTotals totals_;
};

}  // namespace dynamirror::jobs
