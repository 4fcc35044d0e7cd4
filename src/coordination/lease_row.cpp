// SPDX-License-Identifier: Apache-2.0
#include "coordination/lease_row.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "coordination/impl/row_writing.hpp"
#include "coordination/lease_rules.hpp"
#include "json/read_into.hpp"
#include "json/writer.hpp"

namespace dynamirror::coordination {
namespace {

using impl::Expressions;
using impl::number_value;
using impl::set_value;
using impl::string_value;

constexpr std::string_view kKey = "leaseKey";
constexpr std::string_view kOwner = "leaseOwner";
constexpr std::string_view kCounter = "leaseCounter";
constexpr std::string_view kOwnerSwitches = "ownerSwitchesSinceCheckpoint";
constexpr std::string_view kCheckpoint = "checkpoint";
constexpr std::string_view kSubSequenceNumber = "checkpointSubSequenceNumber";
constexpr std::string_view kParents = "parentShardId";
constexpr std::string_view kChildren = "childShardIds";
constexpr std::string_view kCheckpointOwner = "checkpointOwner";
constexpr std::string_view kFirstHashKey = "startingHashKey";
constexpr std::string_view kLastHashKey = "endingHashKey";
constexpr std::string_view kEntityType = "entityType";

/// Why a row is not read; nobody sees more of it than that the row is foreign.
std::unexpected<Error> foreign() { return failure(ErrorClass::kInvalid, "read lease", {}, "the row is no lease"); }

/// The content of an attribute value when it is of this type.
Status read_typed(json::Value& attribute, std::string_view type, FunctionRef<Status(json::Value&)> take) {
  bool taken = false;
  auto status = attribute.for_each_member([&](std::string_view name, json::Value& content) -> Status {
    if (name != type || taken) return foreign();
    taken = true;
    return take(content);
  });
  return status && !taken ? foreign() : status;
}

Status read_string(json::Value& attribute, std::string& out) {
  return read_typed(attribute, "S", [&](json::Value& content) { return json::read_into(out, content); });
}

Status read_strings(json::Value& attribute, std::vector<std::string>& out) {
  return read_typed(attribute, "SS", [&](json::Value& content) {
    auto status = json::read_into(out, content);
    out = as_set(std::move(out));
    return status;
  });
}

Status read_count(json::Value& attribute, std::uint64_t& out) {
  return read_typed(attribute, "N", [&](json::Value& content) -> Status {
    const auto text = content.string();
    if (!text) return std::unexpected(text.error());
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
    // KCL keeps counters as signed 64-bit numbers.
    const bool fits = out <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (error != std::errc{} || end != text->data() + text->size() || !fits) return foreign();
    return {};
  });
}

/// One row being read.
struct Row {
  Lease lease{};
  model::HashKeyRange hash_keys{};
  std::uint64_t sub_sequence = 0;
  bool has_counter = false;
  bool has_owner_switches = false;

  Status take(std::string_view name, json::Value& attribute) {
    if (name == kKey) return read_string(attribute, lease.key);
    if (name == kOwner) return read_string(attribute, lease.owner);
    if (name == kCheckpoint) return read_string(attribute, lease.checkpoint);
    if (name == kCheckpointOwner) return read_string(attribute, lease.checkpoint_owner);
    if (name == kParents) return read_strings(attribute, lease.parents);
    if (name == kChildren) return read_strings(attribute, lease.children);
    if (name == kCounter) {
      has_counter = true;
      return read_count(attribute, lease.counter);
    }
    if (name == kOwnerSwitches) {
      has_owner_switches = true;
      return read_count(attribute, lease.owner_switches);
    }
    if (name == kSubSequenceNumber) return read_count(attribute, sub_sequence);
    if (name == kFirstHashKey) return read_string(attribute, hash_keys.first);
    if (name == kLastHashKey) return read_string(attribute, hash_keys.last);
    if (name == kEntityType) return check_entity_type(attribute);
    return {};
  }

  static Status check_entity_type(json::Value& attribute) {
    std::string type;
    auto status = read_string(attribute, type);
    return status && type != "LEASE" ? foreign() : status;
  }

  [[nodiscard]] bool complete() const {
    return !lease.key.empty() && !lease.checkpoint.empty() && has_counter && has_owner_switches;
  }
};

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// A checkpoint as KCL spells it: two attributes.
struct KclCheckpoint {
  std::string_view word;
  std::string_view sub_sequence = "0";
};

/// Of `model::to_string(checkpoint)`; other work may keep any text here, which is left as it is.
KclCheckpoint as_kcl_writes(std::string_view checkpoint) {
  const std::size_t colon = checkpoint.find(':');
  if (colon == std::string_view::npos) return {checkpoint};
  const KclCheckpoint parts{checkpoint.substr(0, colon), checkpoint.substr(colon + 1)};
  if (!all_digits(parts.sub_sequence)) return {checkpoint};
  if (parts.word == "AT_TIMESTAMP") return {parts.word};  // the moment is configuration
  return all_digits(parts.word) ? parts : KclCheckpoint{checkpoint};
}

/// What a new row holds, in KCL's own way: no owner and no empty set. KCL from 1.14 and 2.3 on keeps the range of hash
/// keys beside, and looks in it for shards without a lease. Where the range is not known it is left out: every reader
/// takes a row without (those of old versions have none), and a shard of a DynamoDB stream has none; the stream adapter
/// writes dummies only because KCL's classes ask it for some.
std::string new_item(const LeaseWrite& write) {
  assert(write.checkpoint);
  const KclCheckpoint checkpoint = as_kcl_writes(*write.checkpoint);
  std::string item;
  json::Writer json(item);
  json.begin_object().name(kKey).raw(string_value(write.key)).name(kCounter).raw(number_value(std::uint64_t{0}));
  json.name(kOwnerSwitches).raw(number_value(std::uint64_t{0})).name(kCheckpoint).raw(string_value(checkpoint.word));
  json.name(kSubSequenceNumber).raw(number_value(checkpoint.sub_sequence));
  if (!write.parents.empty()) json.name(kParents).raw(set_value(write.parents));
  if (write.hash_keys) {
    json.name(kFirstHashKey).raw(string_value(write.hash_keys->first));
    json.name(kLastHashKey).raw(string_value(write.hash_keys->last));
  }
  json.end_object();
  return item;
}

void move_counter(Expressions& expressions, const LeaseWrite& write) {
  expressions.require_equal(kCounter, ":counter", number_value(write.counter));
  expressions.set(kCounter, ":next", number_value(write.counter + 1));
}

/// A checkpoint ends the pending one that a peer may have prepared, and begins the count of owners anew.
void set_checkpoint(Expressions& expressions, std::string_view text, bool switches) {
  const KclCheckpoint checkpoint = as_kcl_writes(text);
  expressions.set(kCheckpoint, ":checkpoint", string_value(checkpoint.word));
  expressions.set(kSubSequenceNumber, checkpoint.sub_sequence == "0" ? ":zero" : ":sub",
                  number_value(checkpoint.sub_sequence));
  expressions.set(kOwnerSwitches, switches ? ":one" : ":zero", number_value(std::uint64_t{switches}));
  for (const std::string_view pending :
       {"pendingCheckpoint", "pendingCheckpointSubSequenceNumber", "pendingCheckpointState"}) {
    expressions.remove(pending);
  }
}

void renew(Expressions& expressions, const LeaseWrite& write) {
  move_counter(expressions, write);
  if (!write.handing_over) expressions.require_absent(kCheckpointOwner);
  if (write.checkpoint) set_checkpoint(expressions, *write.checkpoint, false);
}

void take(Expressions& expressions, const LeaseWrite& write) {
  assert(!write.owner.empty());
  move_counter(expressions, write);
  expressions.set(kOwner, ":owner", string_value(write.owner));
  expressions.remove(kCheckpointOwner);
  if (switches_owner(write)) expressions.add(kOwnerSwitches, ":one", number_value(std::uint64_t{1}));
}

void require_owner(Expressions& expressions, const std::string& owner) {
  if (owner.empty()) {
    expressions.require_absent(kOwner);
  } else {
    expressions.require_equal(kOwner, ":from", string_value(owner));
  }
}

void release(Expressions& expressions, const LeaseWrite& write) {
  move_counter(expressions, write);
  require_owner(expressions, write.from);
  if (write.owner.empty()) {
    expressions.remove(kOwner);
  } else {
    expressions.set(kOwner, ":owner", string_value(write.owner));
  }
  expressions.remove(kCheckpointOwner);
  if (!write.children.empty()) expressions.set(kChildren, ":children", set_value(write.children));
  if (write.checkpoint) {
    set_checkpoint(expressions, *write.checkpoint, switches_owner(write));
  } else if (switches_owner(write)) {
    expressions.add(kOwnerSwitches, ":one", number_value(std::uint64_t{1}));
  }
}

void start_hand_over(Expressions& expressions, const LeaseWrite& write) {
  assert(!write.owner.empty() && !write.from.empty());
  expressions.require_equal(kOwner, ":from", string_value(write.from));
  expressions.require_absent(kCheckpointOwner);
  expressions.require_unequal(kCheckpoint, ":done", string_value(kShardEnd));
  expressions.set(kOwner, ":owner", string_value(write.owner));
  expressions.set(kCheckpointOwner, ":from", string_value(write.from));
}

void set_children(Expressions& expressions, const LeaseWrite& write) {
  expressions.require_present(kKey);
  if (write.children.empty()) {
    expressions.remove(kChildren);  // the service knows no empty set
  } else {
    expressions.set(kChildren, ":children", set_value(write.children));
  }
}

}  // namespace

std::optional<Lease> parse_lease_row(std::string_view item_json, json::Reader& reader) {
  Row row;
  const auto status = reader.read_copy(item_json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& value) { return row.take(name, value); });
  });
  if (!status || !row.complete()) return std::nullopt;
  if (!row.hash_keys.first.empty() && !row.hash_keys.last.empty()) row.lease.hash_keys = std::move(row.hash_keys);
  if (row.sub_sequence > 0 && all_digits(row.lease.checkpoint)) {
    row.lease.checkpoint += ":" + std::to_string(row.sub_sequence);
  }
  return std::move(row.lease);
}

LeaseRequest lease_request(const LeaseWrite& write) {
  using Operation = LeaseRequest::Operation;
  using Kind = LeaseWrite::Kind;
  LeaseRequest request{.operation = Operation::kUpdate, .item_json = lease_key_json(write.key)};
  Expressions expressions;
  switch (write.kind) {
    case Kind::kCreate:
      request.operation = Operation::kPut;
      request.item_json = new_item(write);
      expressions.require_absent(kKey);
      break;
    case Kind::kRenew:
      renew(expressions, write);
      break;
    case Kind::kTake:
      take(expressions, write);
      break;
    case Kind::kRelease:
      release(expressions, write);
      break;
    case Kind::kStartHandOver:
      start_hand_over(expressions, write);
      break;
    case Kind::kSetChildren:
      set_children(expressions, write);
      break;
    case Kind::kDelete:
      request.operation = Operation::kDelete;
      expressions.require_equal(kCounter, ":counter", number_value(write.counter));
      expressions.require_equal(kCheckpoint, ":done", string_value(kShardEnd));
      break;
    case Kind::kRemove:
      request.operation = Operation::kDelete;
      expressions.require_equal(kCounter, ":counter", number_value(write.counter));
      require_owner(expressions, write.from);
      break;
  }
  expressions.write_to(request);
  return request;
}

std::string lease_key_json(std::string_view key) {
  std::string text;
  json::Writer(text).begin_object().name(kKey).raw(string_value(key)).end_object();
  return text;
}

}  // namespace dynamirror::coordination
