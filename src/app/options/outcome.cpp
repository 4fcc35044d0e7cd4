// SPDX-License-Identifier: Apache-2.0
#include "app/options/outcome.hpp"

#include <fmt/format.h>

#include <system_error>

#include "base/console.hpp"
#include "base/text.hpp"

namespace dynamirror::app {
namespace {

struct Outcome {
  std::string error;  ///< the last one that was said
  bool summed_up = false;
};

Outcome& outcome() {
  static Outcome instance;
  return instance;
}

}  // namespace

void complain(const Error& error) {
  outcome().error = to_line(error);
  console::say("dynamirror: " + outcome().error);
}

ExitCode fail(const jobs::JobFailure& failure) {
  complain(failure.error);
  return exit_code_of(failure.reason);
}

ExitCode fail(const Error& error) {
  complain(error);
  return exit_code_for(error);
}

void print(const std::string& text) { console::print(text); }

void print_summary(const std::string& text) {
  outcome().summed_up = true;
  print(text);
}

ExitCode settled(ExitCode exit_code, OutputFormat format) {
  if (exit_code > ExitCode::kDifferent) (void)sum_up_without_work(exit_code, format);
  return exit_code;
}

int sum_up_without_work(ExitCode exit_code, OutputFormat format) {
  if (format == OutputFormat::kJson && !outcome().summed_up) {
    print_summary(fmt::format("{{\"exit_code\":{},\"error\":{}}}\n", static_cast<int>(exit_code),
                              outcome().error.empty() ? "null" : json_quoted(outcome().error)));
  }
  return static_cast<int>(exit_code);
}

int with_output_checked(int exit_code) {
  const int error = console::output_error();
  if (error == 0) return exit_code;
  console::say("dynamirror: write results to standard output: " + std::generic_category().message(error) +
               "; what is missing there is lost");
  const auto said = static_cast<ExitCode>(exit_code);
  const bool failed_before = said > ExitCode::kDifferent && said != ExitCode::kStoppedEarly;
  return failed_before ? exit_code : static_cast<int>(ExitCode::kOutput);
}

}  // namespace dynamirror::app
