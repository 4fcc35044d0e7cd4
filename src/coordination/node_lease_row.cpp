// SPDX-License-Identifier: Apache-2.0
#include "coordination/node_lease_row.hpp"

#include <cassert>
#include <charconv>
#include <limits>
#include <utility>

#include "coordination/impl/row_writing.hpp"
#include "json/read_into.hpp"
#include "json/writer.hpp"

namespace dynamirror::coordination {
namespace {

using impl::Expressions;
using impl::number_value;
using impl::string_value;
using Kind = LeaseWrite::Kind;
using Milliseconds = std::chrono::milliseconds;

constexpr std::string_view kType = "type";
constexpr std::string_view kId = "id";
constexpr std::string_view kLeaseType = "lease";
constexpr std::string_view kClusterType = "cluster";
constexpr std::string_view kCounter = "leaseCounter";
constexpr std::string_view kExpiresAt = "expiresAt";
constexpr std::string_view kCheckpoint = "checkpointedSequence";
constexpr std::string_view kFinished = "isFinished";
constexpr std::string_view kConsumers = "activeConsumers";
constexpr std::string_view kOurOwner = "dynamirrorOwner";
constexpr std::string_view kOurCounter = "dynamirrorCounter";
constexpr std::string_view kOurStart = "dynamirrorStart";

std::unexpected<Error> unreadable() { return failure(ErrorClass::kInvalid, "read lease", {}, "the row is no lease"); }

/// An attribute value of one of the types that the library writes and reads.
struct Scalar {
  std::string type{};
  std::string text{};  ///< S and N; of BOOL "1" or "0"
};

Status read_scalar(json::Value& attribute, Scalar& scalar) {
  return attribute.for_each_member([&](std::string_view type, json::Value& content) -> Status {
    scalar.type = type;
    if (type != "BOOL") return json::read_into(scalar.text, content);
    bool truth = false;
    auto status = json::read_into(truth, content);
    scalar.text = truth ? "1" : "0";
    return status;
  });
}

Status read_text(json::Value& attribute, std::string& out) {
  Scalar scalar;
  if (auto status = read_scalar(attribute, scalar); !status) return status;
  if (scalar.type != "S") return unreadable();
  out = std::move(scalar.text);
  return {};
}

Status read_number(json::Value& attribute, std::optional<std::uint64_t>& out) {
  Scalar scalar;
  if (auto status = read_scalar(attribute, scalar); !status) return status;
  std::uint64_t number = 0;
  const char* const end = scalar.text.data() + scalar.text.size();
  const auto [parsed, error] = std::from_chars(scalar.text.data(), end, number);
  const bool fits = number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 2'000'000;
  if (scalar.type != "N" || error != std::errc{} || parsed != end || !fits) return unreadable();
  out = number;
  return {};
}

/// As the library takes it: anything but 0, false and the text "false".
Status read_truth(json::Value& attribute, bool& out) {
  Scalar scalar;
  if (auto status = read_scalar(attribute, scalar); !status) return status;
  out = scalar.text != "0" && scalar.text != "false" && !scalar.text.empty();
  return {};
}

struct Row {
  std::string type{};
  std::string id{};
  std::optional<std::uint64_t> counter{};
  std::optional<std::uint64_t> expires_at{};
  std::string checkpoint{};
  bool finished = false;
  std::string our_owner{};
  std::optional<std::uint64_t> our_counter{};
  std::string our_start{};

  Status take(std::string_view name, json::Value& attribute) {
    if (name == kType) return read_text(attribute, type);
    if (name == kId) return read_text(attribute, id);
    if (name == kCounter) return read_number(attribute, counter);
    if (name == kExpiresAt) return read_number(attribute, expires_at);
    if (name == kCheckpoint) return read_text(attribute, checkpoint);
    if (name == kFinished) return read_truth(attribute, finished);
    if (name == kOurOwner) return read_text(attribute, our_owner);
    if (name == kOurCounter) return read_number(attribute, our_counter);
    if (name == kOurStart) return read_text(attribute, our_start);
    return {};
  }

  [[nodiscard]] WallTime expiry() const { return WallTime{Milliseconds(expires_at.value_or(0))}; }

  [[nodiscard]] NodeLeaseRow to_lease(std::string_view start) && {
    NodeLeaseRow row;
    row.expires_at = expiry();
    row.lease.key = std::move(id);
    row.lease.counter = counter.value_or(0) - 1;  // none: one before the first
    row.lease.checkpoint = start;
    if (!our_start.empty()) row.lease.checkpoint = std::move(our_start);
    if (!checkpoint.empty()) row.lease.checkpoint = std::move(checkpoint);
    if (finished) row.lease.checkpoint = kShardEnd;
    const bool by_node = !our_counter || our_counter != counter;
    if (!finished) row.lease.owner = by_node ? std::string(kNodeWorker) : std::move(our_owner);
    return row;
  }
};

bool is_sequence_number(std::string_view checkpoint) {
  return !checkpoint.empty() && checkpoint.find_first_not_of("0123456789") == std::string_view::npos;
}

std::uint64_t milliseconds(WallTime time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<Milliseconds>(time.time_since_epoch()).count());
}

std::string key_json(std::string_view type, std::string_view id) {
  std::string text;
  json::Writer(text).begin_object().name(kType).raw(string_value(type)).name(kId).raw(string_value(id)).end_object();
  return text;
}

/// The numbers in the table are by one higher than ours.
std::string counter_value(std::uint64_t counter) { return number_value(counter + 1); }

void require_counter(Expressions& expressions, std::uint64_t counter) {
  expressions.require_present(kId);  // an update would make the row anew
  if (counter + 1 == 0) {
    expressions.require_absent(kCounter);
  } else {
    expressions.require_equal(kCounter, ":counter", counter_value(counter));
  }
}

void set_checkpoint(Expressions& expressions, const std::string& checkpoint) {
  if (checkpoint == kShardEnd) {
    expressions.set(kFinished, ":finished", number_value(1));
    return;
  }
  expressions.remove(kFinished);
  if (is_sequence_number(checkpoint)) {
    expressions.set(kCheckpoint, ":checkpoint", string_value(checkpoint));
    expressions.remove(kOurStart);
  } else {
    expressions.remove(kCheckpoint);
    expressions.set(kOurStart, ":start", string_value(checkpoint));
  }
}

std::string new_item(const LeaseWrite& write, WallTime expires_at) {
  assert(write.checkpoint);
  std::string item;
  json::Writer json(item);
  json.begin_object().name(kType).raw(string_value(kLeaseType)).name(kId).raw(string_value(write.key));
  json.name(kCounter).raw(counter_value(0)).name(kOurCounter).raw(counter_value(0));
  json.name(kExpiresAt).raw(number_value(milliseconds(expires_at)));
  if (*write.checkpoint == kShardEnd) {
    json.name(kFinished).raw(number_value(1));
  } else {
    json.name(is_sequence_number(*write.checkpoint) ? kCheckpoint : kOurStart).raw(string_value(*write.checkpoint));
  }
  json.end_object();
  return item;
}

/// kRenew, kTake, kRelease.
void update(Expressions& expressions, const LeaseWrite& write, WallTime expires_at) {
  require_counter(expressions, write.counter);
  expressions.set(kCounter, ":next", counter_value(write.counter + 1));
  expressions.set(kOurCounter, ":next", counter_value(write.counter + 1));
  expressions.set(kExpiresAt, ":expires", number_value(milliseconds(expires_at)));
  if (write.kind != Kind::kTake && write.checkpoint) set_checkpoint(expressions, *write.checkpoint);
  if (write.kind == Kind::kRenew) return;
  if (write.owner.empty()) {
    expressions.remove(kOurOwner);
  } else {
    expressions.set(kOurOwner, ":owner", string_value(write.owner));
  }
}

}  // namespace

std::optional<std::variant<NodeLeaseRow, NodeClusterRow>> parse_node_row(std::string_view item_json,
                                                                         std::string_view start, json::Reader& reader) {
  Row row;
  const auto status = reader.read_copy(item_json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& value) { return row.take(name, value); });
  });
  if (!status || row.id.empty()) return std::nullopt;
  if (row.type == kClusterType) return NodeClusterRow{.expires_at = row.expiry(), .ours = !row.our_owner.empty()};
  // The library never writes 0, and checks no counter when it has read one.
  if (row.type != kLeaseType || row.counter == 0u) return std::nullopt;
  return std::move(row).to_lease(start);
}

LeaseRequest node_lease_request(const LeaseWrite& write, WallTime expires_at) {
  using Operation = LeaseRequest::Operation;
  assert(write.kind != Kind::kStartHandOver && write.kind != Kind::kSetChildren);
  LeaseRequest request{.operation = Operation::kUpdate, .item_json = node_lease_key_json(write.key)};
  Expressions expressions;
  if (write.kind == Kind::kCreate) {
    request.operation = Operation::kPut;
    request.item_json = new_item(write, expires_at);
    expressions.require_absent(kId);
  } else if (write.kind == Kind::kDelete || write.kind == Kind::kRemove) {
    request.operation = Operation::kDelete;
    require_counter(expressions, write.counter);
  } else {
    update(expressions, write, expires_at);
  }
  expressions.write_to(request);
  return request;
}

LeaseRequest node_cluster_request(const std::string& id, const std::string& worker, std::size_t consumers,
                                  WallTime expires_at) {
  LeaseRequest request{.operation = LeaseRequest::Operation::kUpdate, .item_json = key_json(kClusterType, id)};
  Expressions expressions;
  expressions.set(kConsumers, ":consumers", number_value(consumers));
  expressions.set(kExpiresAt, ":expires", number_value(milliseconds(expires_at)));
  expressions.set(kOurOwner, ":owner", string_value(worker));
  expressions.write_to(request);
  return request;
}

LeaseRequest node_cluster_removal(const std::string& id) {
  return {.operation = LeaseRequest::Operation::kDelete, .item_json = key_json(kClusterType, id)};
}

std::string node_lease_key_json(std::string_view shard) { return key_json(kLeaseType, shard); }

}  // namespace dynamirror::coordination
