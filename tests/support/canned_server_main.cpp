// SPDX-License-Identifier: Apache-2.0
//
// canned_server: the DynamoDB for benchmarks as a process. Prints {"port":N,"records":N} when it listens, and at
// SIGTERM or SIGINT what it served, as one line of JSON.
#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <iostream>

#include "support/canned_server.hpp"
#include "support/server_process.hpp"
#include "support/service_members.hpp"

int main(int argc, char** argv) {
  using namespace dynamirror::support;
  CannedServer::Options options;
  CLI::App app("Answers stream pages from memory and accepts every batch, as cheaply as possible");
  app.add_option("--port", options.port, "0: a free one");
  app.add_option("--threads", options.threads)->check(CLI::PositiveNumber);
  app.add_option("--region", options.region);
  app.add_option("--seed", options.pages.seed);
  app.add_option("--pages", options.pages.pages, "all are kept in memory");
  app.add_option("--records-per-page", options.pages.records_per_page)->check(CLI::Range(1, 1000));
  app.add_option("--image-bytes", options.pages.image_bytes, "JSON text of each image");
  app.add_option("--keys", options.pages.keys, "distinct keys; 0: every record has its own");
  app.add_option("--remove-share", options.pages.remove_share)->check(CLI::Range(0.0, 1.0));
  app.add_flag("--old-images", options.pages.old_images);
  CLI11_PARSE(app, argc, argv);

  block_end_signals();
  const CannedServer server(options);
  std::cout << "{\"port\":" << server.port() << ",\"records\":" << server.pages().record_count() << "}" << std::endl;
  wait_for_end_signal();
  const auto statistics = server.statistics();
  std::cout << text_of({{"get_records", statistics.get_records},
                        {"writes", statistics.writes},
                        {"other", statistics.other},
                        {"bytes_received", statistics.bytes_received},
                        {"cpu_seconds", statistics.cpu_seconds}})
            << std::endl;
  return 0;
}
