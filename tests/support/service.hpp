// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "support/faults.hpp"
#include "support/table_state.hpp"

namespace dynamirror::support {

/// DynamoDB and DynamoDB Streams behind the wire: operations on JSON bodies, without HTTP, signatures or threads.
/// Stricter than the real service: an unknown member is a SerializationException, an option that the program has no
/// reason to use a ValidationException. Not thread-safe.
class Service {
 public:
  /// What DescribeStream may get wrong or do slowly; all of it was seen in production.
  struct Listing {
    int page_size = 100;
    bool shuffle = false;      ///< an order of its own, the same in every call
    int new_shards_after = 0;  ///< listings (calls) before a new shard shows up
    int closing_after = 0;     ///< listings before a closed shard stops looking open
  };

  struct Options {
    std::string region = "eu-west-1";
    std::string account_id = "123456789012";
    std::uint64_t seed = 1;
    int describes_until_active = 2;  ///< DescribeTable answers with CREATING (or ENABLING) before ACTIVE (or ENABLED)
    std::size_t records_per_page = 1000;
    std::chrono::milliseconds iterator_lifetime{15 * 60 * 1000};
    std::size_t scan_page_bytes = 1u << 20;
    Listing listing{};
  };

  /// REQUIRES: clock outlives the service.
  Service(Options options, const Clock& clock);

  /// Runs `operation` of "DynamoDB_20120810" or "DynamoDBStreams_20120810". `fault` changes the outcome for those kinds
  /// that live inside an operation (unprocessed, empty page); others are ignored here.
  [[nodiscard]] Expected<std::string> call(std::string_view target, std::string_view body,
                                           std::optional<FaultKind> fault);

  TableState& add_table(TableSpec spec);
  [[nodiscard]] TableState* table(std::string_view name_or_arn);
  [[nodiscard]] std::map<std::string, std::unique_ptr<TableState>>& tables() { return tables_; }
  [[nodiscard]] Options& options() { return options_; }

  /// Every iterator handed out so far is expired.
  void expire_iterators() { ++iterator_epoch_; }

  /// The next `times` writes to this key (canonical) are throttled: unprocessed in a batch, an error alone.
  void throttle_key(std::string key, int times) { throttled_keys_[std::move(key)] = times; }
  /// Any request that writes this key is refused with a ValidationException, until told otherwise.
  void refuse_key(std::string key, bool refused);

  /// Write capacity consumed by applied writes so far.
  [[nodiscard]] double consumed_write_units() const { return consumed_write_units_; }

  /// Keys written since the last call of this, canonical with their table in front: for finding writes that overlap.
  [[nodiscard]] std::vector<std::string> take_last_written() { return std::exchange(last_written_, {}); }

 private:
  using Object = boost::json::object;
  using Answer = Expected<std::string>;  // the body
  struct BatchWrite;
  struct Iterator;

  // service_tables.cpp
  Answer describe_table(const Object& body);
  Answer create_table(const Object& body);
  Answer update_table(const Object& body);
  Object description_of(TableState& table);
  // service_items.cpp
  Answer put_item(const Object& body);
  Answer delete_item(const Object& body);
  Answer update_item(const Object& body);
  Answer get_item(const Object& body);
  Answer scan(const Object& body);
  Expected<void> admit_write(TableState& table, const std::string& key, double units);
  void apply(TableState& table, const std::string& key, ItemPointer item, double units);
  // service_batch.cpp
  Answer batch_write_item(const Object& body);
  Expected<std::vector<BatchWrite>> read_batch(const Object& request_items);
  Expected<BatchWrite> read_batch_write(TableState& table, const boost::json::value& request);
  bool process(const BatchWrite& write);
  // service_streams.cpp
  Answer list_streams(const Object& body);
  Answer describe_stream(const Object& body);
  Answer get_shard_iterator(const Object& body);
  Answer get_records(const Object& body);
  Expected<StreamLog*> stream_of(const Object& body);
  std::vector<const StreamShard*> listed_shards(StreamLog& stream);
  [[nodiscard]] std::string encode(const Iterator& iterator) const;
  [[nodiscard]] Expected<Iterator> decode(std::string_view token) const;

  /// Errors: ResourceNotFoundException for a table that is missing or, unless `any_state`, not active.
  Expected<TableState*> table_of(const Object& body, bool any_state = false);

  Options options_;
  const Clock& clock_;
  Random random_;
  std::map<std::string, std::unique_ptr<TableState>> tables_;
  std::uint64_t tables_made_ = 0;
  std::uint64_t iterator_epoch_ = 0;
  std::map<std::string, int> throttled_keys_;
  std::set<std::string> refused_keys_;
  std::vector<std::string> last_written_;
  double consumed_write_units_ = 0;
  std::optional<FaultKind> fault_;  // of the call under way
};

/// What DynamoDB charges for writing an item of this size: one unit per started kilobyte.
[[nodiscard]] double write_units(std::size_t size_bytes);

}  // namespace dynamirror::support
