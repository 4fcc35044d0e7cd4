// SPDX-License-Identifier: Apache-2.0
#include "objects/impl/s3_upload.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "async/signal.hpp"
#include "async/task_group.hpp"

namespace dynamirror::objects {
namespace {

constexpr std::size_t kFirstPartBytes = 8u << 20;
constexpr int kPartsOfOneSize = 1'000;
constexpr int kMaxParts = 10'000;
constexpr int kMaxPartsUnderWay = 4;
constexpr std::size_t kMaxBytesUnderWay = 128u << 20;

}  // namespace

std::size_t part_size(int number) { return kFirstPartBytes << ((number - 1) / kPartsOfOneSize); }

struct S3Upload::State {
  State(std::shared_ptr<S3Access> access_in, std::string key_in, aws::S3Client::ContentKind kind_in,
        boost::asio::any_io_executor executor_in)
      : access(std::move(access_in)),
        key(std::move(key_in)),
        kind(std::move(kind_in)),
        executor(executor_in),
        sending(std::move(executor_in)) {}

  [[nodiscard]] async::Task<Status> send_part(std::string bytes);
  [[nodiscard]] async::Task<> upload(int number, std::string bytes);
  [[nodiscard]] async::Task<Status> complete();
  [[nodiscard]] async::Task<Status> remove_parts();
  [[nodiscard]] static async::Task<> end(std::shared_ptr<State> state);
  [[nodiscard]] bool has_room(std::size_t bytes) const {
    return parts_under_way == 0 ||
           (parts_under_way < kMaxPartsUnderWay && bytes_under_way + bytes <= kMaxBytesUnderWay);
  }

  std::shared_ptr<S3Access> access;
  const std::string key;
  const aws::S3Client::ContentKind kind;
  boost::asio::any_io_executor executor;
  std::string buffer;  ///< less than a part
  std::string upload_id;
  std::vector<aws::S3Part> parts;  ///< by number; without ETag while under way
  std::uint64_t size_bytes = 0;
  int parts_under_way = 0;
  std::size_t bytes_under_way = 0;
  std::optional<Error> failed;  ///< of the first part that failed
  async::Signal part_ended;
  async::TaskGroup sending;
};

async::Task<> S3Upload::State::upload(int number, std::string bytes) {
  const std::size_t size = bytes.size();
  auto etag = co_await access->client.upload_part(key, upload_id, number, std::move(bytes));
  if (etag) {
    parts[static_cast<std::size_t>(number) - 1].etag = std::move(*etag);
  } else if (!failed) {
    failed = std::move(etag.error());
  }
  --parts_under_way;
  bytes_under_way -= size;
  part_ended.notify();
}

/// Starts sending a part as soon as there is room for it.
async::Task<Status> S3Upload::State::send_part(std::string bytes) {
  if (upload_id.empty()) {
    auto id = co_await access->client.create_multipart_upload(key, kind);
    if (!id) co_return std::unexpected(std::move(id.error()));
    upload_id = std::move(*id);
  }
  while (!failed && !has_room(bytes.size())) co_await part_ended.wait();
  if (failed) co_return std::unexpected(*failed);
  if (parts.size() == kMaxParts) {
    co_return failure(ErrorClass::kInvalid, "upload part", access->client.describe(key),
                      "S3 takes no object of more than 10,000 parts");
  }
  const int number = static_cast<int>(parts.size()) + 1;
  parts.emplace_back().number = number;
  size_bytes += bytes.size();
  ++parts_under_way;
  bytes_under_way += bytes.size();
  sending.spawn(upload(number, std::move(bytes)));
  co_return Status{};
}

async::Task<Status> S3Upload::State::complete() {
  if (!buffer.empty()) {
    if (auto sent = co_await send_part(std::exchange(buffer, {})); !sent) co_return sent;
  }
  co_await sending.join();
  if (failed) co_return std::unexpected(*failed);
  const aws::S3Client::Completion completion{.upload_id = upload_id, .parts = parts, .size_bytes = size_bytes};
  co_return co_await access->client.complete_multipart_upload(key, completion);
}

async::Task<Status> S3Upload::State::remove_parts() {
  sending.cancel();
  co_await sending.join();
  if (upload_id.empty()) co_return Status{};
  co_return co_await access->client.abort_multipart_upload(key, std::exchange(upload_id, {}));
}

/// Nobody is there to hear of a failure: what it leaves behind is for the bucket's lifecycle rules.
async::Task<> S3Upload::State::end(std::shared_ptr<State> state) {
  const Status removed = co_await state->remove_parts();
  static_cast<void>(removed);
}

S3Upload::S3Upload(std::shared_ptr<S3Access> access, std::string key, aws::S3Client::ContentKind kind,
                   boost::asio::any_io_executor executor)
    : state_(std::make_shared<State>(std::move(access), std::move(key), std::move(kind), std::move(executor))) {}

S3Upload::~S3Upload() {
  if (state_->upload_id.empty() && state_->sending.size() == 0) return;
  const boost::asio::any_io_executor executor = state_->executor;
  boost::asio::co_spawn(executor, State::end(std::move(state_)), boost::asio::detached);
}

async::Task<Status> S3Upload::write(std::string bytes) {
  State& state = *state_;
  if (state.failed) co_return std::unexpected(*state.failed);
  if (state.buffer.empty()) {
    state.buffer = std::move(bytes);
  } else {
    state.buffer += bytes;
  }
  // One byte more than the first part: an object of exactly one part is a single PUT.
  for (;;) {  // ends, because each turn takes a part away
    const std::size_t size = part_size(static_cast<int>(state.parts.size()) + 1);
    const bool single = state.upload_id.empty() && state.buffer.size() == size;
    if (state.buffer.size() < size || single) co_return Status{};
    std::string part;
    if (state.buffer.size() == size) {
      part = std::exchange(state.buffer, {});
    } else {
      part = state.buffer.substr(0, size);
      state.buffer.erase(0, size);
    }
    if (auto sent = co_await state.send_part(std::move(part)); !sent) co_return sent;
  }
}

async::Task<Status> S3Upload::finish() {
  State& state = *state_;
  if (state.upload_id.empty() && state.parts.empty()) {
    co_return co_await state.access->client.put_object(state.key, std::exchange(state.buffer, {}), state.kind);
  }
  Status done = co_await state.complete();
  if (done) {
    state.upload_id.clear();
    co_return done;
  }
  // The first error says what is wrong; a failure to remove as well adds nothing to it.
  const Status removed = co_await state.remove_parts();
  static_cast<void>(removed);
  co_return done;
}

async::Task<Status> S3Upload::abort() {
  state_->buffer.clear();
  co_return co_await state_->remove_parts();
}

}  // namespace dynamirror::objects
