// SPDX-License-Identifier: Apache-2.0
//
// The function under AWS Lambda. It has hardly an option: Lambda gives functions variables.
#include "app/cli/lambda_command.hpp"
#include "app/options/options.hpp"

namespace dynamirror::app {

void add_lambda_command(CLI::App& app, Run& chosen) {
  auto command = std::make_shared<LambdaCommand>();
  command->common.log_format = log::Format::kJson;
  command->common.output = OutputFormat::kText;
  CLI::App& lambda = *app.add_subcommand(
      "lambda", "apply what a stream sends to a function under AWS Lambda; also when started as `bootstrap`");
  lambda
      .add_option("HANDLER", command->handler,
                  "dynamirror.replicate, dynamirror.backup, index.replicate, index.backup, "
                  "replicator.lambda_handler or ReplayFromStream.lambda_handler (default: as _HANDLER says)")
      ->option_text(" ");
  lambda.footer("All else is said by variables of the environment: see docs/lambda.md.");
  on_chosen(lambda, command, chosen, run_lambda);
}

}  // namespace dynamirror::app
