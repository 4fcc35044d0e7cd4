// SPDX-License-Identifier: Apache-2.0
#include "ordering/low_watermark.hpp"

#include <cassert>

namespace dynamirror::ordering {

LowWatermark::Ticket LowWatermark::begin(const model::SequenceNumber& position) {
  assert(open_.empty() ? !safe_ || *safe_ < position : open_.back().position < position);
  open_.push_back(Entry{position});
  return first_ticket_ + open_.size() - 1;
}

void LowWatermark::acknowledge(Ticket ticket) {
  assert(ticket >= first_ticket_ && ticket - first_ticket_ < open_.size());
  Entry& entry = open_[ticket - first_ticket_];
  assert(!entry.acknowledged);
  entry.acknowledged = true;

  // Only an acknowledged prefix may pass: a gap in front means a crash here would lose the change in the gap.
  while (!open_.empty() && open_.front().acknowledged) {
    safe_ = open_.front().position;
    open_.pop_front();
    ++first_ticket_;
  }
}

}  // namespace dynamirror::ordering
