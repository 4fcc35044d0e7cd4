// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <utility>

#include "base/file_lock.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "jobs/item_backup/item_folder.hpp"
#include "service/impl/target.hpp"
#include "sink/object_sink.hpp"

namespace dynamirror::service {
namespace {

/// An object for each item, below a folder that has the table's name.
class ObjectTarget final : public Target {
 public:
  ObjectTarget(std::unique_ptr<objects::ObjectStore> store, std::string url)
      : store_(std::move(store)), url_(std::move(url)) {}

  [[nodiscard]] async::Task<std::expected<Fit, std::vector<jobs::JobFailure>>> prepare(
      jobs::TableSide& source, jobs::PreflightOptions options) override {
    source_ = &source;
    auto prepared = co_await jobs::preflight_source(source, options);
    if (!prepared) co_return std::unexpected(std::move(prepared.error()));
    auto folder = co_await jobs::find_item_folder(*store_, prepared->source.name.str());
    if (!folder) co_return failed(std::move(folder.error()));
    folder_ = std::move(*folder);
    if (!options.dry_run) {
      auto claimed = claim_folder();
      if (!claimed) co_return failed(std::move(claimed.error()));
    }
    sink::ItemObjects names(folder_, prepared->source.key);
    prefix_ = names.prefix();
    sink_.emplace(std::move(names), *store_);
    Fit fit{.source = std::move(*prepared),
            .name = folder_,
            .display = store_->describe(prefix_),
            .identity = store_->describe(""),
            .remedy =
                "name the state file they were written with (--state), or say where to start (--start "
                "trim-horizon or latest)"};
    co_return fit;
  }

  [[nodiscard]] async::Task<Result<bool>> holds_items() override {
    const auto page = co_await store_->list(prefix_, std::string());
    if (!page) co_return std::unexpected(page.error());
    co_return !page->objects.empty();
  }

  /// Also shows what may not be written before the first change is read.
  [[nodiscard]] async::Task<Status> begin() override { return jobs::save_item_settings(*source_, *store_, folder_); }
  [[nodiscard]] sink::ChangeSink& sink() override { return *sink_; }

  void say_begin(const jobs::TableSide& source, const StreamArn& stream) const override {
    log::info("backing up changes",
              {{"table", source.display()}, {"objects", sink_->describe()}, {"stream", stream.str()}});
  }

  [[nodiscard]] std::uint64_t requests() const override { return store_->requests(); }

 private:
  static std::unexpected<std::vector<jobs::JobFailure>> failed(Error error) {
    const jobs::Reason reason = jobs::reason_for(error);
    return std::unexpected(std::vector<jobs::JobFailure>{{reason, std::move(error)}});
  }

  /// A second process with a checkpoint of its own would put older states over newer ones.
  Status claim_folder() {
    const auto address = objects::parse_object_address(url_);
    const auto* local = address ? std::get_if<objects::FolderAddress>(&*address) : nullptr;
    if (local == nullptr) return {};
    const auto items = std::filesystem::path(local->path) / folder_;
    if (auto made = create_folders(items); !made) return made;
    auto lock = FileLock::acquire(items / ".dynamirror-backup");  // whose ".lock" is no object
    if (!lock) return std::unexpected(std::move(lock.error()));
    lock_.emplace(std::move(*lock));
    return {};
  }

  std::unique_ptr<objects::ObjectStore> store_;
  std::string url_;
  jobs::TableSide* source_ = nullptr;  ///< from `prepare` on
  std::string folder_;                 ///< of the items in the store
  std::string prefix_;                 ///< of their names
  std::optional<FileLock> lock_;
  std::optional<sink::ObjectSink> sink_;
};

}  // namespace

Result<std::unique_ptr<Target>> open_object_target(const ObjectsOptions& options, Host& host) {
  auto store = host.open_store(options.url, options.store);
  if (!store) return std::unexpected(std::move(store.error()));
  return std::make_unique<ObjectTarget>(std::move(*store), options.url);
}

}  // namespace dynamirror::service
