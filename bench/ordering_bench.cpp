// SPDX-License-Identifier: Apache-2.0
//
// Goal: the cost of keeping order, per change: push + take + applied, with 600-byte changes as they come from a stream.
// Method: one page of 1,000 changes is pushed and written per iteration, 25 a batch, so the buffer stays as full as it
// is in a running job. The changes are made beforehand and copied in, because a job copies each out of its page, too:
// `CopyOnly` is that share of the time.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "ordering/change_buffer.hpp"

namespace dynamirror::ordering {
namespace {

constexpr std::size_t kPage = 1'000;
constexpr std::size_t kBatch = 25;

model::SequenceNumber sequence_at(std::uint64_t n) {
  std::array<char, 32> digits{};
  std::snprintf(digits.data(), digits.size(), "1%020llu", static_cast<unsigned long long>(n));
  return *model::SequenceNumber::parse(digits.data());
}

/// Pages over `keys` keys in turn; 50 bytes of key, 550 of image.
class Pages {
 public:
  explicit Pages(std::size_t keys) : image_(550, 'x') {
    keys_.reserve(keys);
    for (std::size_t i = 0; i < keys; ++i) {
      std::array<char, 96> key{};
      std::snprintf(key.data(), key.size(), R"({"customer":{"S":"%08zu"},"order":{"N":"%08zu"}})", i, i * 7);
      keys_.emplace_back(key.data());
    }
  }

  void push_one(ChangeBuffer& buffer, ChangeBuffer::ShardHandle shard) {
    buffer.push(shard, model::Change(keys_[next_ % keys_.size()], image_, sequence_at(next_), WallTime{}));
    ++next_;
  }

  void copy_one() {
    model::Change change(keys_[next_ % keys_.size()], image_, sequence_at(next_), WallTime{});
    ++next_;
    benchmark::DoNotOptimize(change);
  }

 private:
  std::vector<std::string> keys_;
  std::string image_;
  std::uint64_t next_ = 0;
};

void write_ready(ChangeBuffer& buffer, std::size_t how_many) {
  while (how_many > 0) {
    const auto batch = buffer.take(kBatch, 16u << 20, SteadyTime{});
    if (batch.empty()) return;
    for (const auto& taken : batch) buffer.applied(taken.ticket);
    how_many -= std::min(how_many, batch.size());
  }
}

void CopyOnly(benchmark::State& state) {
  Pages pages(20'000);
  for (auto _ : state) {
    for (std::size_t i = 0; i < kPage; ++i) pages.copy_one();
  }
  state.SetItemsProcessed(state.iterations() * kPage);
}
BENCHMARK(CopyOnly);

/// Argument: how many keys take turns. Few keys: most changes are superseded.
void PushTakeApplied(benchmark::State& state) {
  Pages pages(static_cast<std::size_t>(state.range(0)));
  ChangeBuffer buffer(ChangeBuffer::Options{});
  const auto shard = buffer.add_shard();
  for (std::size_t i = 0; i < 10 * kPage; ++i) pages.push_one(buffer, shard);  // the read-ahead of a running job
  for (auto _ : state) {
    for (std::size_t i = 0; i < kPage; ++i) pages.push_one(buffer, shard);
    write_ready(buffer, kPage);
  }
  state.SetItemsProcessed(state.iterations() * kPage);
}
BENCHMARK(PushTakeApplied)->Arg(1'000'000)->Arg(20'000)->Arg(500)->Arg(1);

/// One in ten writes is throttled and tried again at once.
void PushTakeRetry(benchmark::State& state) {
  Pages pages(20'000);
  ChangeBuffer buffer(ChangeBuffer::Options{});
  const auto shard = buffer.add_shard();
  std::uint64_t writes = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < kPage; ++i) pages.push_one(buffer, shard);
    while (buffer.ready(SteadyTime{}) > 0) {
      for (const auto& taken : buffer.take(kBatch, 16u << 20, SteadyTime{})) {
        if (++writes % 10 == 0) {
          buffer.retry(taken.ticket, SteadyTime{});
        } else {
          buffer.applied(taken.ticket);
        }
      }
    }
  }
  state.SetItemsProcessed(state.iterations() * kPage);
}
BENCHMARK(PushTakeRetry);

}  // namespace
}  // namespace dynamirror::ordering

BENCHMARK_MAIN();
