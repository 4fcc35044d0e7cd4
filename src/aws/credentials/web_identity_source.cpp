// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/web_identity_source.hpp"

namespace dynamirror::aws {

async::Task<Result<Credentials>> WebIdentitySource::fetch() {
  auto token = environment_.read_file(token_file_);
  if (!token) {
    token.error().doing = "read web identity token";
    co_return std::unexpected(std::move(token.error()));
  }
  while (!token->empty() && (token->back() == '\n' || token->back() == '\r')) token->pop_back();
  if (token->empty()) {
    co_return failure(ErrorClass::kInvalid, "read web identity token", token_file_, "the file is empty");
  }
  co_return co_await sts_.assume_role_with_web_identity(role_, Secret(std::move(*token)));
}

}  // namespace dynamirror::aws
