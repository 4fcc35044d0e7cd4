// SPDX-License-Identifier: Apache-2.0
//
// guarded_feed: the sink for a feed out of order as a process. Reads changes from stdin, one JSON object a line
// ({"key":{…},"image":{…} or null,"created":microseconds}), brings them to a replica, and prints what it has done as
// one line of JSON at the end of its input.
#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <iostream>

#include "aws/endpoints/table_address.hpp"
#include "base/clock.hpp"
#include "http/beast_transport.hpp"
#include "pipeline/pipeline.hpp"
#include "sink/guarded_images.hpp"
#include "support/replication_run.hpp"
#include "tables/table_side.hpp"

namespace {

using namespace dynamirror;

model::Change parse_change(const std::string& line, std::uint64_t number) {
  const boost::json::object members = boost::json::parse(line).as_object();
  const boost::json::value& image = members.at("image");
  const WallTime created{std::chrono::microseconds(members.at("created").to_number<std::int64_t>())};
  return {boost::json::serialize(members.at("key")), image.is_null() ? "" : boost::json::serialize(image),
          model::SequenceNumber::of(number), created};
}

async::Task<> replicate(jobs::TableSide& primary, jobs::TableSide& replica) {
  const auto executor = co_await boost::asio::this_coro::executor;
  Random random(1);
  jobs::Ending ending;
  sink::GuardedImages::Options tables{
      .replica = replica.address().table, .primary = primary.address().table, .key = {{"id", "S"}, {}}};
  sink::GuardedImages sink(std::move(tables), {replica.dynamodb(), primary.dynamodb(), system_clock(), random});
  jobs::Pipeline::Options options;
  options.by_creation = true;
  jobs::Pipeline pipeline({sink, nullptr, system_clock(), random, executor, ending}, options);
  const auto shard = pipeline.add_shard();
  pipeline.start();
  std::uint64_t number = 0;
  for (std::string line; std::getline(std::cin, line);) pipeline.push(shard, parse_change(line, ++number));
  pipeline.wake_writers();
  co_await pipeline.drain([&ending] { return ending.failure().has_value(); });
  co_await pipeline.stop();
  if (ending.failure()) std::cerr << to_line(ending.failure()->error) << std::endl;
  const auto& counters = pipeline.counters();
  const auto statistics = sink.statistics();
  std::cout << boost::json::serialize(boost::json::object{{"read", counters.read},
                                                          {"applied", counters.applied},
                                                          {"superseded", counters.superseded},
                                                          {"images", statistics.images},
                                                          {"reads", statistics.read},
                                                          {"conditions", statistics.conditions},
                                                          {"failed", ending.failure().has_value()}})
            << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  std::string primary_url;
  std::string replica_url;
  CLI::App app("Brings a feed of changes, twice and out of order, to a replica");
  app.add_option("PRIMARY", primary_url, "URL of the table")->required();
  app.add_option("REPLICA", replica_url, "URL of its replica")->required();
  CLI11_PARSE(app, argc, argv);

  boost::asio::io_context loop;
  const auto transport = http::BeastTransport::make(loop.get_executor(), {});
  support::ScriptedEnvironment environment;
  environment.variables = {{"AWS_ACCESS_KEY_ID", "local"}, {"AWS_SECRET_ACCESS_KEY", "local"}};
  Random random(random_seed());
  const auto open = [&](const std::string& url) {
    return jobs::TableSide::open(*aws::parse_table_address(url), {},
                                 {**transport, environment, system_clock(), random});
  };
  const auto primary = open(primary_url);
  const auto replica = open(replica_url);
  if (!transport || !primary || !replica) return 2;
  boost::asio::co_spawn(loop, replicate(**primary, **replica), boost::asio::detached);
  loop.run();
  return 0;
}
