// SPDX-License-Identifier: Apache-2.0
// A table, its replica, the stream of Kinesis that tells its changes, and the replication between them.
import assert from 'node:assert/strict';
import { assertClean } from './expect.mjs';
import { startKinesis } from './kinesis.mjs';
import { shared } from './stage.mjs';
import { createTable } from './tables.mjs';

export const CHANGES = Math.ceil(Number(process.env.DYNAMIRROR_E2E_CHANGES ?? 8_000) / 4);
export const SEED = Number(process.env.DYNAMIRROR_E2E_SEED ?? Date.now() % 1_000_000);
export const SECONDS = 60 + CHANGES / 20;
export const EXIT = { usage: 2, notReady: 3, state: 6 };

// Called once in a test file: the servers of all its tests.
export function servers(name) {
  return shared(name, async (stage) => {
    const [kinesis, source, target] = await Promise.all([
      startKinesis(stage),
      stage.dynamoDbLocal('source'),
      stage.dynamoDbLocal('target'),
    ]);
    return { kinesis, source, target };
  });
}

export const byId = (id) => ({ id: { S: id } });

// Two tables of one name, and a stream for the changes of the first.
export async function pair({ kinesis, source, target }, name, { key = 'id:S', shards = 1 } = {}) {
  const [from, to, stream] = await Promise.all([
    createTable(`${source}/${name}`, key, { view: null }),
    createTable(`${target}/${name}`, key, { view: null }),
    kinesis.createStream(name, shards),
  ]);
  await stream.becomesActive();
  return { name, from, to, stream };
}

export function replicate(stage, { from, to, stream }, more = [], { state = 'state', env } = {}) {
  const kept = state ? ['--state', stage.path(state)] : [];
  return stage.dynamirror(
    [
      ...['replicate', from.url, to.url, '--changes-from', stream.address ?? stream],
      ...['--idle-poll', '50ms', '--output', 'json', ...kept, ...more],
    ],
    env ? { env } : {},
  );
}

export async function catchUp(stage, sides, more = [], options = {}) {
  const run = replicate(stage, sides, ['--stop-when-caught-up', ...more], options);
  await run.waitForExit(SECONDS);
  return { ...assertClean(run), stderr: run.stderr };
}

export async function assertEqual(stage, { from, to }, ignored = []) {
  const args = ['--source', from.url, '--target', to.url, ...(ignored.length ? ['--ignore', ignored.join(',')] : [])];
  const compared = await stage.runTool('compare', args, { seconds: SECONDS, accept: [0, 1] });
  assert.equal(compared.differences, 0, JSON.stringify(compared));
  assert.ok(compared.source_items > 0);
}
