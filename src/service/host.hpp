// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "async/stop_request.hpp"
#include "aws/credentials/make_credentials.hpp"
#include "aws/endpoints/table_address.hpp"
#include "aws/surroundings.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "objects/open_store.hpp"
#include "source/kinesis_side.hpp"
#include "state/checkpoint_store.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::service {

/// What a job runs in, whoever runs it: a command in a process of its own, a test, or a daemon with many jobs on one
/// event loop, which gives each a host (a stop of its own, and whatever it is to share with the others).
/// Not thread-safe: belongs to one event loop. Outlives what is opened in it.
class Host {
 public:
  virtual ~Host() = default;

  [[nodiscard]] virtual boost::asio::any_io_executor executor() = 0;
  [[nodiscard]] virtual jobs::StopRequest& stop() = 0;
  [[nodiscard]] virtual Random& random() = 0;
  /// The job's; requests are signed by that of their surroundings.
  [[nodiscard]] virtual const Clock& clock() const = 0;

  /// What reaches the services for a side: a transport that trusts the authorities of its profile, and the environment
  /// that its identity is looked for in. Errors: class invalid for settings that cannot be used.
  [[nodiscard]] virtual Result<aws::Surroundings> surroundings(const aws::SideOptions& side) = 0;

  /// Says who answers at an endpoint, for messages about outages.
  virtual void name_server(const http::Endpoint& /*endpoint*/, const std::string& /*who*/) {}

  /// The checkpoints of a replication, as it is to use them: those that were opened, or what stands before them.
  [[nodiscard]] virtual state::CheckpointStore& checkpoints(state::CheckpointStore& opened) { return opened; }

  /// A table's address as the user wrote it, in its region. Errors: as aws::parse_table_address and
  /// aws::settle_region.
  [[nodiscard]] Result<aws::TableAddress> address_of(const std::string& table, const aws::SideOptions& side = {});

  /// One table as the user named it, with the identity to reach it.
  [[nodiscard]] Result<std::unique_ptr<jobs::TableSide>> open_side(const std::string& table,
                                                                   const aws::SideOptions& options);
  [[nodiscard]] Result<std::unique_ptr<jobs::TableSide>> open_side(aws::TableAddress address,
                                                                   const aws::SideOptions& options);

  /// A stream of Kinesis as the user named it, with the identity to reach it.
  [[nodiscard]] Result<std::unique_ptr<source::KinesisSide>> open_stream_side(const std::string& stream,
                                                                              const aws::SideOptions& options);

  /// Objects at an address as the user wrote it, with the identity to reach them. Errors: class invalid, with what is
  /// wrong with the address or the options.
  [[nodiscard]] Result<std::unique_ptr<objects::ObjectStore>> open_store(const std::string& url,
                                                                         objects::StoreOptions options);
};

}  // namespace dynamirror::service
