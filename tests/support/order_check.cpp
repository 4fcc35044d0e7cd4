// SPDX-License-Identifier: Apache-2.0
#include "support/order_check.hpp"

#include <algorithm>
#include <map>

namespace dynamirror::support {
namespace {

using History = std::vector<const AppliedWrite*>;

constexpr std::size_t kMostLines = 20;

bool same(const AppliedWrite* a, const AppliedWrite* b) {
  if (!a->item || !b->item) return !a->item && !b->item;
  return a->item == b->item || a->item->text == b->item->text;
}

std::string shown(const AppliedWrite* write) {
  return write->key + (write->item ? " = " + write->item->text.substr(0, 120) : " deleted");
}

/// By key, leaving out writes that repeat the value before them: those leave no record in a stream.
std::map<std::string_view, History> changes_by_key(const std::vector<AppliedWrite>& writes) {
  std::map<std::string_view, History> histories;
  for (const AppliedWrite& write : writes) {
    History& history = histories[write.key];
    const bool first_delete = history.empty() && !write.item;
    if (first_delete || (!history.empty() && same(history.back(), &write))) continue;
    history.push_back(&write);
  }
  std::erase_if(histories, [](const auto& each) { return each.second.empty(); });
  return histories;
}

/// The index of the first change at or after `from` that equals the write; the size when there is none.
std::size_t match(const History& history, std::size_t from, const AppliedWrite* write) {
  while (from < history.size() && !same(history[from], write)) ++from;
  return from;
}

class Checker {
 public:
  explicit Checker(int restarts) : restarts_(restarts) {}

  void check_key(const History& source, const History& target) {
    std::size_t at = 0;
    bool started = false;
    int steps_back = 0;
    std::uint64_t reached = 0;
    for (const AppliedWrite* write : target) {
      std::size_t next = match(source, at, write);
      if (next == source.size() && steps_back < restarts_) {
        ++steps_back;
        next = match(source, 0, write);
      }
      if (next == source.size()) {
        violate("out of order or foreign: write " + std::to_string(write->number) + " of " + shown(write));
        return;
      }
      if (started && next == at) ++report.repeated;
      if (!started || next > at) ++reached;
      started = true;
      at = next;
    }
    if (!started || !same(source[at], source.back())) violate("last change is missing: " + shown(source.back()));
    if (reached < source.size()) report.superseded += source.size() - reached;
  }

  void violate(std::string line) {
    ++report.violation_count;
    if (report.violations.size() < kMostLines) report.violations.push_back(std::move(line));
  }

  OrderReport report;

 private:
  int restarts_;
};

}  // namespace

OrderReport check_order(const std::vector<AppliedWrite>& source, const std::vector<AppliedWrite>& target,
                        int restarts) {
  Checker checker(restarts);
  const auto changes = changes_by_key(source);
  std::map<std::string_view, History> arrived;
  for (const AppliedWrite& write : target) arrived[write.key].push_back(&write);
  checker.report.target_writes = target.size();
  checker.report.keys = changes.size();
  for (const auto& [key, history] : changes) {
    checker.report.source_writes += history.size();
    checker.check_key(history, arrived[key]);
  }
  for (const auto& [key, history] : arrived) {
    if (!changes.contains(key)) checker.violate("a key that the source never changed: " + shown(history.front()));
  }
  return checker.report;
}

OrderReport check_order(const DynamoDbStandin& source, const std::string& source_table, const DynamoDbStandin& target,
                        const std::string& target_table, int restarts) {
  return check_order(source.writes(source_table), target.writes(target_table), restarts);
}

}  // namespace dynamirror::support
