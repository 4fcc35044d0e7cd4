// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

// Looks until `condition` resolves to something truthy, and resolves to that; fails when it is late.
export async function until(condition, seconds, what) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < deadline, `${what} within ${seconds} s`);
    await sleep(50);
  }
}
