// SPDX-License-Identifier: Apache-2.0
// What tests of several workers have in common: an application that keeps writing, what a worker has logged, and whether
// the tables are equal.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { call, scanAll } from './raw_dynamodb.mjs';

// What a worker has logged, oldest first: {at (ms), message, shard}.
export function logOf({ run }) {
  const lines = run.stderr.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
  return lines.map((line) => JSON.parse(line)).map((entry) => ({ ...entry, at: Date.parse(entry.time) }));
}

// Changes items of the table Source until told to stop; every fifth change deletes one. `told` is run after each, with
// its key and whether the item is gone.
export function keepWriting(endpoint, { keys, perSecond, told = async () => {} }) {
  let going = true;
  let count = 0;
  const writer = (async () => {
    while (going) {
      const id = { S: `key-${(count * 7919) % keys}` };
      const removes = count % 5 === 4;
      if (removes) await call(endpoint, 'DeleteItem', { TableName: 'Source', Key: { id } });
      else await call(endpoint, 'PutItem', { TableName: 'Source', Item: { id, value: { N: String(count) } } });
      await told({ id }, removes);
      count++;
      await sleep(1000 / perSecond);
    }
  })();
  writer.catch(() => {}); // a failed test takes its server away
  const stop = async () => {
    going = false;
    await writer;
  };
  return { changes: () => count, stop };
}

const byId = (items) => Object.fromEntries(items.map((item) => [item.id.S, item]));

export async function equalTables(endpoint) {
  const [source, target] = await Promise.all([scanAll(endpoint, 'Source'), scanAll(endpoint, 'Target')]);
  try {
    assert.deepEqual(byId(target), byId(source));
    return source.length > 0;
  } catch {
    return false;
  }
}
