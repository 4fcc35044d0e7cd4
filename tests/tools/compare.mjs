#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Compares two tables item by item, by parallel scans of both sides, in canonical form. Shares no code with dynamirror.
import { GetItemCommand } from './lib/sdk.mjs';
import { canonicalItem, canonicalValue, differingAttributes, itemDigest } from './lib/canonical.mjs';
import { EXIT_OK, numberOption, printResult, Progress, required, runTool } from './lib/cli.mjs';
import { keyOf, Table } from './lib/table.mjs';

const USAGE = `usage: compare.mjs --source URL --target URL [options]

--source, --target   the two tables: http://host:port/table
--segments N         parallel scans on each side, default 2
--show N             differences to show in full, default 10
--ignore A,B         attributes that do not count

Prints {"source_items", "target_items", "missing", "extra", "changed", "differences"} on stdout: missing are in the
source only, extra in the target only, changed in both but not equal. What differs goes to stderr.
Exit codes: 0 equal, 1 different, 2 trouble.`;

const OPTIONS = {
  source: { type: 'string' },
  target: { type: 'string' },
  segments: { type: 'string' },
  show: { type: 'string' },
  ignore: { type: 'string', default: '' },
};
const EXIT_DIFFERENT = 1;
const SHOWN_VALUE_LENGTH = 200;

function without(item, ignored) {
  if (ignored.size === 0) return item;
  return Object.fromEntries(Object.entries(item).filter(([name]) => !ignored.has(name)));
}

// Canonical key -> {key, digest of the item}, of a whole table.
async function digests({ table, keySchema, segments, ignored, label }) {
  const digestOf = new Map();
  const progress = new Progress(`compare: read ${label}`);
  const scan = async (segment) => {
    for await (const items of table.scanPages({ segment, segments })) {
      for (const item of items) {
        const key = keyOf(item, keySchema);
        digestOf.set(canonicalItem(key), { digest: itemDigest(without(item, ignored)), key });
      }
      progress.add(items.length);
    }
  };
  await Promise.all(Array.from({ length: segments }, (_, segment) => scan(segment)));
  return digestOf;
}

function findDifferences(source, target) {
  const differences = { missing: [], extra: [], changed: [] };
  for (const [text, { digest, key }] of source) {
    const other = target.get(text);
    if (!other) differences.missing.push(key);
    else if (other.digest !== digest) differences.changed.push(key);
  }
  for (const [text, { key }] of target) if (!source.has(text)) differences.extra.push(key);
  return differences;
}

function shorten(text) {
  return text.length <= SHOWN_VALUE_LENGTH ? text : `${text.slice(0, SHOWN_VALUE_LENGTH)}… (${text.length} characters)`;
}

async function getItem(table, key) {
  const { Item } = await table.send(new GetItemCommand({ TableName: table.name, Key: key, ConsistentRead: true }));
  return Item ?? {};
}

async function show({ source, target, differences, limit, ignored }) {
  const { missing, extra, changed } = differences;
  for (const key of missing.slice(0, limit)) console.error(`missing in target: ${canonicalItem(key)}`);
  for (const key of extra.slice(0, limit)) console.error(`only in target: ${canonicalItem(key)}`);
  for (const key of changed.slice(0, limit)) {
    const [left, right] = await Promise.all([getItem(source, key), getItem(target, key)]);
    console.error(`different: ${canonicalItem(key)}`);
    for (const name of differingAttributes(without(left, ignored), without(right, ignored))) {
      const text = (item) => (item[name] === undefined ? '(absent)' : shorten(canonicalValue(item[name])));
      console.error(`  ${name}: source ${text(left)}\n  ${' '.repeat(name.length)}  target ${text(right)}`);
    }
  }
}

await runTool('compare', USAGE, OPTIONS, async (values) => {
  const source = new Table(required(values, 'source'));
  const target = new Table(required(values, 'target'));
  const segments = numberOption(values, 'segments', { fallback: 2, minimum: 1, maximum: 64 });
  const limit = numberOption(values, 'show', { fallback: 10 });
  const ignored = new Set(values.ignore.split(',').filter(Boolean));

  const [keySchema, targetSchema] = await Promise.all([source.keySchema(), target.keySchema()]);
  if (JSON.stringify(keySchema) !== JSON.stringify(targetSchema)) throw new Error('the tables have different keys');
  const [left, right] = await Promise.all([
    digests({ table: source, keySchema, segments, ignored, label: 'source' }),
    digests({ table: target, keySchema, segments, ignored, label: 'target' }),
  ]);
  const differences = findDifferences(left, right);
  await show({ source, target, differences, limit, ignored });
  const [missing, extra, changed] = ['missing', 'extra', 'changed'].map((kind) => differences[kind].length);
  const total = missing + extra + changed;
  printResult({ source_items: left.size, target_items: right.size, missing, extra, changed, differences: total });
  return total === 0 ? EXIT_OK : EXIT_DIFFERENT;
});
