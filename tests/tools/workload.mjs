#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Changes a table at random, from a seed: puts, updates, deletes and re-inserts over a set of keys, with every
// attribute type. The same seed and options leave the same table, whatever the timing: keys are dealt out to lanes,
// each lane has its own random sequence and writes one request after the other.
import { DeleteItemCommand, PutItemCommand, UpdateItemCommand } from './lib/sdk.mjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { canonicalItem } from './lib/canonical.mjs';
import { numberOption, printResult, Progress, required, runTool } from './lib/cli.mjs';
import { Random } from './lib/random.mjs';
import { batchLimit, keyOf, parseKeySchema, Table } from './lib/table.mjs';
import { randomScalar, randomValue } from './lib/values.mjs';

const USAGE = `usage: workload.mjs --target URL [options]

--target URL         table to change: http://host:port/table
--create SCHEMA      create it first, with a stream; SCHEMA is name:S|N|B[,name:S|N|B]
--changes N          write requests to make, default 10000
--keys K             keys to spread them over, default 1000
--existing N         of these, take N keys of items that are in the table already, default 0
--seed N             default: taken from the clock, and printed
--rate N             requests a second, default as fast as the table takes them
--batch N            puts and deletes in one BatchWriteItem, 1 to 25, default 1 (PutItem and DeleteItem)
--lanes N            requests in flight, default 8 (part of what the seed determines)
--progress-ms MS     how often to say how far it is, default 5000
--large-rate F       share of puts with an item of 300 to 390 KB, default 0.001

Prints {"seed", "changes", "puts", "updates", "deletes", "reinserts", ...} on stdout; a re-insert is a delete and a put
of one key in direct succession and counts as two changes. Exit codes: 0 done, 2 trouble.`;

const OPTIONS = {
  target: { type: 'string' },
  create: { type: 'string' },
  changes: { type: 'string' },
  keys: { type: 'string' },
  existing: { type: 'string' },
  seed: { type: 'string' },
  rate: { type: 'string' },
  batch: { type: 'string' },
  lanes: { type: 'string' },
  'progress-ms': { type: 'string' },
  'large-rate': { type: 'string' },
};

// Shares of what is drawn; what is left to 1 are puts.
const UPDATE_SHARE = 0.25;
const DELETE_SHARE = 0.12;
const REINSERT_SHARE = 0.05;
const ATTRIBUTE_NAMES = ['name', 'größe', 'a.b', 'value', 'x-y', 'status', 'data']; // dots, dashes, reserved words
const LARGE_FIRST_BYTES = 300 * 1024;
const LARGE_LAST_BYTES = 390 * 1024; // updates add up to 8 KB; the service refuses more than 400 KB
const HASH_GROUP = 10; // range keys per hash key of a composite table

// A distinct key value for each index, with each type's difficulties: sign and scale, raw bytes, quotes and non-ASCII.
function keyValue(type, index) {
  if (type === 'N') return { N: index % 2 ? `-${index}.5` : `${index}` };
  if (type === 'B') return { B: Buffer.from([index & 0xff, index >>> 8, index >>> 16, 0x00, 0xff]) };
  return { S: `key-${index} "ü"` };
}

function makeKey(keySchema, index) {
  const [hash, range] = keySchema;
  if (!range) return { [hash.name]: keyValue(hash.type, index) };
  return {
    [hash.name]: keyValue(hash.type, Math.floor(index / HASH_GROUP)),
    [range.name]: keyValue(range.type, index),
  };
}

async function existingKeys(table, keySchema, wanted) {
  const keys = [];
  if (wanted === 0) return keys;
  for await (const items of table.scanPages({ limit: 1000 })) {
    keys.push(...items.map((item) => keyOf(item, keySchema)));
    if (keys.length >= wanted) break;
  }
  return keys.slice(0, wanted);
}

// Writes the changes of one lane: `keys` belong to it alone, so its order is the order of each key.
class Lane {
  constructor({ table, keys, keySchema, random, largeRate, batch, counts }) {
    Object.assign(this, { table, keys, random, largeRate, batch, counts });
    const keyNames = new Set(keySchema.map(({ name }) => name));
    this.names = ATTRIBUTE_NAMES.filter((name) => !keyNames.has(name));
    this.pending = new Map(); // canonical key -> request, at most one per key: a batch may not name a key twice
  }

  // Makes one step of one or, where `allowed` permits, two changes; returns how many it made.
  async step(allowed) {
    const key = this.random.pick(this.keys);
    const draw = this.random.fraction();
    if (draw < UPDATE_SHARE) {
      await this.update(key);
      this.counts.updates++;
      return 1;
    }
    if (draw < UPDATE_SHARE + DELETE_SHARE) {
      await this.delete(key);
      this.counts.deletes++;
      return 1;
    }
    if (allowed >= 2 && draw < UPDATE_SHARE + DELETE_SHARE + REINSERT_SHARE) {
      await this.delete(key);
      await this.put(key);
      this.counts.reinserts++;
      return 2;
    }
    await this.put(key);
    this.counts.puts++;
    return 1;
  }

  async put(key) {
    const item = { ...key };
    if (this.random.chance(this.largeRate)) {
      item.blob = { B: this.random.bytes(this.random.between(LARGE_FIRST_BYTES, LARGE_LAST_BYTES)) };
      this.counts.large_items++;
    } else {
      for (const name of this.names) if (this.random.chance(0.6)) item[name] = randomValue(this.random);
    }
    await this.write(key, { PutRequest: { Item: item } });
  }

  delete(key) {
    return this.write(key, { DeleteRequest: { Key: key } });
  }

  async update(key) {
    if (this.pending.has(canonicalItem(key))) await this.flush();
    const set = this.random.pick(this.names);
    const remove = this.random.pick(this.names.filter((name) => name !== set));
    await this.table.send(
      new UpdateItemCommand({
        TableName: this.table.name,
        Key: key,
        UpdateExpression: 'SET #s = :s REMOVE #r ADD #c :one',
        ExpressionAttributeNames: { '#s': set, '#r': remove, '#c': 'counter' },
        ExpressionAttributeValues: { ':s': randomScalar(this.random), ':one': { N: '1' } },
      }),
    );
  }

  async write(key, request) {
    const text = canonicalItem(key);
    if (this.pending.has(text)) await this.flush();
    this.pending.set(text, request);
    if (this.pending.size >= this.batch) await this.flush();
  }

  // Writes what is pending; a single request takes the single calls.
  async flush() {
    const requests = [...this.pending.values()];
    this.pending.clear();
    if (requests.length > 1) return this.table.writeBatch(requests);
    for (const { PutRequest, DeleteRequest } of requests) {
      const TableName = this.table.name;
      if (PutRequest) await this.table.send(new PutItemCommand({ TableName, ...PutRequest }));
      else await this.table.send(new DeleteItemCommand({ TableName, ...DeleteRequest }));
    }
  }
}

// Lets through `rate` changes a second over all lanes, evenly spaced.
class Pace {
  constructor(rate) {
    this.intervalMs_ = rate > 0 ? 1000 / rate : 0;
    this.nextAt_ = Date.now();
  }

  async take(count) {
    if (this.intervalMs_ === 0) return;
    this.nextAt_ = Math.max(this.nextAt_, Date.now() - 1000) + count * this.intervalMs_;
    const wait = this.nextAt_ - Date.now();
    if (wait > 0) await sleep(wait);
  }
}

async function runLane(lane, changes, pace, progress) {
  for (let left = changes; left > 0; ) {
    const made = await lane.step(left);
    left -= made;
    lane.counts.changes += made;
    progress.add(made);
    await pace.take(made);
  }
  await lane.flush();
}

await runTool('workload', USAGE, OPTIONS, async (values) => {
  const table = new Table(required(values, 'target'));
  const changes = numberOption(values, 'changes', { fallback: 10_000, minimum: 1 });
  const keyCount = numberOption(values, 'keys', { fallback: 1_000, minimum: 1, maximum: 1 << 24 });
  const lanes = Math.min(keyCount, numberOption(values, 'lanes', { fallback: 8, minimum: 1, maximum: 64 }));
  const seed = numberOption(values, 'seed', { fallback: Date.now() });
  const largeRate = numberOption(values, 'large-rate', { fallback: 0.001, maximum: 1, whole: false });
  const batch = numberOption(values, 'batch', { fallback: 1, minimum: 1, maximum: batchLimit });
  const pace = new Pace(numberOption(values, 'rate', { fallback: 0, whole: false }));
  console.error(`workload: seed ${seed}`);

  if (values.create) await table.create(parseKeySchema(values.create));
  const keySchema = await table.keySchema();
  const wanted = numberOption(values, 'existing', { fallback: 0, maximum: keyCount });
  const existing = await existingKeys(table, keySchema, wanted);
  const keys = Array.from({ length: keyCount }, (_, index) => existing[index] ?? makeKey(keySchema, index));

  const counts = { changes: 0, puts: 0, updates: 0, deletes: 0, reinserts: 0, large_items: 0 };
  const progress = new Progress('workload', changes, numberOption(values, 'progress-ms', { fallback: 5_000 }));
  const startedAt = Date.now();
  await Promise.all(
    Array.from({ length: lanes }, (_, index) => {
      const own = keys.filter((_, position) => position % lanes === index);
      const random = new Random(seed, index);
      const share = Math.floor(changes / lanes) + (index < changes % lanes ? 1 : 0);
      const lane = new Lane({ table, keys: own, keySchema, random, largeRate, batch, counts });
      return runLane(lane, share, pace, progress);
    }),
  );
  const seconds = (Date.now() - startedAt) / 1000;
  printResult({ seed, ...counts, keys: keyCount, seconds, rate: Math.round(changes / seconds) });
});
