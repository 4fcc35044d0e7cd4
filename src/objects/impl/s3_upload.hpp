// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "objects/object_store.hpp"
#include "objects/s3_store.hpp"

namespace dynamirror::objects {

/// How large a part is, by its number (from 1): 8 MiB, doubled every 1,000 parts, so that small objects cost little
/// memory and 10,000 parts, S3's limit, hold more than its largest object (5 TB).
[[nodiscard]] std::size_t part_size(int number);

/// One object, sent in parts once it is larger than the first of them. Parts of at most 128 MiB together, and at most
/// four, are under way at once; one part may be larger. Not thread-safe; dropped unfinished, it aborts in the
/// background.
class S3Upload final : public Upload {
 public:
  S3Upload(std::shared_ptr<S3Access> access, std::string key, aws::S3Client::ContentKind kind,
           boost::asio::any_io_executor executor);
  ~S3Upload() override;
  S3Upload(const S3Upload&) = delete;
  S3Upload& operator=(const S3Upload&) = delete;

  /// Errors: of any part sent so far; the upload is to be aborted then.
  [[nodiscard]] async::Task<Status> write(std::string bytes) override;
  /// After an error what was sent has been removed.
  [[nodiscard]] async::Task<Status> finish() override;
  [[nodiscard]] async::Task<Status> abort() override;

 private:
  struct State;
  /// Outlives a dropped upload until what is under way has ended.
  std::shared_ptr<State> state_;
};

}  // namespace dynamirror::objects
