// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace dynamirror::aws {

/// The records within one that Kinesis's producer library (KPL), or a program that imitates it, has put together; in
/// their order, which is that of their sub-sequence numbers from 0 on. Nothing when this is a record by itself: it does
/// not begin with the bytes F3 89 9A C2, does not end with the MD5 of what is between, or holds no well-formed message.
/// KCL takes it for an ordinary record then, too. The views live as long as `data`. Pure; memory is bounded by a few
/// times the size of `data`.
///
/// Unlike KCL this does not drop a whole aggregated record because the hash key of one within belongs to another shard.
/// The library puts such a record again, so that KCL would see it twice; but every other producer loses it for good,
/// and we may see a change twice.
/// Sources: aggregation-format.md of the KPL; issues 343 of amazon-kinesis-client and 11 of kinesis-aggregation.
[[nodiscard]] std::optional<std::vector<std::string_view>> records_within(std::string_view data);

}  // namespace dynamirror::aws
