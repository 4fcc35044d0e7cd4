// SPDX-License-Identifier: Apache-2.0
#include "sink/guarded_write.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <vector>

#include "json/reader.hpp"

namespace dynamirror::sink {
namespace {

constexpr std::int64_t kMargin = std::chrono::microseconds(GuardedWrite::kClockMargin).count();

}  // namespace

std::string to_json(const Seen& seen) {
  const auto number = [](std::int64_t value) { return R"({"N":")" + std::to_string(value) + "\"}"; };
  std::string text = R"({"L":[)" + number(seen.oldest) + "," + number(seen.newest);
  if (seen.read != 0) text += "," + number(seen.read);
  return text + "]}";
}

std::optional<Seen> parse_seen(std::string_view value_json) {
  std::vector<std::int64_t> numbers;
  json::Reader reader;
  const auto bad = [] { return failure(ErrorClass::kInvalid, {}, {}, {}); };
  const Status status = reader.read_copy(value_json, [&](json::Value& value) {
    return value.for_each_member([&](std::string_view type, json::Value& list) -> Status {
      if (type != "L") return bad();
      return list.for_each_element([&](json::Value& element) {
        return element.for_each_member([&](std::string_view number_type, json::Value& number) -> Status {
          const auto text = number.string();
          if (number_type != "N" || !text) return bad();
          std::int64_t read = 0;
          const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), read);
          if (error != std::errc() || end != text->data() + text->size()) return bad();
          numbers.push_back(read);
          return {};
        });
      });
    });
  });
  if (!status || numbers.size() < 2 || numbers.size() > 3 || numbers[0] > numbers[1]) return std::nullopt;
  return Seen{numbers[0], numbers[1], numbers.size() == 3 ? numbers[2] : 0};
}

void GuardedWrite::image_put(bool condition_held) {
  assert(step_ == Step::kPutImage);
  step_ = condition_held ? Step::kApplied : Step::kReadReplica;
}

void GuardedWrite::replica_is(const Replica& replica) {
  assert(step_ == Step::kReadReplica);
  replica_there_ = replica.there;
  step_ = Step::kReadPrimary;
  if (!replica.seen) return;
  if (replica.seen->oldest > created_) return done("newer image");
  const Seen own{created_, created_};
  if (has_image_ && replica.is_image && *replica.seen == own) return done("already there");
}

void GuardedWrite::primary_is(const Primary& primary) {
  assert(step_ == Step::kReadPrimary);
  if (!primary.there) {
    step_ = replica_there_ ? Step::kDelete : Step::kApplied;
    return;
  }
  // What was read holds every change that was stamped before the read, and none that was stamped after it, as far as
  // the two clocks agree. An item that is still what this change has made of it is as old as that says.
  guard_.oldest = std::max(created_, primary.asked_at - kMargin);
  guard_.newest =
      has_image_ && primary.is_image ? guard_.oldest : std::max(guard_.oldest, primary.answered_at + kMargin);
  guard_.read = primary.answered_at;
  step_ = Step::kPutItem;
}

void GuardedWrite::written(bool condition_held) {
  assert(step_ == Step::kPutItem || step_ == Step::kDelete);
  step_ = condition_held ? Step::kApplied : ++rounds_ < kMaxRounds ? Step::kReadReplica : Step::kTryAgain;
}

}  // namespace dynamirror::sink
