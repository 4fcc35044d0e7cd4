// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

/// Turns an answer that is no success into an Error; the one place where AWS's codes get their class.
///
/// Understands JSON ("__type" or x-amzn-ErrorType, "message" or "Message"), the XML of the Query protocol and of S3,
/// and answers that do not come from AWS at all (a proxy's HTML page: transient). Never fails, whatever the bytes;
/// messages are bounded to 1 KiB and hold no control characters.
///
/// Worth knowing: TrimmedDataAccessException (records older than 24 h are gone) is class not found, and
/// ExpiredIteratorException (an iterator older than 15 min) is class conflict: both keep their code, by which the
/// reader of a stream tells them apart. LimitExceededException is throttled: streams say so when polled too fast.
/// Kinesis's errors about the key that encrypts a stream (KMS…) are denied, throttling apart, and never not found.
/// Sources: "Error handling with DynamoDB", the API references of DynamoDB Streams and of Kinesis Data Streams, "Common
/// errors" of the IAM user guide.
[[nodiscard]] Error classify_error(const http::Response& response, std::string doing, std::string resource);

/// The same of an answer that AWS cannot have written whatever its body says: a redirection, or a success that is no
/// answer to the call.
[[nodiscard]] Error classify_foreign(const http::Response& response, std::string doing, std::string resource);

/// The code of `unreadable_answer`.
inline constexpr std::string_view kUnreadableAnswer = "UnreadableAnswer";

/// A complaint about what was found in a successful answer, as an error of class fatal: the service, or what stands in
/// its place, does not keep to what AWS documents, and nobody knows what it has done. Its code makes it no bug of ours.
[[nodiscard]] std::unexpected<Error> unreadable_answer(Error complaint);

/// The class of a service's code; `http_status` decides for codes we do not know.
[[nodiscard]] ErrorClass class_of_code(std::string_view code, int http_status);

/// Gives an answered error its class, and with it what is known of the effect: a refusal has none.
void classify(Error& error, ErrorClass error_class);

}  // namespace dynamirror::aws
