// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "async/task.hpp"
#include "aws/dynamodb/table_description.hpp"
#include "pipeline/job_failure.hpp"
#include "service/host.hpp"
#include "service/replication_options.hpp"
#include "source/kinesis_side.hpp"
#include "source/kinesis_stream.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::service {

/// The stream of Kinesis that tells the changes of a replication's source. Not thread-safe.
class KinesisChanges {
 public:
  /// Calls nobody yet. Errors: class invalid. REQUIRES: options and host outlive the object.
  [[nodiscard]] static Result<std::unique_ptr<KinesisChanges>> open(const ChangesOptions& options, Host& host);

  /// The table whose changes are told.
  struct Source {
    jobs::TableSide& side;
    const aws::TableDescription& table;
    bool dry_run = false;  ///< the feed is not turned on
  };
  /// Finds the stream, tries to read it and says for how long it keeps a record; turns the feed on if that is wanted.
  [[nodiscard]] async::Task<jobs::JobResult<void>> prepare(Source source);

  /// REQUIRES, as of all below: prepared.
  [[nodiscard]] const source::ChangeStream& stream() const { return *stream_; }
  /// The name under which a state file knows the stream: the one of this name, whenever it was made.
  [[nodiscard]] const std::string& identity() const { return identity_; }
  [[nodiscard]] source::KinesisSide& side() { return *side_; }

 private:
  KinesisChanges(const ChangesOptions& options, Host& host, std::unique_ptr<source::KinesisSide> side)
      : options_(options), host_(host), side_(std::move(side)) {}
  [[nodiscard]] async::Task<Status> open_stream(const aws::TableDescription& table);
  [[nodiscard]] async::Task<std::optional<Error>> probe();
  [[nodiscard]] async::Task<Status> turn_feed_on(Source source);
  [[nodiscard]] async::Task<Result<std::string>> feed_status(Source source);

  const ChangesOptions& options_;
  Host& host_;
  std::unique_ptr<source::KinesisSide> side_;
  std::unique_ptr<source::KinesisStream> stream_;
  StreamArn arn_;  ///< as the service knows it
  std::string identity_;
};

}  // namespace dynamirror::service
