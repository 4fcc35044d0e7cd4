// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "jobs/dead_letters/letter_queue.hpp"
#include "json/reader.hpp"
#include "lambda/batch.hpp"
#include "lambda/events.hpp"
#include "lambda/handlers.hpp"
#include "objects/object_store.hpp"
#include "service/host.hpp"
#include "sink/table_sink.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::lambda {

/// A function between its invocations: the clients and identities that reach its target, its source and its dead
/// letters. They are kept, so that the next invocation finds open connections and a role that is assumed already.
/// One invocation at a time. Not thread-safe: lives on its host's event loop.
class Function {
 public:
  /// Calls nobody yet. Errors: class invalid, for addresses and options that cannot be used. REQUIRES: host outlives
  /// the function.
  [[nodiscard]] static Result<std::unique_ptr<Function>> open(FunctionOptions options, service::Host& host);

  struct Applied {
    BatchResult batch;
    double write_units = 0;  ///< of a table
  };
  /// Applies the changes of an event, in time to answer before the deadline. Errors: nothing of it could be begun.
  [[nodiscard]] async::Task<Result<Applied>> apply(std::string event, WallTime deadline);

  [[nodiscard]] const FunctionOptions& options() const { return options_; }

 private:
  /// What is found out before the first write.
  struct Ready {
    std::vector<ShardBatch> shards;
    model::KeySchema key;
    jobs::TableSide* primary = nullptr;  ///< null: the changes have their images
    std::string folder;                  ///< of objects
    std::optional<transform::CircularEnds> tags;
  };

  Function(FunctionOptions options, service::Host& host) : options_(std::move(options)), host_(host) {}
  [[nodiscard]] Status open_target();
  [[nodiscard]] Status open_dead_letters();
  [[nodiscard]] Result<jobs::TableSide*> primary_of(const Event& event);
  [[nodiscard]] async::Task<Result<model::KeySchema>> key_of(jobs::TableSide& primary);
  [[nodiscard]] async::Task<Result<std::string>> folder_of(std::string table);
  [[nodiscard]] async::Task<Status> prepare(Event event, Ready& ready);
  [[nodiscard]] async::Task<Applied> write(Ready ready, BatchTimes times, std::string table);
  [[nodiscard]] async::Task<Status> store_letters(std::string table, std::string lines, std::string first);
  [[nodiscard]] Result<transform::CircularEnds> tag_ends(const Event& event) const;
  [[nodiscard]] transform::ChangeRules rules(const Ready& ready) const;

  FunctionOptions options_;
  service::Host& host_;
  json::Reader reader_;
  std::unique_ptr<jobs::TableSide> target_;                            ///< or
  std::unique_ptr<objects::ObjectStore> objects_;                      ///< this
  std::unique_ptr<objects::ObjectStore> letters_;                      ///< null: not there
  std::unique_ptr<jobs::LetterQueue> letter_queue_;                    ///< the same
  std::map<std::string, std::unique_ptr<jobs::TableSide>> primaries_;  ///< by address: a mapping's table is always one
  std::map<std::string, model::KeySchema> keys_;                       ///< of primaries
  std::map<std::string, std::string> folders_;                         ///< of objects, by table
};

}  // namespace dynamirror::lambda
