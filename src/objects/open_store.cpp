// SPDX-License-Identifier: Apache-2.0
#include "objects/open_store.hpp"

#include <utility>

#include "objects/folder_store.hpp"

namespace dynamirror::objects {

Result<std::unique_ptr<ObjectStore>> open_object_store(const ObjectAddress& address, StoreOptions,
                                                       Surroundings surroundings) {
  if (const auto* folder = std::get_if<FolderAddress>(&address)) {
    return std::make_unique<FolderStore>(folder->path, surroundings.random);
  }
  return failure(ErrorClass::kInvalid, "open", display(address), "S3 cannot be reached yet");
}

}  // namespace dynamirror::objects
