#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Measures how long a single write takes to show up in the target, on tables that are otherwise idle. The clock runs
// from the moment the write is sent until a read of the target returns it: the write and that read are inside.
import { DeleteItemCommand, GetItemCommand, PutItemCommand } from './lib/sdk.mjs';
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { numberOption, percentiles, printResult, required, runTool } from './lib/cli.mjs';
import { Table } from './lib/table.mjs';

const USAGE = `usage: lag.mjs --source URL --target URL [options]

--source, --target   the two tables: http://host:port/table
--count N            writes to measure, default 50
--interval MS        pause between them, default 300
--jitter MS          up to this much more, at random, so that writes do not fall in step with a poll; default 0
--poll MS            pause between looks at the target, default 3
--timeout SECONDS    how long to wait for one write, default 15
--warm-up SECONDS    first wait up to this long for one write that is not measured, default: as --timeout

Prints {"count", "p50_ms", "p99_ms", "min_ms", "max_ms", "warm_up_ms"} on stdout and removes what it wrote from the
source. Exit codes: 0 done, 2 trouble (a write did not show up).`;

const NAMES = ['source', 'target', 'count', 'interval', 'jitter', 'poll', 'timeout', 'warm-up'];
const OPTIONS = Object.fromEntries(NAMES.map((name) => [name, { type: 'string' }]));

let probes = 0;

// A key that no other program uses, of whatever type the table wants.
function probeKey(keySchema, run) {
  const index = ++probes;
  const values = {
    S: { S: `lag-probe-${run}-${index}` },
    N: { N: `-${parseInt(run.slice(0, 8), 16)}.${String(index).padStart(6, '0')}1` },
    B: { B: Buffer.from(`lag-probe-${run}-${index}`) },
  };
  return Object.fromEntries(keySchema.map(({ name, type }) => [name, values[type]]));
}

// Milliseconds from sending the write until the target returns it.
async function measureOne({ source, target, key, pollMs, timeoutMs }) {
  const startedAt = performance.now();
  await source.send(new PutItemCommand({ TableName: source.name, Item: { ...key, probe: { BOOL: true } } }));
  while (performance.now() - startedAt < timeoutMs) {
    const { Item } = await target.send(
      new GetItemCommand({ TableName: target.name, Key: key, ConsistentRead: true }),
    );
    if (Item) return performance.now() - startedAt;
    await sleep(pollMs);
  }
  throw new Error(`a write did not reach the target within ${timeoutMs / 1000} s; does the replication run?`);
}

await runTool('lag', USAGE, OPTIONS, async (values) => {
  const source = new Table(required(values, 'source'));
  const target = new Table(required(values, 'target'));
  const count = numberOption(values, 'count', { fallback: 50, minimum: 1, maximum: 100_000 });
  const intervalMs = numberOption(values, 'interval', { fallback: 300 });
  const jitterMs = numberOption(values, 'jitter', { fallback: 0 });
  const pollMs = numberOption(values, 'poll', { fallback: 3, minimum: 1 });
  const timeoutMs = 1000 * numberOption(values, 'timeout', { fallback: 15, minimum: 1 });
  const warmUpMs = 1000 * numberOption(values, 'warm-up', { fallback: timeoutMs / 1000, minimum: 1 });
  const keySchema = await source.keySchema();
  const run = randomUUID();
  const written = [];

  const probe = (limitMs) => {
    const key = probeKey(keySchema, run);
    written.push(key);
    return measureOne({ source, target, key, pollMs, timeoutMs: limitMs });
  };
  try {
    const warmUp = await probe(warmUpMs);
    const samples = [];
    for (let i = 0; i < count; i++) {
      await sleep(intervalMs + Math.random() * jitterMs);
      samples.push(await probe(timeoutMs));
    }
    printResult({ count, ...percentiles(samples), warm_up_ms: Math.round(warmUp) });
  } finally {
    for (const key of written) await source.send(new DeleteItemCommand({ TableName: source.name, Key: key }));
  }
});
