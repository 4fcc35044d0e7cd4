// SPDX-License-Identifier: Apache-2.0
#include "service/host.hpp"

#include <utility>

namespace dynamirror::service {

Result<aws::TableAddress> Host::address_of(const std::string& table, const aws::SideOptions& side) {
  auto address = aws::parse_table_address(table);
  if (!address) return address;
  const auto around = surroundings(side);
  if (!around) return std::unexpected(around.error());
  return aws::settle_region(std::move(*address), side.region,
                            aws::configured_region(around->environment, side.profile));
}

Result<std::unique_ptr<jobs::TableSide>> Host::open_side(const std::string& table, const aws::SideOptions& options) {
  auto address = address_of(table, options);
  if (!address) return std::unexpected(std::move(address.error()));
  return open_side(std::move(*address), options);
}

Result<std::unique_ptr<jobs::TableSide>> Host::open_side(aws::TableAddress address, const aws::SideOptions& options) {
  const auto around = surroundings(options);
  if (!around) return std::unexpected(around.error());
  auto side = jobs::TableSide::open(std::move(address), options, *around);
  if (!side) return side;
  const std::string who = (options.side.empty() ? "" : options.side + " ") + (*side)->display();
  name_server((*side)->endpoint(), who);
  name_server((*side)->streams_api().options().endpoint, who);
  return side;
}

Result<std::unique_ptr<source::KinesisSide>> Host::open_stream_side(const std::string& stream,
                                                                    const aws::SideOptions& options) {
  auto address = aws::parse_stream_address(stream);
  if (!address) return std::unexpected(std::move(address.error()));
  const auto around = surroundings(options);
  if (!around) return std::unexpected(around.error());
  auto settled = aws::settle_region(std::move(*address), options.region,
                                    aws::configured_region(around->environment, options.profile));
  if (!settled) return std::unexpected(std::move(settled.error()));
  auto side = source::KinesisSide::open(std::move(*settled), options, *around);
  if (side) name_server((*side)->endpoint(), "stream " + (*side)->display());
  return side;
}

Result<std::unique_ptr<objects::ObjectStore>> Host::open_store(const std::string& url, objects::StoreOptions options) {
  auto address = objects::parse_object_address(url);
  if (!address) return std::unexpected(std::move(address.error()));
  const auto around = surroundings(options.side);
  if (!around) return std::unexpected(around.error());
  return objects::open_object_store(*address, std::move(options), *around);
}

}  // namespace dynamirror::service
