// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "support/faults.hpp"
#include "support/service_error.hpp"
#include "support/wire_server.hpp"

namespace dynamirror::support {

// How faults look on the wire, the same for the stand-in and for the proxy. Pure.

/// The error that this kind answers instead of performing the operation; nothing for other kinds.
[[nodiscard]] std::optional<ServiceError> error_of(FaultKind kind);

/// A JSON answer with the headers that DynamoDB sends: content-type, request id, checksum and date.
[[nodiscard]] WireReply json_reply(int status, std::string body, std::uint64_t number, WallTime now);

/// A load balancer's answer, not DynamoDB's.
[[nodiscard]] WireReply unavailable_html();

/// True for the kinds after which the operation must not be performed.
[[nodiscard]] bool prevents(FaultKind kind);

/// Applies what concerns the delivery: closing, halving, freezing, holding back, a checksum that does not fit.
void spoil(WireReply& reply, FaultKind kind);

}  // namespace dynamirror::support
