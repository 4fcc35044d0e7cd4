// SPDX-License-Identifier: Apache-2.0
//
// What one change costs, and how near that is to the limit.
//
// The server (canned_server) is another process that answers from memory, so all that is measured here is ours: reading
// stream pages, order and coalescing, batches, signatures, HTTP. Each run is a process of its own, so that CPU time and
// peak memory are its own, too:
//   pipeline: the whole replication job over N records of 600 bytes, all of different keys;
//   limit: as many requests of the same bytes, built and signed beforehand, sent by the same HTTP client with nothing
//   around it;
//   signing limit: the same, each signed when it is sent, as it must be.
//
// usage: engine_bench [RECORDS]        (default 1000000; a tenth of it is measured, too)
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "async/stop_request.hpp"
#include "async/task_group.hpp"
#include "aws/environment.hpp"
#include "aws/signing/signer.hpp"
#include "base/clock.hpp"
#include "http/beast_transport.hpp"
#include "jobs/prepare/preflight.hpp"
#include "jobs/replication/replicate.hpp"
#include "sink/table_sink.hpp"
#include "source/table_stream.hpp"
#include "state/memory_store.hpp"
#include "tables/table_side.hpp"

namespace dynamirror {
namespace {

constexpr std::size_t kLanes = 32;  // writes under way in the limit's run
constexpr std::uint64_t kRecordsPerPage = 1'000;
constexpr std::uint64_t kChangesPerBatch = 25;

/// What a run says on stdout, for its parent: records and seconds of the part that counts.
struct Figures {
  std::uint64_t records = 0;
  double seconds = 0;
  double cpu_seconds = 0;
  long peak_kib = 0;
  // As the server has counted.
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
  std::uint64_t written_items = 0;
};

double cpu_seconds_of(const rusage& usage) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return cpu_seconds_of(usage);
}

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "engine_bench: {}\n", why);
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) give_up(to_line(result.error()));
  return std::move(*result);
}

/// Measures from its making to `figures`.
class Stopwatch {
 public:
  [[nodiscard]] Figures figures(std::uint64_t records) const {
    const std::chrono::duration<double> elapsed = system_clock().steady_now() - begun_;
    return {.records = records, .seconds = elapsed.count(), .cpu_seconds = cpu_seconds() - cpu_begun_};
  }

 private:
  SteadyTime begun_ = system_clock().steady_now();
  double cpu_begun_ = cpu_seconds();
};

/// An event loop with a client and the two sides of a replication against the canned server.
struct Bench {
  explicit Bench(const std::string& server)
      : transport(must(http::BeastTransport::make(loop.get_executor(), {.max_connections_per_endpoint = 128}))),
        source(open(server + "/source")),
        target(open(server + "/target")) {}

  std::unique_ptr<jobs::TableSide> open(const std::string& table) {
    return must(jobs::TableSide::open(must(aws::parse_table_address(table)), {},
                                      {*transport, aws::process_environment(), system_clock(), random}));
  }

  template <class Made>
  void run(Made made) {
    boost::asio::co_spawn(loop, made(), [this](std::exception_ptr thrown) {
      if (thrown) std::rethrow_exception(thrown);
      loop.stop();
    });
    loop.run();
  }

  boost::asio::io_context loop{1};
  Random random{1};
  std::unique_ptr<http::BeastTransport> transport;
  std::unique_ptr<jobs::TableSide> source;
  std::unique_ptr<jobs::TableSide> target;
};

/// Notes when each write was done: a run ends with its last one, not with the polls that show that nothing follows.
class TimedSink final : public sink::ChangeSink {
 public:
  TimedSink(sink::ChangeSink& sink, const Stopwatch& stopwatch, Figures& figures)
      : sink_(sink), stopwatch_(stopwatch), figures_(figures) {}

  [[nodiscard]] Limits limits() const override { return sink_.limits(); }
  [[nodiscard]] std::string describe() const override { return sink_.describe(); }
  [[nodiscard]] async::Task<Result<std::vector<sink::Outcome>>> write(std::span<const model::Change* const> changes,
                                                                      SteadyTime not_after) override {
    auto outcomes = co_await sink_.write(changes, not_after);
    figures_ = stopwatch_.figures(figures_.records + changes.size());
    co_return outcomes;
  }

 private:
  sink::ChangeSink& sink_;
  const Stopwatch& stopwatch_;
  Figures& figures_;
};

async::Task<> replicate(Bench& bench, Figures& figures) {
  auto prepared = co_await jobs::preflight(*bench.source, *bench.target, {});
  if (!prepared) give_up(to_line(prepared.error().front().error));
  const source::TableStream stream{bench.source->streams(), prepared->stream, prepared->source.key};
  sink::TableSink sink({.table = prepared->target.name, .key = prepared->target.key}, bench.target->dynamodb(),
                       system_clock());
  const Stopwatch stopwatch;
  TimedSink timed(sink, stopwatch, figures);
  state::MemoryStore store;
  jobs::StopRequest stop;
  jobs::ReplicateOptions options;
  options.stop_when_caught_up = true;
  jobs::Replication job({.stream = stream,
                         .sink = timed,
                         .dead_letters = nullptr,
                         .store = &store,
                         .stop = stop,
                         .clock = system_clock(),
                         .random = bench.random},
                        options, bench.loop.get_executor());
  auto ended = co_await job.run();
  if (!ended) give_up(to_line(ended.error().error));
}

/// A request as the pipeline would send it, not signed yet.
http::Request request_for(const Bench& bench, std::string target, std::string body) {
  http::Request request{.endpoint = bench.source->endpoint(), .body = std::move(body)};
  request.headers = {{"content-type", "application/x-amz-json-1.0"}, {"x-amz-target", std::move(target)}};
  return request;
}

/// Sends one request again and again.
struct Repetition {
  http::Transport& transport;
  const http::Request& request;
  bool sign_each = false;  ///< or once: the server does not look at the time
};

async::Task<> send_many(Repetition repetition, std::uint64_t& left) {
  const http::SendOptions options;
  const aws::Credentials credentials{
      .access_key_id = "bench", .secret_access_key = Secret("bench"), .session_token = {}};
  aws::Signer signer({.region = "local", .service = "dynamodb"});
  http::Request request = repetition.request;
  signer.sign(request, credentials, system_clock().wall_now());
  while (left > 0) {
    --left;
    if (repetition.sign_each) {
      request = repetition.request;
      signer.sign(request, credentials, system_clock().wall_now());
    }
    auto answer = co_await repetition.transport.send(request, options);
    if (!answer) give_up(to_line(answer.error()));
    if (answer->status != 200) give_up("HTTP " + std::to_string(answer->status) + ": " + answer->body);
  }
}

/// A BatchWriteItem of the first changes of a page.
std::string batch_body(const std::vector<model::Change>& changes) {
  std::string body = R"({"RequestItems":{"target":[)";
  for (std::size_t i = 0; i < kChangesPerBatch; ++i) {
    body += (i > 0 ? "," : "") + std::string(R"({"PutRequest":{"Item":)") + std::string(changes[i].image()) + "}}";
  }
  return body + R"(]},"ReturnConsumedCapacity":"TOTAL"})";
}

async::Task<> send_prebuilt(Bench& bench, std::uint64_t records, bool sign_each, Figures& figures) {
  auto prepared = co_await jobs::preflight(*bench.source, *bench.target, {});
  if (!prepared) give_up(to_line(prepared.error().front().error));
  aws::StreamsClient& streams = bench.source->streams();
  const aws::DescribeStreamOptions first_page;
  const auto description = must(co_await streams.describe_stream(prepared->stream, first_page));
  const ShardId shard = description.shards.front().id;
  const model::Checkpoint oldest = model::TrimHorizon{};
  const std::string iterator = must(co_await streams.get_shard_iterator(prepared->stream, shard, oldest));
  const aws::GetRecordsOptions one_page{.iterator = iterator, .limit = 1'000, .shard = shard};
  const auto page = must(co_await streams.get_records(prepared->stream, prepared->source.key, one_page));

  const http::Request read = request_for(bench, "DynamoDBStreams_20120810.GetRecords",
                                         R"({"ShardIterator":")" + iterator + R"(","Limit":1000})");
  const http::Request write = request_for(bench, "DynamoDB_20120810.BatchWriteItem", batch_body(page.changes));
  std::uint64_t reads_left = records / kRecordsPerPage;
  std::uint64_t writes_left = records / kChangesPerBatch;
  const Stopwatch stopwatch;
  async::TaskGroup lanes(bench.loop.get_executor());
  const Repetition reads{*bench.transport, read, sign_each};
  const Repetition writes{*bench.transport, write, sign_each};
  lanes.spawn(send_many(reads, reads_left));
  for (std::size_t i = 0; i < kLanes; ++i) lanes.spawn(send_many(writes, writes_left));
  co_await lanes.join();
  figures = stopwatch.figures(records);
}

int run_child(const std::string& kind, const std::string& server, std::uint64_t records) {
  setenv("AWS_ACCESS_KEY_ID", "bench", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "bench", 1);
  Bench bench(server);
  Figures figures;
  if (kind == "pipeline") {
    bench.run([&] { return replicate(bench, figures); });
  } else {
    bench.run([&] { return send_prebuilt(bench, records, kind == "signing-limit", figures); });
  }
  fmt::print("{} {} {}\n", figures.records, figures.seconds, figures.cpu_seconds);
  return 0;
}

/// A child process whose standard output can be read.
class Child {
 public:
  explicit Child(const std::vector<std::string>& words) {
    int ends[2];
    if (pipe(ends) != 0) give_up("pipe failed");
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      close(ends[0]);
      close(ends[1]);
      std::vector<char*> arguments;
      for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
      arguments.push_back(nullptr);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    close(ends[1]);
    output_ = fdopen(ends[0], "r");
  }
  ~Child() {
    std::fclose(output_);
    if (pid_ > 0) {
      kill(pid_, SIGTERM);
      waitpid(pid_, nullptr, 0);
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  std::string line() {
    char buffer[512];
    return std::fgets(buffer, sizeof buffer, output_) != nullptr ? buffer : "";
  }

  void request_end() const { kill(pid_, SIGTERM); }

  /// Waits for its end; what it used.
  rusage wait() {
    int status = 0;
    rusage usage{};
    wait4(pid_, &status, 0, &usage);
    pid_ = -1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) give_up("a run has failed");
    return usage;
  }

 private:
  pid_t pid_ = -1;
  std::FILE* output_ = nullptr;
};

Figures measure(const std::string& self, const std::string& kind, std::uint64_t records) {
  const auto build = std::filesystem::path(self).parent_path().parent_path();
  Child server({build / "tests" / "canned_server", "--pages", std::to_string(records / kRecordsPerPage),
                "--records-per-page", std::to_string(kRecordsPerPage), "--image-bytes", "600"});
  unsigned port = 0;
  if (std::sscanf(server.line().c_str(), "{\"port\":%u", &port) != 1) give_up("the canned server did not start");
  const std::string url = "http://127.0.0.1:" + std::to_string(port);
  Child run({self, "--run", kind, url, std::to_string(records)});
  Figures figures;
  if (std::sscanf(run.line().c_str(), "%lu %lf %lf", &figures.records, &figures.seconds, &figures.cpu_seconds) != 3) {
    give_up("a run said nothing");
  }
  figures.peak_kib = run.wait().ru_maxrss;
  server.request_end();
  if (std::sscanf(server.line().c_str(), "{\"get_records\":%lu,\"writes\":%lu,\"written_items\":%lu", &figures.reads,
                  &figures.writes, &figures.written_items) != 3) {
    give_up("the canned server has counted nothing");
  }
  return figures;
}

void print(const std::string& name, const Figures& figures) {
  const auto records = static_cast<double>(figures.records);
  const auto of_each = [](std::uint64_t all, std::uint64_t requests) {
    return requests == 0 ? 0.0 : static_cast<double>(all) / static_cast<double>(requests);
  };
  fmt::print(
      "{:<28} {:>9} records  {:>9.0f} records/s  {:>6.2f} us CPU a record  {:>5.0f} MiB peak  {} reads of {:.0f} "
      "records, {} writes of {:.1f}\n",
      name, figures.records, records / figures.seconds, figures.cpu_seconds * 1e6 / records,
      static_cast<double>(figures.peak_kib) / 1024, figures.reads, of_each(figures.records, figures.reads),
      figures.writes, of_each(figures.written_items, figures.writes));
  std::fflush(stdout);
}

void print_ratio(const char* name, const Figures& one, const Figures& other) {
  const auto rate = [](const Figures& figures) { return static_cast<double>(figures.records) / figures.seconds; };
  const auto cost = [](const Figures& figures) { return figures.cpu_seconds / static_cast<double>(figures.records); };
  fmt::print("{}: {:.2f} of the throughput, {:.2f} times the CPU\n", name, rate(one) / rate(other),
             cost(one) / cost(other));
}

int run_all(const std::string& self, std::uint64_t records) {
  const Figures small = measure(self, "pipeline", records / 10);
  print("pipeline", small);
  const Figures large = measure(self, "pipeline", records);
  print("pipeline", large);
  const Figures limit = measure(self, "limit", records);
  print("limit (pre-built requests)", limit);
  const Figures signing_limit = measure(self, "signing-limit", records);
  print("limit, signed when sent", signing_limit);
  print_ratio("pipeline / limit", large, limit);
  print_ratio("pipeline / limit, signed when sent", large, signing_limit);
  return 0;
}

}  // namespace
}  // namespace dynamirror

int main(int argc, char** argv) {
  const std::string self = std::filesystem::canonical("/proc/self/exe");
  if (argc == 5 && std::string(argv[1]) == "--run") {
    return dynamirror::run_child(argv[2], argv[3], std::strtoull(argv[4], nullptr, 10));
  }
  const std::uint64_t records = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  return dynamirror::run_all(self, std::max<std::uint64_t>(records, 10'000));
}
