// SPDX-License-Identifier: Apache-2.0
#include "jobs/segments/local_segments.hpp"

#include <utility>

#include "async/sleep.hpp"

namespace dynamirror::jobs {

LocalSegments::LocalSegments(state::ScanStore& store, Options options, boost::asio::any_io_executor executor)
    : ledger_(store, std::move(options.plan)), save_interval_(options.save_interval), saving_(std::move(executor)) {}

void LocalSegments::start(Work& work) {
  work_ = &work;
  saving_.spawn(keep_saving());
  ledger_.start(work);
}

void LocalSegments::finish(std::uint32_t segment) {
  ledger_.finish(segment);
  changed_.notify();
}

void LocalSegments::give_back(std::uint32_t segment) {
  ledger_.give_back(segment);
  changed_.notify();
}

async::Task<Status> LocalSegments::close() {
  saving_.cancel();
  co_await saving_.join();
  co_return ledger_.save();
}

async::Task<> LocalSegments::keep_saving() {
  while (true) {  // until cancelled, or a failure
    co_await async::sleep_for(save_interval_);
    if (auto saved = ledger_.save(); !saved) {
      work_->fail({Reason::kState, std::move(saved.error())});
      co_return;
    }
  }
}

}  // namespace dynamirror::jobs
