// SPDX-License-Identifier: Apache-2.0
#include "jobs/dump/lines_object.hpp"

#include <utility>

#include "objects/gzip.hpp"

namespace dynamirror::jobs {

async::Task<Result<std::unique_ptr<LinesObject>>> LinesObject::start(Options options, objects::ObjectStore& store,
                                                                     async::CpuPool& pool) {
  const bool gzip = options.compression == Compression::kGzip;
  const objects::PutOptions put{.content_type = gzip ? "application/gzip" : "application/x-ndjson"};
  auto upload = co_await store.start_upload(options.key, put);
  if (!upload) co_return std::unexpected(std::move(upload.error()));
  co_return std::unique_ptr<LinesObject>(new LinesObject(std::move(options), std::move(*upload), pool));
}

LinesObject::LinesObject(Options options, std::unique_ptr<objects::Upload> upload, async::CpuPool& pool)
    : options_(std::move(options)), upload_(std::move(upload)), pool_(pool) {
  totals_.key = options_.key;
}

async::Task<Status> LinesObject::add(std::string lines, std::uint64_t count) {
  totals_.lines += count;
  totals_.bytes += lines.size();
  if (buffer_.empty()) {
    buffer_ = std::move(lines);
  } else {
    buffer_ += lines;
  }
  if (buffer_.size() < options_.chunk_bytes) co_return Status{};
  co_return co_await store(std::exchange(buffer_, {}));
}

async::Task<Status> LinesObject::store(std::string chunk) {
  const auto turn = co_await compressing_.acquire();
  if (options_.compression == Compression::kGzip) {
    auto compress = [text = std::move(chunk)] { return objects::gzip(text); };
    chunk = co_await pool_.run(std::move(compress));
  }
  const auto sending = co_await sending_.acquire();
  hash_.add(chunk);
  totals_.stored_bytes += chunk.size();
  co_return co_await upload_->write(std::move(chunk));
}

async::Task<Result<LinesObjectTotals>> LinesObject::finish() {
  // An empty table is an empty gzip file, not an empty object.
  if (!buffer_.empty() || totals_.stored_bytes == 0) {
    if (auto stored = co_await store(std::exchange(buffer_, {})); !stored) {
      co_return std::unexpected(std::move(stored.error()));
    }
  }
  if (auto finished = co_await upload_->finish(); !finished) co_return std::unexpected(std::move(finished.error()));
  totals_.sha256 = hash_.hex();
  co_return totals_;
}

}  // namespace dynamirror::jobs
