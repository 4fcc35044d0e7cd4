// SPDX-License-Identifier: Apache-2.0
// Goal: comparing and repairing tables works as docs/diff.md says, under the names and with the words of the tools that
// scripts know, and without their faults: every digit counts, exit codes tell, a repair writes only what it must.
// Method: the binary between tables on DynamoDB Local; what it leaves is compared by AWS's own SDK.
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { assertRefused } from './support/expect.mjs';
import { scenario, shared } from './support/stage.mjs';
import { createTable, itemsOf, put, remove } from './support/tables.mjs';
import { batchLimit } from '../tools/lib/table.mjs';

const EXIT = { equal: 0, different: 1, usage: 2, notReady: 3, files: 6, stoppedEarly: 10 };
const BUILD = resolve(process.env.DYNAMIRROR_BUILD ?? join('build', 'release'));
const SETTLE = ['--settle', '100ms'];

const endpoints = shared('diff', async (stage) => {
  const [primary, replica] = await Promise.all([stage.dynamoDbLocal('primary'), stage.dynamoDbLocal('replica')]);
  return { primary, replica };
});

let tables = 0;

async function pair(key = 'id:S') {
  const name = `Diff${++tables}`;
  const { primary, replica } = endpoints();
  const urls = { primary: `${primary}/${name}`, replica: `${replica}/${name}` };
  const view = { view: null };
  return { ...urls, from: await createTable(urls.primary, key, view), to: await createTable(urls.replica, key, view) };
}

const diff = (stage, { primary, replica }, more = [], options = {}) =>
  stage.run(['diff-tables', primary, replica, ...SETTLE, ...more], options);
const lines = (run, word) => run.stdout.split('\n').filter((line) => line.startsWith(`[${word}]`)).sort();
const numberKey = (n) => ({ id: { N: n } });

scenario('attributes that are ignored make no difference, and all others do', async (stage) => {
  const sides = await pair();
  const item = (id, more) => ({ id: { S: id }, n: { N: '1' }, ...more });
  for (const id of ['a', 'b', 'c']) {
    await put(sides.from, item(id));
    await put(sides.to, item(id, { _repl_seen: { L: [{ N: '1' }, { N: '2' }] }, other: { S: id } }));
  }
  await put(sides.to, item('b', { n: { N: '2' }, _repl_seen: { N: '1' } }));
  const ignore = ['--ignore-attributes', '_repl_seen,other'];
  const whole = await diff(stage, sides, ignore);
  assert.equal(whole.ended.code, 1, whole.lastWords());
  assert.equal(lines(whole, 'different').length, 1, whole.stdout);
  assert.match(whole.stdout, /"b"/);
  assert.equal(lines(await diff(stage, sides, ['--ignore-attributes', '_repl_seen']), 'different').length, 3);
  assert.equal((await diff(stage, sides, [...ignore, '--repair'])).ended.code, 0);
  assert.equal((await diff(stage, sides, ignore)).ended.code, 0);
  const left = (await itemsOf(sides.to)).filter((one) => one._repl_seen).map((one) => one.id.S).sort();
  assert.deepEqual(left, ['a', 'c'], 'only what differed was written');
  const key = await diff(stage, sides, ['--ignore-attributes', 'id']);
  assert.equal(key.ended.code, 2, key.lastWords());
});

async function assertSame({ from, to }) {
  const sorted = async (table) => (await itemsOf(table)).map((item) => JSON.stringify(sortMembers(item))).sort();
  assert.deepEqual(await sorted(to), await sorted(from));
}

// Attributes, and the members of sets, have no order.
function sortMembers(value) {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(sortMembers);
  if (value === null || typeof value !== 'object') return value;
  const members = Object.entries(value).map(([name, member]) => {
    const sorted = sortMembers(member);
    return [name, ['SS', 'NS', 'BS'].includes(name) ? sorted.sort() : sorted];
  });
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const EVERYTHING = {
  digits: { N: '12345678901234567890123456789012345678' },
  tiny: { N: '-1E-130' },
  big: { N: '9.99E+125' },
  text: { S: 'grüß "quoted" \u0001' },
  empty: { S: '' },
  bytes: { B: new Uint8Array([0, 1, 255]) },
  yes: { BOOL: true },
  nothing: { NULL: true },
  words: { SS: ['a', 'b'] },
  numbers: { NS: ['1', '2.5'] },
  blobs: { BS: [new Uint8Array([1]), new Uint8Array([2])] },
  list: { L: [{ M: { deep: { L: [{ N: '1' }] } } }, { S: ']}' }] },
};

scenario('items of every type are equal however they are spelt, and exit code 0 says so', async (stage) => {
  const both = await pair();
  await put(both.from, { id: { S: 'a' }, ...EVERYTHING, n: { N: '1.0' } });
  const reversed = Object.fromEntries(Object.entries(EVERYTHING).reverse());
  await put(both.to, { ...reversed, n: { N: '10E-1' }, id: { S: 'a' }, words: { SS: ['b', 'a'] } });
  const run = await diff(stage, both);
  assert.equal(run.ended.code, EXIT.equal, run.lastWords());
  assert.match(run.stdout, /^\[discrepancies\] 0$/m);
  assert.match(run.stderr, /^\[progress\] Scan rate: /m);
});

scenario('each kind of difference has its word, every digit counts, and exit code 1 says so', async (stage) => {
  const both = await pair('id:N');
  // 2^53 and its neighbour are one double, and two items.
  await put(both.from, { ...numberKey('9007199254740993'), v: { S: 'only in the primary' } });
  await put(both.from, { ...numberKey('9007199254740992'), v: { S: 'same' } });
  await put(both.to, { ...numberKey('9007199254740992'), v: { S: 'same' } });
  await put(both.from, { ...numberKey('1'), v: { N: '9007199254740993' }, w: { S: '1' }, same: { S: '' } });
  await put(both.to, { ...numberKey('1'), v: { N: '9007199254740992' }, w: { N: '1' }, same: { S: '' } });
  await put(both.from, { ...numberKey('2'), v: { N: '12345678901234567890123456789012345678' } });
  await put(both.to, { ...numberKey('2'), v: { N: '12345678901234567890123456789012345679' } });
  await put(both.to, { ...numberKey('-12345678901234567890123456789012345678') });
  const run = await diff(stage, both);
  assert.equal(run.ended.code, EXIT.different, run.lastWords());
  assert.deepEqual(lines(run, 'missing'), ['[missing] {"id":{"N":"9007199254740993"}}']);
  assert.deepEqual(lines(run, 'extraneous'), ['[extraneous] {"id":{"N":"-12345678901234567890123456789012345678"}}']);
  assert.deepEqual(lines(run, 'different'), ['[different] {"id":{"N":"1"}} v,w', '[different] {"id":{"N":"2"}} v']);
  assert.deepEqual(lines(run, 'discrepancies'), ['[discrepancies] 4']);
});

scenario('a repair makes the replica equal, and a dry run only says how', async (stage) => {
  const both = await pair('id:B');
  const id = (byte) => ({ id: { B: new Uint8Array([byte, 255]) } });
  await put(both.from, { ...id(1), ...EVERYTHING });
  await put(both.from, { ...id(2), ...EVERYTHING });
  await put(both.to, { ...id(2), ...EVERYTHING, list: { L: [] }, more: { S: 'x' } });
  await put(both.to, { ...id(3), ...EVERYTHING });

  const before = await itemsOf(both.to);
  const dry = await diff(stage, both, ['--repair', '--dry-run']);
  assert.equal(dry.ended.code, EXIT.different, dry.lastWords());
  assert.deepEqual(lines(dry, 'would put'), ['[would put] {"id":{"B":"Af8="}}', '[would put] {"id":{"B":"Av8="}}']);
  assert.deepEqual(lines(dry, 'would delete'), ['[would delete] {"id":{"B":"A/8="}}']);
  assert.deepEqual(await itemsOf(both.to), before);

  const repair = await diff(stage, both, ['--repair']);
  assert.equal(repair.ended.code, EXIT.equal, repair.lastWords());
  assert.deepEqual(lines(repair, 'discrepancies'), ['[discrepancies] 3']);
  assert.match(repair.stdout, /^\[repaired\] 2 put, 1 deleted, 0 unrepaired/m);
  await assertSame(both);
  assert.equal((await diff(stage, both)).ended.code, EXIT.equal);
});

scenario('a repair copes with more attributes than a condition can name', async (stage) => {
  const both = await pair();
  const wide = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`attribute ${i}`, { N: `${i}` }]));
  await put(both.from, { id: { S: 'a' }, ...wide });
  await put(both.to, { id: { S: 'a' }, ...wide, 'attribute 399': { N: '0' } });
  await put(both.to, { id: { S: 'b' }, ...wide });
  const repair = await diff(stage, both, ['--repair']);
  assert.equal(repair.ended.code, EXIT.equal, repair.lastWords());
  await assertSame(both);
});

scenario('a backfill brings what the replica lacks and leaves alone what only the replica has', async (stage) => {
  const both = await pair();
  for (let i = 0; i < 60; i++) await put(both.from, { id: { S: `${i}` }, v: { N: `${i}` } });
  for (let i = 0; i < 30; i++) await put(both.to, { id: { S: `${i}` }, v: { N: `${i % 3 ? i : -1}` } });
  const own = { id: { S: 'own' } };
  await put(both.to, own);
  const run = await diff(stage, both, ['--repair', '--backfill', '--output', 'json']);
  assert.equal(run.ended.code, EXIT.equal, run.lastWords());
  const summary = run.json();
  assert.equal(summary.put, 40);
  assert.equal(summary.replica_items, 0, 'the replica is not scanned');
  assert.equal((await itemsOf(both.to)).length, 61);
  await remove(both.to, own);
  await assertSame(both);
});

scenario('the segments of several processes cover the tables, and a sample is part of them', async (stage) => {
  const both = await pair('id:S,n:N');
  const item = (i) => ({ id: { S: `${i % 100}` }, n: { N: `${i}` } });
  for (let i = 0; i < 120; i++) await put(both.from, item(i));
  const found = [];
  for (let segment = 0; segment < 3; segment++) {
    const run = await diff(stage, both, ['--segment', `${segment}`, '--segments', '3']);
    found.push(...lines(run, 'missing'));
  }
  assert.equal(found.length, 120);
  assert.equal(new Set(found).size, 120);
  const sample = await diff(stage, both, ['--sample', '25%', '--output', 'json']);
  const { primary_items: seen, missing } = sample.json();
  assert.equal(missing, seen);
  assert.ok(seen < 120, `${seen} items in a sample of a quarter`);
});

scenario('the binary answers to the old names, and takes keys in both forms', async (stage) => {
  const both = await pair('id:S,n:N');
  const key = { id: { S: 'a' }, n: { N: '9007199254740993' } };
  await put(both.from, { ...key, v: { S: '1' } });
  await put(both.to, { ...key, v: { N: '1' } });
  await put(both.to, { ...key, n: { N: '9007199254740992' } });
  const call = async (name, args) => {
    const link = stage.path(name);
    symlinkSync(join(BUILD, 'dynamirror'), link);
    const keys = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };
    return async (more) => {
      const run = stage.start(name, link, [both.primary, both.replica, ...args, ...more], { env: keys });
      await run.waitForExit(60);
      return run;
    };
  };
  const diffTables = await call('diff-tables', SETTLE);
  const diffRecord = await call('diff-record', []);
  const replicateRecord = await call('replicate-record', []);
  const wire = '{"n":{"N":"9007199254740993"},"id":{"S":"a"}}';
  const plain = '{"id":"a","n":9007199254740993}';

  for (const form of [wire, plain]) {
    const run = await diffRecord([form]);
    assert.equal(run.ended.code, EXIT.different, run.lastWords());
    assert.match(run.stdout, /^\[different\] \{"id":\{"S":"a"\},"n":\{"N":"9007199254740993"\}\}\n {2}differs in v\n/m);
    assert.match(run.stdout, /\n✘ The records are not equivalent\n-+\n$/);
  }
  const tables = await diffTables([]);
  assert.equal(tables.ended.code, EXIT.different);
  assert.match(tables.stdout, /^\[different\] \{"id":\{"S":"a"\},"n":\{"N":"9007199254740993"\}\}$/m);
  assert.match((await replicateRecord([plain])).stdout, /^\[put\] /);
  const same = await diffRecord([wire]);
  assert.equal(same.ended.code, EXIT.equal);
  assert.match(same.stdout, /\n✔ The records are equivalent\n-+\n$/);
  const deleted = await replicateRecord(['{"id":"a","n":9007199254740992}']);
  assert.match(deleted.stdout, /^\[deleted\] /, deleted.lastWords());
  assert.equal((await itemsOf(both.to)).length, 1, 'the neighbour within a double is still there');
  await assertSame(both);
  assert.equal((await diffTables([])).ended.code, EXIT.equal);
  await put(both.from, { id: { S: 'new' }, n: { N: '1' } });
  const backfill = await diffTables(['--repair', '--backfill']);
  assert.match(backfill.stdout, /^\[backfill\] \{"id":\{"S":"new"\},"n":\{"N":"1"\}\}$/m);
});

scenario('without credentials nobody may look: exit code 4', async (stage) => {
  const tables = ['eu-west-1/Orders', 'eu-west-1/Copies'];
  for (const args of [['diff-tables', ...tables], ['diff-record', ...tables, '{}'], ['replicate-record', ...tables, '{}']]) {
    const run = await stage.run(args, { env: {} });
    assert.equal(run.ended.code, 4, run.lastWords());
  }
});

scenario('findings and summary are JSON for programs', async (stage) => {
  const both = await pair();
  await put(both.from, { id: { S: 'a' }, v: { S: '1' } });
  await put(both.to, { id: { S: 'a' }, v: { S: '2' } });
  const run = await diff(stage, both, ['--output', 'json']);
  const [finding, summary, ...more] = run.stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(finding, { difference: 'different', key: { id: { S: 'a' } }, attributes: ['v'] });
  assert.deepEqual(more, []);
  assert.equal(summary.discrepancies, 1);
  assert.equal(summary.exit_code, EXIT.different);
  assert.ok(summary.primary_read_units > 0 && summary.replica_read_units > 0);
  assert.ok(summary.requests >= 4, 'two descriptions and two scans');
});

scenario('SIGTERM ends a comparison at once, and it tells that it has not ended', async (stage) => {
  const both = await pair();
  for (let i = 0; i < 40; i++) await put(both.from, { id: { S: `${i}` } });
  const waits = [
    { until: 'looking again', more: ['--settle', '1h'] }, // for its pause
    { until: 'comparing', more: ['--max-read-units', '0.5'] }, // for its budget
  ];
  for (const { until, more } of waits) {
    const run = stage.dynamirror(['diff-tables', both.primary, both.replica, ...more]);
    await run.waitUntil((self) => self.stderr.includes(until), 30, until);
    run.kill('SIGTERM');
    await run.waitForExit(3);
    assertRefused(run, { code: EXIT.stoppedEarly, says: ['stopped as asked'] });
  }
});

scenario('trouble is told from a difference', async (stage) => {
  const both = await pair();
  const other = await pair('other:S');
  const absent = `${both.replica}Absent`;
  assertRefused(await diff(stage, { ...both, replica: absent }), { code: EXIT.notReady, says: ['Absent', 'no such table'] });
  const keys = await diff(stage, { primary: both.primary, replica: other.replica });
  assertRefused(keys, { code: EXIT.notReady, says: ['id (S)', 'other (S)'] });
  assertRefused(await stage.run(['diff-tables', both.primary]), { code: EXIT.usage, says: ['REPLICA'] });
  assertRefused(await diff(stage, both, ['--backfill']), { code: EXIT.usage, says: ['--repair'] });
  assertRefused(await diff(stage, both, ['--sample', '0%']), { code: EXIT.usage, says: ['--sample', '1%'] });
  assertRefused(await diff(stage, both, ['--segment', '3', '--segments', '3']), { code: EXIT.usage, says: ['3'] });
  const record = await stage.run(['diff-record', both.primary, both.replica, '{"id":5}']);
  assertRefused(record, { code: EXIT.usage, says: ['id is of type S'] });
  for (let i = 0; i < 50; i++) await put(both.from, { id: { S: `${i}` } });
  const folder = stage.path('absent');
  const files = await diff(stage, both, ['--memory', '1k', '--temp-dir', folder]);
  assertRefused(files, { code: EXIT.files, says: [folder, '--temp-dir'] });
});

// DYNAMIRROR_E2E_DIFF_ITEMS: DynamoDB Local takes and gives some thousand items a second.
const ITEMS = Number(process.env.DYNAMIRROR_E2E_DIFF_ITEMS ?? 6_000);

async function load(table, items) {
  const loaders = Array.from({ length: 4 }, async (_, worker) => {
    for (let at = worker * batchLimit; at < items.length; at += 4 * batchLimit) {
      await table.writeBatch(items.slice(at, at + batchLimit).map((Item) => ({ PutRequest: { Item } })));
    }
  });
  await Promise.all(loaders);
}

// One item in twenty differs, or a thousand in all, in equal shares of each kind; little memory makes most digests go to
// disk. The items are as large as makes a fifth of the scans pay for two reads of each that differs.
const CYCLE = Math.max(60, Math.floor((3 * ITEMS) / 1_000));
const FILLER = Math.ceil((2_600 * 60) / CYCLE);

async function findAll(stage) {
  const both = await pair();
  const filler = 'x'.repeat(FILLER);
  const item = (i, v) => ({ id: { S: `key ${i}` }, v: { N: `${v}` }, filler: { S: filler } });
  const inPrimary = (i) => i % CYCLE !== 1;
  const inReplica = (i) => i % CYCLE !== 2;
  const changed = (i) => i % CYCLE === 3;
  const all = Array.from({ length: ITEMS }, (_, i) => i);
  await load(both.from, all.filter(inPrimary).map((i) => item(i, i)));
  await load(both.to, all.filter(inReplica).map((i) => item(i, changed(i) ? -i : i)));
  const run = await diff(stage, both, ['--memory', '256k', '--output', 'json'], { seconds: 300 });
  assert.equal(run.ended.code, EXIT.different, run.lastWords());
  const summary = run.json();
  const count = (test) => all.filter(test).length;
  assert.equal(summary.missing, count((i) => !inReplica(i)));
  assert.equal(summary.extraneous, count((i) => !inPrimary(i)));
  assert.equal(summary.different, count(changed));
  assert.equal(summary.changing, 0);
  assert.ok(summary.spilled_bytes > 0);
  const scans = (summary.primary_items + summary.replica_items) * ((FILLER + 16) / 8_192);
  const units = summary.primary_read_units + summary.replica_read_units;
  assert.ok(units <= 1.2 * scans, `${units} units for scans of ${scans}`);
}

scenario(`exactly the differences among ${ITEMS} items are found, at the price of two scans`, findAll, {
  seconds: 120 + ITEMS / 50,
});
