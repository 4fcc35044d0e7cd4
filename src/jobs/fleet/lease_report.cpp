// SPDX-License-Identifier: Apache-2.0
#include "jobs/fleet/lease_report.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "json/reader.hpp"
#include "json/writer.hpp"

namespace dynamirror::jobs {
namespace {

using coordination::Lease;

LeaseState state_of(const Lease& lease, const Lease* before, const LeaseLooks& looks) {
  if (lease.done()) return LeaseState::kFinished;
  if (!lease.checkpoint_owner.empty()) return LeaseState::kHandingOver;
  if (lease.owner.empty()) return LeaseState::kUnowned;
  if (!looks.first) return LeaseState::kOwned;
  if (before == nullptr || before->counter != lease.counter) return LeaseState::kRunning;
  return looks.apart > looks.failover ? LeaseState::kExpired : LeaseState::kSilent;
}

LeaseLine line_of(Lease lease, const Lease* before, const LeaseLooks& looks) {
  LeaseLine line{.lease = std::move(lease)};
  line.state = state_of(line.lease, before, looks);
  if (before == nullptr) return line;
  // A row that was removed and made again begins at 0.
  line.renewals = line.lease.counter - std::min(before->counter, line.lease.counter);
  line.checkpoint_moved = line.lease.checkpoint != before->checkpoint;
  return line;
}

struct Meaning {
  std::string_view name;
  std::string_view text;
};

constexpr std::array kMeanings{
    Meaning{"leaseKey", "the shard (or the segment of a copy) that the lease is for"},
    Meaning{"leaseOwner", "the worker that has it; without one it is free"},
    Meaning{"leaseCounter",
            "moves with every renewal; whoever finds it standing still for the fail-over time takes it"},
    Meaning{"ownerSwitchesSinceCheckpoint", "how often it changed hands since the checkpoint last moved"},
    Meaning{"checkpoint", "everything up to here is safe; TRIM_HORIZON: nothing yet; SHARD_END: read to its end"},
    Meaning{"checkpointSubSequenceNumber", "place within an aggregated record; 0 for DynamoDB Streams"},
    Meaning{"parentShardId", "shards that must be at SHARD_END (or have no lease) before this one is read"},
    Meaning{"childShardIds", "shards that follow this one"},
    Meaning{"pendingCheckpoint", "where a worker of KCL wanted to go on; never the point of return"},
    Meaning{"pendingCheckpointSubSequenceNumber", "belongs to pendingCheckpoint"},
    Meaning{"pendingCheckpointState", "belongs to pendingCheckpoint"},
    Meaning{"startingHashKey", "written by KCL from 1.14 on; means nothing for DynamoDB Streams"},
    Meaning{"endingHashKey", "written by KCL from 1.14 on; means nothing for DynamoDB Streams"},
    Meaning{"streamName", "the stream, where one table serves several (KCL 2.3 on)"},
    Meaning{"shardId", "the shard, where one table serves several streams (KCL 2.3 on)"},
    Meaning{"checkpointOwner",
            "the worker that hands the lease over to leaseOwner and still finishes what it has begun"},
    Meaning{"throughputKBps", "measured by KCL 3.x"},
    Meaning{"entityType", "what the row is (KCL 3.5 on); all but LEASE are no leases"},
};

std::string meaning_of(std::string_view name) {
  const auto known = std::ranges::find(kMeanings, name, &Meaning::name);
  return known == kMeanings.end() ? "" : std::string(known->text);
}

void append_set(json::Writer& json, std::string_view name, const std::vector<std::string>& names) {
  if (names.empty()) return;
  json.name(name).begin_object().name("SS").begin_array();
  for (const std::string& each : names) json.string(each);
  json.end_array().end_object();
}

}  // namespace

std::string_view to_string(LeaseState state) {
  switch (state) {
    case LeaseState::kUnowned:
      return "unowned";
    case LeaseState::kOwned:
      return "owned";
    case LeaseState::kRunning:
      return "running";
    case LeaseState::kSilent:
      return "silent";
    case LeaseState::kExpired:
      return "expired";
    case LeaseState::kHandingOver:
      return "handing over";
    case LeaseState::kFinished:
      return "finished";
  }
  return "";
}

LeaseReport report_leases(LeaseLooks looks) {
  std::unordered_map<std::string_view, const Lease*> before;
  if (looks.first) {
    for (const Lease& lease : looks.first->leases) before.emplace(lease.key, &lease);
  }
  LeaseReport report{.workers = {}, .foreign = looks.second.foreign};
  for (Lease& lease : looks.second.leases) {
    const auto earlier = before.find(lease.key);
    report.leases.push_back(line_of(std::move(lease), earlier == before.end() ? nullptr : earlier->second, looks));
    const LeaseLine& line = report.leases.back();
    if (line.state == LeaseState::kFinished) {
      ++report.finished;
    } else if (line.worker().empty()) {
      ++report.unowned;
    } else {
      ++report.workers[line.worker()];
    }
  }
  std::ranges::sort(report.leases, {}, [](const LeaseLine& line) -> const std::string& { return line.lease.key; });
  return report;
}

std::chrono::milliseconds watch_time(std::chrono::milliseconds failover) {
  constexpr std::chrono::milliseconds kRoundTrip{250};
  return failover / 3 + failover / 10 + kRoundTrip;
}

Result<std::vector<LeaseAttribute>> explain_row(std::string_view item_json) {
  std::vector<LeaseAttribute> attributes;
  json::Reader reader;
  const auto read = reader.read_copy(item_json, [&](json::Value& item) {
    return item.for_each_member([&](std::string_view name, json::Value& attribute) -> Status {
      LeaseAttribute& described = attributes.emplace_back();
      described.name = name;
      described.meaning = meaning_of(described.name);
      return attribute.for_each_member([&](std::string_view type, json::Value& content) -> Status {
        described.type = type;
        const auto text = type == "S" || type == "N" ? content.string() : content.raw();
        if (!text) return std::unexpected(text.error());
        described.value = *text;
        return {};
      });
    });
  });
  if (!read) return std::unexpected(read.error());
  return attributes;
}

std::string row_json(const Lease& lease) {
  std::string text;
  json::Writer json(text);
  const auto append = [&](std::string_view name, std::string_view type, std::string_view value) {
    if (!value.empty()) json.name(name).begin_object().name(type).string(value).end_object();
  };
  json.begin_object();
  append("leaseKey", "S", lease.key);
  append("leaseOwner", "S", lease.owner);
  append("leaseCounter", "N", std::to_string(lease.counter));
  append("ownerSwitchesSinceCheckpoint", "N", std::to_string(lease.owner_switches));
  append("checkpoint", "S", lease.checkpoint);
  append("checkpointOwner", "S", lease.checkpoint_owner);
  append_set(json, "parentShardId", lease.parents);
  append_set(json, "childShardIds", lease.children);
  json.end_object();
  return text;
}

}  // namespace dynamirror::jobs
