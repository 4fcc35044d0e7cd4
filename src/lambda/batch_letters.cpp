// SPDX-License-Identifier: Apache-2.0
#include "lambda/batch_letters.hpp"

#include "base/printable.hpp"

namespace dynamirror::lambda {
namespace {

std::string line_of(sink::DeadLetter letter) {
  if (!letter.has_key()) return sink::to_json_line(letter);
  const model::Change change = std::move(letter.change);
  letter.change = model::Change::of_key(change.key(), change.sequence(), change.created());
  std::string line = sink::to_json_line(letter);
  line.resize(line.size() - 2);  // the bracket and the line's end
  line += R"(,"refused_image":)";
  line += change.image().empty() ? "null" : json_on_one_line(change.image());
  return line + "}\n";
}

}  // namespace

async::Task<Status> BatchLetters::add(std::vector<sink::DeadLetter> letters) {
  for (const sink::DeadLetter& letter : letters) {
    const bool first = places_.empty() || letter.change.sequence() < first_;
    if (first) first_ = letter.change.sequence();
    if (first) why_ = letter.error;
    places_.push_back({letter.shard, letter.change.sequence()});
    if (letter.has_key()) keys_.emplace(letter.change.key());
    lines_ += line_of(letter);
  }
  co_return Status{};
}

}  // namespace dynamirror::lambda
