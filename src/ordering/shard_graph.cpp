// SPDX-License-Identifier: Apache-2.0
#include "ordering/shard_graph.hpp"

#include <algorithm>
#include <cassert>
#include <map>
#include <set>
#include <utility>
#include <variant>

namespace dynamirror::ordering {
namespace {

/// Complete listings in a row without a shard until we believe that it is gone.
constexpr int kAbsencesToBelieve = 2;

/// A merged Kinesis shard has two. A listing that names another one each time must not make lists grow.
constexpr std::size_t kMaxParents = 2;

/// A shard that a row, a listing or a child speaks of.
struct Node {
  ShardId id;
  std::vector<Node*> parents;
  std::vector<Node*> children;

  // What listings say.
  bool closed = false;
  bool in_this_pass = false;  // seen since the last complete listing
  bool ever_listed = false;   // to this process
  int absences = 0;           // complete listings in a row without it

  // What we do with it.
  bool known = false;  // has a row, or one in new_rows
  bool row_given = false;
  bool skipped = false;  // lies before the start that the user asked for
  bool reading = false;
  bool given_out = false;  // to a reader, ever
  model::Checkpoint checkpoint = model::TrimHorizon{};

  [[nodiscard]] bool gone() const { return absences >= kAbsencesToBelieve; }
  [[nodiscard]] bool finished() const { return std::holds_alternative<model::ShardEnd>(checkpoint); }
  [[nodiscard]] bool past_trim_horizon() const { return !model::is_beginning(checkpoint); }
  [[nodiscard]] bool started() const { return known && (given_out || past_trim_horizon()); }
  [[nodiscard]] bool has_known_child() const {
    return std::any_of(children.begin(), children.end(), [](const Node* child) { return child->known; });
  }
};

}  // namespace

struct ShardGraph::Impl {
  Impl(InitialPosition position, bool has_rows) : initial(position), roots_decided(has_rows) {}

  InitialPosition initial;
  bool roots_decided;  // false only on a fresh start, until a complete listing leaves no doubt
  bool any_complete = false;
  bool partial_pass = false;      // something was listed since the last complete listing
  std::map<ShardId, Node> nodes;  // by id, that is, by age; addresses are stable
  std::vector<model::ShardCheckpoint> new_rows;

  Node& node(const ShardId& id) {
    const auto [entry, is_new] = nodes.try_emplace(id);
    if (is_new) entry->second.id = id;
    return entry->second;
  }

  Node& known_node(const ShardId& id) {
    const auto entry = nodes.find(id);
    assert(entry != nodes.end() && entry->second.known);
    return entry->second;
  }

  /// All nodes above `start` (without it).
  [[nodiscard]] static std::set<const Node*> ancestors(const Node& start) {
    std::set<const Node*> ancestors;
    std::vector<const Node*> open{&start};
    while (!open.empty()) {
      const Node* node = open.back();
      open.pop_back();
      for (const Node* parent : node->parents) {
        if (ancestors.insert(parent).second) open.push_back(parent);
      }
    }
    return ancestors;
  }

  void link(Node& parent, Node& child) {
    if (child.parents.size() == kMaxParents) return;
    if (std::find(child.parents.begin(), child.parents.end(), &parent) != child.parents.end()) return;
    // A circle needs the child to be somebody's parent already, which is rare: the walk is seldom made.
    if (&parent == &child || (!child.children.empty() && ancestors(parent).contains(&child))) return;
    child.parents.push_back(&parent);
    parent.children.push_back(&child);
  }

  void restore(const model::ShardCheckpoint& row) {
    Node& shard = node(row.shard);
    shard.known = shard.row_given = true;
    shard.checkpoint = row.checkpoint;
    shard.given_out = std::holds_alternative<model::Latest>(row.checkpoint);  // maybe, and then changes came meanwhile
    for (const ShardId& parent : row.parents) link(node(parent), shard);
  }

  void merge(const model::Shard& listed) {
    Node& shard = node(listed.id);
    shard.in_this_pass = shard.ever_listed = true;
    shard.absences = 0;
    shard.closed |= !listed.open();  // a stale listing does not reopen it
    for (const ShardId& parent : listed.parents) link(node(parent), shard);
  }

  void end_pass() {
    std::vector<Node*> absent;
    for (auto& [id, shard] : nodes) {
      if (!shard.in_this_pass && absence_counts(shard)) absent.push_back(&shard);
    }
    for (Node* shard : absent) shard->absences = std::min(shard->absences + 1, kAbsencesToBelieve);
    for (auto& [id, shard] : nodes) shard.in_this_pass = false;
    any_complete = true;
  }

  /// A stale listing from before the birth of a family shows neither child nor parent, and says nothing of either.
  [[nodiscard]] static bool absence_counts(const Node& shard) {
    const auto listed = [](const Node* child) { return child->in_this_pass; };
    const auto gone = [](const Node* child) { return child->gone(); };
    return shard.known || std::any_of(shard.children.begin(), shard.children.end(), listed) ||
           std::all_of(shard.children.begin(), shard.children.end(), gone);
  }

  [[nodiscard]] static std::vector<ShardId> parent_ids(const Node& shard) {
    std::vector<ShardId> ids;
    for (const Node* parent : shard.parents) ids.push_back(parent->id);
    return ids;
  }

  void adopt(Node& shard, model::Checkpoint from) {
    shard.known = true;
    shard.checkpoint = std::move(from);
    new_rows.push_back({.shard = shard.id, .parents = parent_ids(shard), .checkpoint = shard.checkpoint});
  }

  [[nodiscard]] static bool adoptable(const Node& shard) {
    return shard.ever_listed && !shard.known && !shard.skipped && shard.absences == 0;
  }

  /// Only shards without a listed child: a closed shard's tail, and a parent listed open by mistake, end before "now".
  void adopt_latest_roots() {
    for (auto& [id, shard] : nodes) {
      if (!shard.ever_listed) continue;
      if (!shard.closed && shard.children.empty()) {
        adopt(shard, model::Latest{});
      } else {
        shard.skipped = true;
      }
    }
  }

  /// Whatever lies above a started shard can no longer be read in order. (At LATEST it never should be.)
  void skip_ancestors_of_started() {
    std::vector<Node*> open;
    for (auto& [id, shard] : nodes) {
      if (shard.started()) open.push_back(&shard);
    }
    std::set<const Node*> seen;
    while (!open.empty()) {
      Node* node = open.back();
      open.pop_back();
      for (Node* parent : node->parents) {
        if (!seen.insert(parent).second) continue;
        parent->skipped |= !parent->known;
        open.push_back(parent);
      }
    }
  }

  /// The new shards below known ones: what a known shard goes on in, however incomplete the listing.
  void adopt_children() {
    std::vector<Node*> open;
    for (auto& [id, shard] : nodes) {
      if (shard.known) open.push_back(&shard);
    }
    while (!open.empty()) {
      Node* node = open.back();
      open.pop_back();
      for (Node* child : node->children) {
        if (!adoptable(*child)) continue;
        adopt(*child, model::TrimHorizon{});
        open.push_back(child);
      }
    }
  }

  void adopt_all() {
    for (auto& [id, shard] : nodes) {
      if (adoptable(shard)) adopt(shard, model::TrimHorizon{});
    }
  }

  /// Some listed shard names a parent that is not listed: trimmed, or left out by this one listing?
  [[nodiscard]] bool parent_in_doubt() const {
    return std::any_of(nodes.begin(), nodes.end(),
                       [](const auto& entry) { return !entry.second.ever_listed && !entry.second.gone(); });
  }

  /// With a link missing, the two ends of one line would both look like roots, and be read at the same time.
  void decide_latest_roots() {
    if (parent_in_doubt()) return;
    adopt_latest_roots();
    roots_decided = true;
  }

  void adopt_new(bool complete) {
    const bool take_all = initial == InitialPosition::kTrimHorizon;
    const bool fresh = !roots_decided;
    if (complete && fresh && !take_all) decide_latest_roots();
    if (complete && take_all) roots_decided = true;
    skip_ancestors_of_started();
    adopt_children();
    // Otherwise what looks new may be an ancestor of ours, with the shards between not shown.
    const bool lines_are_whole = complete && roots_decided && !parent_in_doubt();
    if (lines_are_whole || (fresh && take_all)) adopt_all();
  }

  /// Forgets what neither a row, nor a recent listing, nor a child's question about its parents needs. Not "any child":
  /// then each shard would keep its ancestors for ever.
  void prune() {
    const auto asks = [](const Node* child) { return !child->gone() || (child->known && !child->started()); };
    for (auto entry = nodes.begin(); entry != nodes.end();) {
      const Node& shard = entry->second;
      const bool needed =
          shard.known || !shard.gone() || std::any_of(shard.children.begin(), shard.children.end(), asks);
      entry = needed ? std::next(entry) : drop(entry);
    }
  }

  std::map<ShardId, Node>::iterator drop(std::map<ShardId, Node>::iterator entry) {
    for (Node* parent : entry->second.parents) std::erase(parent->children, &entry->second);
    for (Node* child : entry->second.children) std::erase(child->parents, &entry->second);
    return nodes.erase(entry);
  }

  [[nodiscard]] static bool blocks(const Node& parent, const Node& child) {
    if (parent.known) return !parent.finished();
    // Once the child has been started the question was answered, maybe before the last restart.
    return !parent.skipped && !parent.gone() && !child.started();
  }

  [[nodiscard]] static bool readable(const Node& shard) {
    if (!shard.known || !shard.row_given || shard.reading || shard.finished()) return false;
    return std::none_of(shard.parents.begin(), shard.parents.end(),
                        [&](const Node* parent) { return blocks(*parent, shard); });
  }

  [[nodiscard]] static bool forgettable(const Node& shard) {
    if (!shard.known || !shard.finished() || !shard.gone() || !shard.has_known_child()) return false;
    const auto old_parent_remains = [](const Node* parent) { return parent->known; };
    // Past TRIM_HORIZON also means that the child's row is durable.
    const auto child_needs_it = [](const Node* child) {
      return child->known ? !child->past_trim_horizon() : !child->gone();
    };
    return std::none_of(shard.parents.begin(), shard.parents.end(), old_parent_remains) &&
           std::none_of(shard.children.begin(), shard.children.end(), child_needs_it);
  }

  [[nodiscard]] static bool wants_listing_for(const Node& shard) {
    const bool absence_unconfirmed = shard.absences > 0 && !shard.gone();
    if (shard.known && shard.finished()) return !shard.gone() && !shard.has_known_child();
    return absence_unconfirmed;
  }
};

ShardGraph::ShardGraph(InitialPosition initial, std::vector<model::ShardCheckpoint> restored)
    : impl_(std::make_unique<Impl>(initial, !restored.empty())) {
  for (const model::ShardCheckpoint& row : restored) impl_->restore(row);
}
ShardGraph::~ShardGraph() = default;

void ShardGraph::observe(std::span<const model::Shard> shards, bool complete) {
  for (const model::Shard& shard : shards) {
    if (!shard.id.empty()) impl_->merge(shard);
  }
  impl_->partial_pass = !complete;
  if (complete) impl_->end_pass();
  impl_->adopt_new(complete);
  if (complete) impl_->prune();
}

std::vector<model::ShardCheckpoint> ShardGraph::take_new_rows() {
  for (const model::ShardCheckpoint& row : impl_->new_rows) impl_->known_node(row.shard).row_given = true;
  return std::exchange(impl_->new_rows, {});
}

std::vector<ShardGraph::Readable> ShardGraph::take_readable() {
  std::vector<Readable> taken;
  for (auto& [id, shard] : impl_->nodes) {
    if (!Impl::readable(shard)) continue;
    const bool latest_again = shard.given_out && std::holds_alternative<model::Latest>(shard.checkpoint);
    taken.push_back({.shard = id,
                     .from = latest_again ? model::TrimHorizon{} : shard.checkpoint,
                     .parents = Impl::parent_ids(shard)});
    shard.reading = shard.given_out = true;
  }
  return taken;
}

void ShardGraph::checkpointed(const ShardId& shard, const model::SequenceNumber& sequence) {
  Node& node = impl_->known_node(shard);
  assert(!node.finished());
  const auto* last = std::get_if<model::AfterSequence>(&node.checkpoint);
  assert(!last || last->sequence <= sequence);
  node.checkpoint = model::AfterSequence{sequence};
}

void ShardGraph::finished(const ShardId& shard) {
  Node& node = impl_->known_node(shard);
  assert(!node.finished());
  node.checkpoint = model::ShardEnd{};
  node.reading = false;
}

void ShardGraph::released(const ShardId& shard) {
  Node& node = impl_->known_node(shard);
  assert(node.reading);
  node.reading = false;
}

void ShardGraph::skip_trimmed(const ShardId& shard, bool shard_gone) {
  if (shard_gone) return finished(shard);
  Node& node = impl_->known_node(shard);
  assert(!node.finished());
  node.checkpoint = model::TrimHorizon{};
  node.reading = false;
}

std::vector<ShardId> ShardGraph::missing() const {
  std::vector<ShardId> ids;
  for (const auto& [id, shard] : impl_->nodes) {
    const bool child_listed = std::any_of(shard.children.begin(), shard.children.end(),
                                          [](const Node* child) { return child->ever_listed && !child->gone(); });
    if (shard.known && !shard.finished() && shard.gone() && !child_listed) ids.push_back(id);
  }
  return ids;
}

bool ShardGraph::parent_in_doubt(const ShardId& shard) const {
  const Node& node = impl_->known_node(shard);
  return std::ranges::any_of(node.parents,
                             [&](const Node* parent) { return !parent->known && Impl::blocks(*parent, node); });
}

bool ShardGraph::wants_listing() const {
  if (!impl_->roots_decided || !impl_->any_complete || impl_->partial_pass) return true;
  return std::any_of(impl_->nodes.begin(), impl_->nodes.end(),
                     [](const auto& entry) { return Impl::wants_listing_for(entry.second); });
}

std::vector<ShardId> ShardGraph::take_forgettable() {
  std::vector<ShardId> ids;
  for (auto& [id, shard] : impl_->nodes) {
    if (!Impl::forgettable(shard)) continue;
    shard.known = false;
    ids.push_back(id);
  }
  return ids;
}

std::size_t ShardGraph::unfinished() const {
  return static_cast<std::size_t>(std::count_if(impl_->nodes.begin(), impl_->nodes.end(), [](const auto& entry) {
    return entry.second.known && !entry.second.finished();
  }));
}

std::size_t ShardGraph::known() const {
  return static_cast<std::size_t>(
      std::count_if(impl_->nodes.begin(), impl_->nodes.end(), [](const auto& entry) { return entry.second.known; }));
}

std::size_t ShardGraph::remembered() const { return impl_->nodes.size(); }

}  // namespace dynamirror::ordering
