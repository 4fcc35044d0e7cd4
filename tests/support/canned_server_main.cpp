// SPDX-License-Identifier: Apache-2.0
//
// canned_server: the DynamoDB for benchmarks as a process. Prints {"port":N,"records":N} when it listens, and at
// SIGTERM or SIGINT what it served, as one line of JSON.
#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <iostream>
#include <map>
#include <string>

#include "support/canned_server.hpp"
#include "support/server_process.hpp"
#include "support/service_members.hpp"

int main(int argc, char** argv) {
  using namespace dynamirror::support;
  CannedServer::Options options;
  CLI::App app("Answers stream pages from memory and accepts every batch, as cheaply as possible");
  const std::map<std::string, CannedForm> forms{
      {"stream", CannedForm::kStream}, {"keys", CannedForm::kKinesisKeys}, {"feed", CannedForm::kKinesisFeed}};
  app.add_option("--form", options.pages.form, "of the records: a table's stream, or of Kinesis keys, or the feed")
      ->transform(CLI::CheckedTransformer(forms));
  app.add_option("--port", options.port, "0: a free one");
  app.add_option("--threads", options.threads)->check(CLI::PositiveNumber);
  app.add_option("--region", options.region);
  app.add_option("--seed", options.pages.seed);
  app.add_option("--shards", options.pages.shards)->check(CLI::PositiveNumber);
  app.add_option("--pages", options.pages.pages, "all are kept in memory");
  app.add_option("--records-per-page", options.pages.records_per_page)->check(CLI::Range(1, 10'000));
  app.add_option("--image-bytes", options.pages.image_bytes, "JSON text of each image");
  app.add_option("--keys", options.pages.keys, "distinct keys; 0: every record has its own");
  app.add_option("--repeats", options.pages.repeats, "records of each key, all in one page")
      ->check(CLI::PositiveNumber);
  app.add_option("--remove-share", options.pages.remove_share)->check(CLI::Range(0.0, 1.0));
  app.add_flag("!--modifications", options.pages.inserts, "no record says INSERT");
  app.add_flag("--old-images", options.pages.old_images);
  CLI11_PARSE(app, argc, argv);

  block_end_signals();
  const CannedServer server(options);
  std::cout << "{\"port\":" << server.port() << ",\"records\":" << server.pages().record_count() << "}" << std::endl;
  wait_for_end_signal();
  const auto statistics = server.statistics();
  std::cout << text_of({{"get_records", statistics.get_records},
                        {"writes", statistics.writes},
                        {"written_items", statistics.written_items},
                        {"batch_gets", statistics.batch_gets},
                        {"read_keys", statistics.read_keys},
                        {"other", statistics.other},
                        {"bytes_received", statistics.bytes_received},
                        {"seconds", statistics.seconds},
                        {"cpu_seconds", statistics.cpu_seconds}})
            << std::endl;
  return 0;
}
