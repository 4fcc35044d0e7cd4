// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <string>
#include <utility>

#include "base/random.hpp"
#include "http/transport.hpp"
#include "service/host.hpp"
#include "support/replication_run.hpp"

namespace dynamirror::support {

/// What a job runs in, in a test: an event loop of the test's, and the stand-ins' default identity for both sides.
class TestHost : public service::Host {
 public:
  /// REQUIRES: the transport outlives what runs in this.
  TestHost(boost::asio::any_io_executor executor, http::Transport& transport)
      : executor_(std::move(executor)), transport_(transport) {
    environment_.variables = {{"AWS_ACCESS_KEY_ID", Identity{}.access_key_id},
                              {"AWS_SECRET_ACCESS_KEY", Identity{}.secret_access_key}};
  }

  [[nodiscard]] boost::asio::any_io_executor executor() override { return executor_; }
  [[nodiscard]] jobs::StopRequest& stop() override { return stop_; }
  [[nodiscard]] Random& random() override { return random_; }
  [[nodiscard]] const Clock& clock() const override { return system_clock(); }
  [[nodiscard]] Result<aws::Surroundings> surroundings(const aws::SideOptions&) override {
    return aws::Surroundings{transport_, environment_, system_clock(), random_};
  }

 private:
  boost::asio::any_io_executor executor_;
  http::Transport& transport_;
  ScriptedEnvironment environment_;
  Random random_{1};
  jobs::StopRequest stop_;
};

}  // namespace dynamirror::support
