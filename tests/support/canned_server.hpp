// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "http/transport.hpp"
#include "support/canned_pages.hpp"

namespace dynamirror::support {

/// A DynamoDB for benchmarks: answers stream pages from memory and accepts every batch at once, checking nothing, at a
/// cost of a few microseconds a request, so that what is measured is the client. Plain system calls over epoll, no
/// allocation per request beyond a short head. All shards of the source are open.
///
/// Answers DescribeTable (of any name), DescribeStream, GetShardIterator, GetRecords; of Kinesis the same,
/// DescribeStreamSummary and ListShards, when the records are of Kinesis; BatchWriteItem, PutItem, DeleteItem,
/// UpdateItem; BatchGetItem, with an item for every key; Scan, of an empty table; others with 400. Thread-safe.
class CannedServer {
 public:
  struct Options {
    std::uint16_t port = 0;  ///< on 127.0.0.1; 0 takes a free one
    int threads = 1;         ///< connections are spread over them by the kernel
    std::string region = "eu-west-1";
    CannedPagesOptions pages{};
  };
  /// Serves on return. Throws std::system_error when it cannot listen.
  explicit CannedServer(Options options);
  ~CannedServer();

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] http::Endpoint endpoint() const;
  [[nodiscard]] const CannedPages& pages() const;

  struct Statistics {
    std::uint64_t get_records = 0;
    std::uint64_t writes = 0;  ///< requests: BatchWriteItem, PutItem, DeleteItem, UpdateItem
    std::uint64_t written_items = 0;
    std::uint64_t batch_gets = 0;
    std::uint64_t read_keys = 0;
    std::uint64_t other = 0;
    std::uint64_t bytes_received = 0;
    double seconds = 0;      ///< from the first GetRecords to the last write
    double cpu_seconds = 0;  ///< of the serving threads
  };
  [[nodiscard]] Statistics statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::support
