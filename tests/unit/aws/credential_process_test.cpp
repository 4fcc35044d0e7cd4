// SPDX-License-Identifier: Apache-2.0
//
// Goal: a credential_process is run as the AWS tools run it, and cannot hang us, flood us or outlive us.
// Method: real commands of /bin/sh, each ended by a condition and not by a pause.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <boost/asio/post.hpp>
#include <cerrno>

#include "async/task_group.hpp"
#include "aws/credentials/impl/run_command.hpp"
#include "aws/credentials/process_source.hpp"
#include "support/run_task.hpp"

namespace dynamirror::aws {
namespace {

using std::chrono::milliseconds;
using support::run_task;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(CredentialProcess, GivesTheCredentialsTheCommandPrints) {
  ProcessSource source("tool", R"(printf '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T",
"Expiration":"2026-01-01T06:00:00Z"}')");
  const auto credentials = run_task(source.fetch());
  ASSERT_TRUE(credentials) << to_line(credentials.error());
  EXPECT_EQ(credentials->access_key_id, "A");
  EXPECT_EQ(credentials->secret_access_key.reveal(), "S");
  EXPECT_EQ(credentials->session_token.reveal(), "T");
  EXPECT_EQ(credentials->expires,
            WallTime(std::chrono::sys_days{std::chrono::year{2026} / 1 / 1} + std::chrono::hours(6)));
}

TEST(CredentialProcess, TellsAFailureWithoutTheCommandOrItsOutput) {
  ProcessSource source("tool", "echo SECRET-OUTPUT; : SECRET-ARGUMENT; exit 3");
  const auto credentials = run_task(source.fetch());
  ASSERT_FALSE(credentials);
  const std::string text = to_line(credentials.error());
  EXPECT_EQ(text,
            "run credential_process of profile tool: the command exited with status 3; its own words are on "
            "standard error");
}

TEST(CredentialProcess, TellsASignalAndUnusableOutput) {
  EXPECT_THAT(run_task(run_command("kill -9 $$")).error().message, HasSubstr("ended by signal 9"));
  ProcessSource source("tool", "echo not-json SECRET-OUTPUT");
  const auto credentials = run_task(source.fetch());
  ASSERT_FALSE(credentials);
  EXPECT_THAT(to_line(credentials.error()), HasSubstr("not the JSON of credentials"));
  EXPECT_THAT(to_line(credentials.error()), Not(HasSubstr("SECRET-OUTPUT")));
}

TEST(CredentialProcess, HasNothingToReadFrom) { EXPECT_EQ(run_task(run_command("cat; echo end")).value(), "end\n"); }

TEST(CredentialProcess, IsStoppedWhenItWritesTooMuch) {
  const auto output =
      run_task(run_command("cat /dev/zero", {.timeout = milliseconds(60'000), .max_output_bytes = 10'000}));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().error_class, ErrorClass::kInvalid);
}

TEST(CredentialProcess, IsStoppedWithItsChildrenWhenItDoesNotEnd) {
  const auto output =
      run_task(run_command("sleep 1000 & wait", {.timeout = milliseconds(50), .max_output_bytes = 100}));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().error_class, ErrorClass::kTransient);
  EXPECT_THAT(output.error().message, HasSubstr("did not end within 50 ms"));
}

TEST(CredentialProcess, IsStoppedWhenItClosesItsOutputButDoesNotEnd) {
  const auto output =
      run_task(run_command("exec >/dev/null; sleep 1000", {.timeout = milliseconds(50), .max_output_bytes = 100}));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().error_class, ErrorClass::kTransient);
}

async::Task<> run_into(std::optional<Result<std::string>>& result) { result = co_await run_command("sleep 1000"); }

async::Task<> cancel_at_once(std::optional<Result<std::string>>& result) {
  async::TaskGroup group(co_await boost::asio::this_coro::executor);
  group.spawn(run_into(result));
  co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
  group.cancel();
  co_await group.join();
}

TEST(CredentialProcess, IsStoppedWhenTheTaskIsCancelled) {
  std::optional<Result<std::string>> result;
  run_task(cancel_at_once(result));
  EXPECT_FALSE(result) << "cancellation passes through";
  // No child is left, neither running nor as a zombie.
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace dynamirror::aws
