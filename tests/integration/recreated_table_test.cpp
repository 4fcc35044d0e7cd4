// SPDX-License-Identifier: Apache-2.0
//
// Goal: what a state file says of a table is never believed of another table that has its name.
// Method: the commands themselves between two scripted servers, where a table is deleted and made anew between runs.
#include <sqlite3.h>

#include <cstdlib>

#include "app/cli/copy_command.hpp"
#include "app/cli/replicate_command.hpp"
#include "integration/replicate_fixture.hpp"
#include "state/local_store.hpp"

namespace dynamirror::integration {
namespace {

using app::ExitCode;
using ::testing::HasSubstr;

class RecreatedTable : public ReplicateTest {
 protected:
  RecreatedTable() {
    ::setenv("AWS_ACCESS_KEY_ID", support::Identity{}.access_key_id.c_str(), 1);
    ::setenv("AWS_SECRET_ACCESS_KEY", support::Identity{}.secret_access_key.c_str(), 1);
    copying.source = source.address_of(kSource);
    copying.target = target.address_of(kTarget);
    copying.state_file = state_file().string();
    service::ReplicationOptions& options = replication.replication;
    options.source.address = copying.source;
    options.target = service::TableOptions{.address = copying.target};
    options.files.state = copying.state_file;
    options.job = ReplicationRun::brisk();
    options.load.wanted = true;
    copying.stop_on_error = true;
    add_tables();
    put("a", "1");
    put("b", "1");
  }

  [[nodiscard]] std::filesystem::path state_file() const { return folder.path() / "state"; }
  ExitCode replicate() {
    return keep_words([&] { return app::run_replicate(replication); });
  }
  ExitCode copy() {
    return keep_words([&] { return app::run_copy(copying); });
  }
  /// A copy that ended before it had brought everything, so that the next one resumes it.
  void copy_a_part() {
    target.refuse_key(kTarget, key_of("b"));
    ASSERT_EQ(copy(), ExitCode::kPoison) << words;
    target.refuse_key(kTarget, key_of("b"), false);
  }
  void recreate_target() {
    target.remove_table(kTarget);
    target.add_table({.name = kTarget, .key = hash_only(), .stream_view = std::nullopt});
  }
  /// Format 2 had no facts.
  void as_an_earlier_version_left_it() const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(state_file().c_str(), &database), SQLITE_OK);
    sqlite3_exec(database, "DROP TABLE facts; PRAGMA user_version = 2", nullptr, nullptr, nullptr);
    sqlite3_close(database);
  }
  void recreate_source() {
    source.remove_table(kSource);
    source.add_table({.name = kSource, .key = hash_only()});
  }

  app::ReplicateCommand replication;
  app::CopyCommand copying;
  std::string words;  ///< what the last command said

 private:
  template <class Run>
  ExitCode keep_words(Run run) {
    ::testing::internal::CaptureStderr();
    const ExitCode exit_code = run();
    words = ::testing::internal::GetCapturedStderr();
    return exit_code;
  }
};

TEST_F(RecreatedTable, ATargetMadeAnewAfterTheLoadIsNoReplica) {
  ASSERT_EQ(replicate(), ExitCode::kOk) << words;
  ASSERT_EQ(replicate(), ExitCode::kOk) << words;
  recreate_target();
  EXPECT_EQ(replicate(), ExitCode::kState) << words;
  EXPECT_THAT(words, HasSubstr(target.address_of(kTarget) + " was deleted and made anew"));
  EXPECT_THAT(words, HasSubstr("--initial-load"));
  EXPECT_EQ(replicate(), ExitCode::kState) << "a second start does not hide it";

  std::filesystem::remove(state_file());
  EXPECT_EQ(replicate(), ExitCode::kOk) << words;
  EXPECT_EQ(target_values(), "a=1 b=1");
}

TEST_F(RecreatedTable, NeitherIsOneThatTheReplicatorMakesItself) {
  replication.replication.preflight.create_target = true;
  ASSERT_EQ(replicate(), ExitCode::kOk) << words;
  target.remove_table(kTarget);
  EXPECT_EQ(replicate(), ExitCode::kState) << words;
  EXPECT_EQ(replicate(), ExitCode::kState) << "a second start does not hide it";
}

TEST_F(RecreatedTable, ACopyIsNotResumedIntoATargetMadeAnew) {
  copy_a_part();
  recreate_target();
  EXPECT_EQ(copy(), ExitCode::kState) << words;
  EXPECT_THAT(words, HasSubstr(target.address_of(kTarget) + " was deleted and made anew"));
}

TEST_F(RecreatedTable, ACopyIsNotResumedFromASourceMadeAnew) {
  copy_a_part();
  recreate_source();
  EXPECT_EQ(copy(), ExitCode::kState) << words;
  EXPECT_THAT(words, HasSubstr(source.address_of(kSource) + " was deleted and made anew"));
}

TEST_F(RecreatedTable, AFinishedCopyPromisesNothingOfTheNextTarget) {
  ASSERT_EQ(copy(), ExitCode::kOk) << words;
  recreate_target();
  EXPECT_EQ(copy(), ExitCode::kOk) << words;
  EXPECT_EQ(target_values(), "a=1 b=1");
}

TEST_F(RecreatedTable, AStateFileThatNamesNoTableIdLearnsIt) {
  ASSERT_EQ(replicate(), ExitCode::kOk) << words;
  as_an_earlier_version_left_it();
  EXPECT_EQ(replicate(), ExitCode::kOk) << words;
  recreate_target();
  EXPECT_EQ(replicate(), ExitCode::kState) << words;
}

}  // namespace
}  // namespace dynamirror::integration
