// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace dynamirror::support {

/// A refusal in the words of the real service. `type` is the short name, e.g. "ValidationException".
struct ServiceError {
  int status = 400;
  std::string type;
  std::string message;
  bool client_bug = false;  ///< no correct client ever sends such a request, whatever the data and the weather
};

template <class T>
using Expected = std::expected<T, ServiceError>;

/// A 400 of this type.
[[nodiscard]] std::unexpected<ServiceError> refuse(std::string_view type, std::string message);
[[nodiscard]] std::unexpected<ServiceError> invalid(std::string message);     ///< ValidationException
[[nodiscard]] std::unexpected<ServiceError> unreadable(std::string message);  ///< SerializationException
[[nodiscard]] std::unexpected<ServiceError> not_found(std::string message);   ///< ResourceNotFoundException

/// A 400 that no correct client provokes.
[[nodiscard]] std::unexpected<ServiceError> client_bug(std::string_view type, std::string message);

/// The JSON body with the `__type` prefix and the spelling of "message" that the real service uses for this type.
[[nodiscard]] std::string error_body(const ServiceError& error);

}  // namespace dynamirror::support
