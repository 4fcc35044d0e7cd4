// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/process_source.hpp"

#include "aws/credentials/impl/credentials_json.hpp"
#include "aws/credentials/impl/run_command.hpp"

namespace dynamirror::aws {

async::Task<Result<Credentials>> ProcessSource::fetch() {
  auto output = co_await run_command(command_);
  if (!output) {
    output.error().resource = "of profile " + profile_;
    co_return std::unexpected(std::move(output.error()));
  }
  co_return parse_credentials_json(*output, "run credential_process", "of profile " + profile_);
}

}  // namespace dynamirror::aws
