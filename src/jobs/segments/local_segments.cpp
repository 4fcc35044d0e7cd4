// SPDX-License-Identifier: Apache-2.0
#include "jobs/segments/local_segments.hpp"

#include <utility>

#include "async/disk_thread.hpp"

namespace dynamirror::jobs {

LocalSegments::LocalSegments(state::ScanStore& store, Options options, boost::asio::any_io_executor executor)
    : store_(store),
      ledger_(std::move(options.plan)),
      save_interval_(options.save_interval),
      saving_(std::move(executor)) {}

void LocalSegments::start(Work& work) {
  work_ = &work;
  saving_.spawn(keep_saving());
  ledger_.start(work);
}

void LocalSegments::finish(std::uint32_t segment) {
  ledger_.finish(segment);
  save_now_.notify();
  changed_.notify();
}

void LocalSegments::give_back(std::uint32_t segment) {
  ledger_.give_back(segment);
  changed_.notify();
}

async::Task<Status> LocalSegments::close() {
  closing_ = true;
  save_now_.notify();
  while (!ledger_.all_saved()) {
    co_await saved_.wait();
    if (!last_save_) break;
  }
  const Status closed = ledger_.all_saved() ? Status{} : last_save_;
  saving_.cancel();
  co_await saving_.join();
  co_return closed;
}

/// One save at a time; what is said meanwhile is saved together, by the next one.
async::Task<> LocalSegments::keep_saving() {
  while (true) {  // until cancelled, which is when nothing is being saved
    const bool due = last_save_ && (ledger_.end_waits() || (closing_ && !ledger_.all_saved()));
    if (!due) co_await save_now_.wait_for(save_interval_);
    const auto save = ledger_.begin_save();
    if (!save) continue;
    const auto carry_out = [this, save] { return store_.save_segments(*save); };
    last_save_ = co_await async::on_disk_thread(carry_out);
    ledger_.save_ended(last_save_.has_value());
    if (!last_save_) work_->fail({Reason::kState, last_save_.error()});
    saved_.notify();
    changed_.notify();
  }
}

}  // namespace dynamirror::jobs
