// SPDX-License-Identifier: Apache-2.0
//
// kinesis_reader: reads a stream of Kinesis as a replication does (lister, lineage, a reader for each shard), and
// prints a line of JSON for each record and for each shard that has ended. Reads until it is stopped.
#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <iostream>

#include "async/sleep.hpp"
#include "async/task_group.hpp"
#include "base/iso_time.hpp"
#include "http/beast_transport.hpp"
#include "json/writer.hpp"
#include "ordering/shard_graph.hpp"
#include "source/kinesis_stream.hpp"
#include "source/shard_lister.hpp"
#include "source/shard_reader.hpp"
#include "support/aws_stand_ins.hpp"

namespace {

using namespace dynamirror;

[[noreturn]] void fail(const Error& error) {
  std::cout << "{\"error\":" << std::flush;
  std::string text;
  json::Writer(text).string(to_line(error));
  std::cout << text << "}" << std::endl;
  std::_Exit(1);
}

void print_change(const ShardId& shard, const model::Change& change) {
  std::string line;
  json::Writer json(line);
  json.begin_object().name("shard").string(shard.str()).name("sequence").string(change.sequence().str());
  json.name("key").raw(change.key()).name("kind");
  json.string(change.is_key_only() ? "key" : (change.is_delete() ? "remove" : "put"));
  if (!change.image().empty()) json.name("image").raw(change.image());
  const auto since = std::chrono::floor<std::chrono::microseconds>(change.created().time_since_epoch());
  json.name("created").integer(since.count()).end_object();
  std::cout << line << std::endl;
}

void print_unreadable(const ShardId& shard, const model::UnreadableRecord& record) {
  std::string line;
  json::Writer json(line);
  json.begin_object().name("shard").string(shard.str()).name("sequence").string(record.sequence.str());
  json.name("reason").string(record.reason).name("bytes").integer(static_cast<std::int64_t>(record.data.size()));
  json.end_object();
  std::cout << line << std::endl;
}

void print_page(const ShardId& shard, const source::ShardReader::Page& page) {
  auto unreadable = page.unreadable.begin();
  for (const model::Change& change : page.changes) {
    for (; unreadable != page.unreadable.end() && unreadable->sequence < change.sequence(); ++unreadable) {
      print_unreadable(shard, *unreadable);
    }
    print_change(shard, change);
  }
  for (; unreadable != page.unreadable.end(); ++unreadable) print_unreadable(shard, *unreadable);
  if (page.shard_ended) std::cout << "{\"shard\":\"" << shard.str() << "\",\"ended\":true}" << std::endl;
}

struct Program {
  const source::ChangeStream& stream;
  ordering::ShardGraph& graph;
  source::ReadSlots& slots;
  Random& random;
  int page_limit = 1'000;
};

async::Task<> read_shard(Program program, ordering::ShardGraph::Readable readable) {
  const bool begins = std::holds_alternative<model::TrimHorizon>(readable.from);
  source::ShardReader reader(
      {.stream = program.stream, .slots = program.slots, .clock = system_clock(), .random = program.random},
      readable.shard, begins ? program.stream.beginning() : readable.from,
      {.idle_poll = std::chrono::milliseconds(250), .page_limit = program.page_limit});
  while (true) {  // until the shard's end, or the process's
    auto page = co_await reader.next();
    if (!page) fail(page.error());
    print_page(readable.shard, *page);
    if (!page->shard_ended) continue;
    program.graph.finished(readable.shard);
    co_return;
  }
}

async::Task<> read_all(Program program, async::TaskGroup& tasks) {
  source::ShardLister lister(program.stream, program.random, {});
  while (true) {  // until the process's end
    auto listing = co_await lister.list();
    if (!listing) fail(listing.error());
    program.graph.observe(listing->shards, listing->complete);
    (void)program.graph.take_new_rows();
    for (auto& readable : program.graph.take_readable()) tasks.spawn(read_shard(program, std::move(readable)));
    co_await async::sleep_for(std::chrono::milliseconds(100));
  }
}

struct Start {
  model::ShardCheckpoint from;
  int page_limit = 1'000;
};

async::Task<> run(aws::KinesisClient& client, source::KinesisStream::Options options, Start start,
                  boost::asio::any_io_executor executor) {
  auto stream = co_await source::KinesisStream::open(client, std::move(options));
  if (!stream) fail(stream.error());
  std::vector<model::ShardCheckpoint> rows;
  if (!start.from.shard.empty()) rows.push_back(std::move(start.from));
  ordering::ShardGraph graph(ordering::ShardGraph::InitialPosition::kTrimHorizon, std::move(rows));
  source::ReadSlots slots;
  Random random(1);
  async::TaskGroup tasks(executor);
  const Program program{**stream, graph, slots, random, start.page_limit};
  co_await read_all(program, tasks);
}

}  // namespace

int main(int argc, char** argv) {
  std::string endpoint;
  std::string stream;
  std::string table;
  std::string start;
  std::string shard;
  std::string place;
  int page_limit = 1'000;
  source::KinesisStream::Options options{.format = {.key = {{"id", "S"}, {}}}};
  CLI::App app("Prints the changes in a stream of Kinesis");
  app.add_option("--endpoint", endpoint)->required();
  app.add_option("--stream", stream)->required();
  app.add_option("--table", table, "that records must name, if any");
  app.add_option("--start-time", start, "ISO 8601");
  app.add_option("--shard", shard, "to begin within, after --place");
  app.add_option("--place", place, "SEQUENCE[:SUB-SEQUENCE]");
  app.add_option("--page-limit", page_limit, "records in an answer")->check(CLI::PositiveNumber);
  app.add_flag("--keys-only", options.format.keys_only);
  CLI11_PARSE(app, argc, argv);

  if (!table.empty()) options.format.table = TableName(table);
  if (!start.empty()) options.start_time = parse_iso_time(start).value();
  Start from{.from = {.shard = ShardId(shard), .parents = {}, .checkpoint = model::TrimHorizon{}},
             .page_limit = page_limit};
  if (!place.empty()) from.from.checkpoint = model::parse_checkpoint(place).value();

  boost::asio::io_context loop;
  auto transport = http::BeastTransport::make(loop.get_executor(), {});
  if (!transport) fail(transport.error());
  support::StandInCredentials credentials;
  Random random(2);
  aws::ApiClient api({.endpoint = http::parse_endpoint(endpoint).value(),
                      .region = Region("us-east-1"),
                      .service = "kinesis",
                      .target_prefix = aws::KinesisClient::kTargetPrefix,
                      .json_version = aws::KinesisClient::kJsonVersion},
                     **transport, credentials, system_clock(), random);
  aws::KinesisClient client(api, {.name = stream, .display = endpoint + "/" + stream});
  boost::asio::co_spawn(loop, run(client, std::move(options), std::move(from), loop.get_executor()),
                        [](std::exception_ptr thrown) {
                          if (thrown) std::rethrow_exception(thrown);
                        });
  loop.run();
  return 0;
}
