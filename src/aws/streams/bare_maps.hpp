// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace dynamirror::aws {

// DynamoDB Local writes an empty map in the images of stream records as `{}` instead of `{"M":{}}`, at any depth (its
// GetItem writes it rightly; seen in the release of 2026-01-16). No request takes that, so the image would be refused.
// Every other attribute value has exactly one type member, so nothing else can be meant.

/// True when the image may hold a bare map: a quick scan, for every image on the hot path. Also true for `{"M":{}}`.
[[nodiscard]] bool may_hold_bare_map(std::string_view image);

/// The image with every bare map as `{"M":{}}`, and not changed otherwise. REQUIRES: the image is one JSON object.
[[nodiscard]] std::string with_typed_maps(std::string_view image);

}  // namespace dynamirror::aws
