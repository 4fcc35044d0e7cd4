// SPDX-License-Identifier: Apache-2.0
//
// guarded_feed: the sinks for a feed out of order, and for old events, as a process. Reads changes from stdin, one JSON
// object a line
// ({"key":{…},"image":{…} or null,"created":microseconds}), brings them to a replica, and prints what it has done as
// one line of JSON at the end of its input.
#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <functional>
#include <iostream>

#include "aws/endpoints/table_address.hpp"
#include "base/clock.hpp"
#include "http/beast_transport.hpp"
#include "pipeline/pipeline.hpp"
#include "sink/differing_items.hpp"
#include "sink/guarded_images.hpp"
#include "support/replication_run.hpp"
#include "tables/table_side.hpp"

namespace {

using namespace dynamirror;

model::Change parse_change(const std::string& line, std::uint64_t number, bool by_key) {
  const boost::json::object members = boost::json::parse(line).as_object();
  const boost::json::value& image = members.at("image");
  const WallTime created{std::chrono::microseconds(members.at("created").to_number<std::int64_t>())};
  const auto sequence = model::SequenceNumber::of(number);
  const std::string key = boost::json::serialize(members.at("key"));
  if (by_key) return model::Change::of_key(key, sequence, created);
  return {key, image.is_null() ? "" : boost::json::serialize(image), sequence, created};
}

struct Tables {
  jobs::TableSide& primary;
  jobs::TableSide& replica;
};

/// Brings all of stdin to the sink; what became of it.
async::Task<boost::json::object> feed(sink::ChangeSink* sink, bool by_key, Random* random) {
  const auto executor = co_await boost::asio::this_coro::executor;
  jobs::Ending ending;
  jobs::Pipeline::Options options;
  options.by_creation = !by_key;
  jobs::Pipeline pipeline({*sink, nullptr, system_clock(), *random, executor, ending}, options);
  const auto shard = pipeline.add_shard();
  pipeline.start();
  std::uint64_t number = 0;
  for (std::string line; std::getline(std::cin, line);) pipeline.push(shard, parse_change(line, ++number, by_key));
  pipeline.wake_writers();
  const std::function<bool()> failed = [&ending] { return ending.failure().has_value(); };
  co_await pipeline.drain(failed);
  co_await pipeline.stop();
  if (ending.failure()) std::cerr << to_line(ending.failure()->error) << std::endl;
  const auto& counters = pipeline.counters();
  boost::json::object done{{"read", counters.read},
                           {"applied", counters.applied},
                           {"superseded", counters.superseded},
                           {"failed", ending.failure().has_value()}};
  co_return done;
}

async::Task<> replicate(Tables tables, bool by_key) {
  const model::KeySchema key{{"id", "S"}, {}};
  const TableName replica = tables.replica.address().table;
  const TableName primary = tables.primary.address().table;
  Random random(1);
  boost::json::object done;
  if (by_key) {
    sink::DifferingItems::Options options{.replica = replica, .primary = primary, .key = key};
    sink::DifferingItems sink(std::move(options),
                              {tables.replica.dynamodb(), tables.primary.dynamodb(), system_clock(), random});
    done = co_await feed(&sink, by_key, &random);
    const auto statistics = sink.statistics();
    done["equal"] = statistics.equal;
    done["written"] = statistics.written;
    done["refused"] = statistics.refused;
  } else {
    sink::GuardedImages::Options options{.replica = replica, .primary = primary, .key = key};
    sink::GuardedImages sink(std::move(options),
                             {tables.replica.dynamodb(), tables.primary.dynamodb(), system_clock(), random});
    done = co_await feed(&sink, by_key, &random);
    const auto statistics = sink.statistics();
    done["images"] = statistics.images;
    done["reads"] = statistics.read;
    done["conditions"] = statistics.conditions;
  }
  std::cout << boost::json::serialize(done) << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  std::string primary_url;
  std::string replica_url;
  CLI::App app("Brings a feed of changes, twice and out of order, to a replica");
  app.add_option("PRIMARY", primary_url, "URL of the table")->required();
  app.add_option("REPLICA", replica_url, "URL of its replica")->required();
  bool by_key = false;
  app.add_flag("--by-key", by_key, "apply the keys alone, where the replica differs (DifferingItems)");
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
  boost::asio::co_spawn(loop, replicate({**primary, **replica}, by_key), boost::asio::detached);
  loop.run();
  return 0;
}
