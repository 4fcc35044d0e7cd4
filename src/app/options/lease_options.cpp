// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "app/options/options.hpp"
#include "base/text.hpp"

namespace dynamirror::app {
namespace {

constexpr const char* kGroup = "Leases";

/// Where the table is, and how leases are kept in it.
void add_lease_access(CLI::App& app, service::LeaseOptions& options, const std::string& failover_help) {
  app.add_option("--lease-region", options.region, "where the lease table is (the source's region)")
      ->option_text("REGION")
      ->group(kGroup);
  app.add_option("--lease-endpoint", options.endpoint, "server of the lease table (the source's)")
      ->option_text("URL")
      ->group(kGroup);
  app.add_option("--lease-role-arn", options.role_arn, "role to assume for it (the source's identity)")
      ->option_text("ARN")
      ->group(kGroup);
  app.add_option("--lease-external-id", options.external_id, "external id for that role")
      ->option_text("ID")
      ->group(kGroup);
  app.add_option_function<std::string>(
         "--failover-time",
         [&options](const std::string& text) {
           const auto time = parse_duration(text);
           if (!time) throw CLI::ValidationError("--failover-time", to_line(time.error()));
           if (*time < std::chrono::seconds(1)) throw CLI::ValidationError("--failover-time", "at least 1s");
           options.failover = *time;
         },
         "a lease that its owner has not renewed for this long is taken: the same for all workers of a table (" +
             failover_help + ")")
      ->option_text("DURATION")
      ->group(kGroup);
  app.add_option("--max-leases", options.max_leases, "most leases that this process takes")
      ->check(CLI::Range(1, std::numeric_limits<int>::max()))
      ->option_text("N")
      ->group(kGroup);
}

}  // namespace

void add_job_leases(CLI::App& app, service::LeaseOptions& options) {
  app.add_option_function<std::string>(
         "--lease-table",
         [&options](const std::string& name) {
           if (name.empty()) throw CLI::ValidationError("--lease-table", "needs a name");
           options.wanted = true;
           options.table = name;
         },
         "share the job with other processes through this table of its own (made when there is none), or file:PATH on "
         "one machine")
      ->option_text("NAME")
      ->group(kGroup);
  add_lease_access(app, options, "10s");
}

void add_leases(CLI::App& app, service::LeaseOptions& options) {
  auto* table = app.add_option_function<std::vector<std::string>>(
      "--lease-table",
      [&options](const std::vector<std::string>& names) {
        options.wanted = true;
        if (!names.empty()) options.table = names.front();
      },
      "share the work with other processes through this table, or file:PATH on one machine (no NAME: the table that "
      "awslabs' cross-region library uses for the same tables)");
  table->expected(0, 1)->option_text("[NAME]")->group(kGroup);
  app.add_option_function<std::string>(
         "--task",
         [&options](const std::string& name) {
           options.wanted = true;
           options.task = name;
         },
         "as --lease-table, by the task's name in awslabs' tool")
      ->option_text("NAME")
      ->group(kGroup)
      ->excludes(table);
  add_lease_access(app, options, "10s; 60s with the table of awslabs' tool");
  app.add_flag("--steal-from-kcl", options.steals_from_kcl,
               "take leases of KCL's workers that live, too, for even loads (default: only free and expired ones). "
               "A KCL worker goes on with the batch it is in: it may write older values over newer ones")
      ->group(kGroup);
}

}  // namespace dynamirror::app
