// SPDX-License-Identifier: Apache-2.0
// Goal: what was backed up comes back the same, in the layout that mapbox's tools write, and a backup that is not whole
// is refused before anything is written.
// Method: tables with values of every type on DynamoDB Local; backups into a folder, read here without our code; the
// restored table is compared with the original by a tool that shares no code with dynamirror.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { complaints } from './support/expect.mjs';
import { LOCAL_KEYS, scenario, shared } from './support/stage.mjs';
import { createTable, itemsOf, put, remove } from './support/tables.mjs';
import { DescribeTimeToLiveCommand, UpdateTimeToLiveCommand } from '../tools/lib/sdk.mjs';
import { Table } from '../tools/lib/table.mjs';

const EXIT_DIFFERENT = 1;
const EXIT_USAGE = 2;
const EXIT_NOT_READY = 3;
const EXIT_STATE = 6;
const EXIT_STOPPED_EARLY = 10;
const servers = shared('backup', async (stage) => ({ from: await stage.dynamoDbLocal(), to: await stage.dynamoDbLocal() }));
let count = 0;
const newName = (word) => `${word}${++count}`;

async function filledTable(stage, { key = 'pk:S,sk:B', changes = 400 } = {}) {
  const source = `${servers().from}/${newName('Source')}`;
  const table = await createTable(source, key, { view: null });
  await stage.runTool('workload', ['--target', source, '--changes', `${changes}`, '--keys', '150', '--seed', '7']);
  return { source, table };
}

async function succeed(stage, args) {
  const run = await stage.run(args);
  assert.deepEqual(run.ended, { code: 0, signal: null }, run.lastWords());
  return run;
}

async function refused(stage, args, code, says) {
  const run = await stage.run(args);
  assert.equal(run.ended.code, code, run.lastWords());
  const [line, ...more] = complaints(run);
  assert.match(line ?? '', says);
  assert.deepEqual(more, []);
  return run;
}

async function assertEqual(stage, source, target) {
  const result = await stage.runTool('compare', ['--source', source, '--target', target], { accept: [0, 1] });
  assert.equal(result.differences, 0, JSON.stringify(result));
  assert.ok(result.source_items > 0);
  return result.source_items;
}

function objectId(key) {
  return createHash('sha256').update(JSON.stringify(key)).digest('hex');
}

for (const compression of ['gzip', 'none']) {
  scenario(`a table dumped with compression ${compression} is restored the same`, async (stage) => {
    const { source } = await filledTable(stage);
    const url = `file:${stage.path('dumps')}`;
    const args = ['backup-table', source, url, '--jobid', 'monday', '--compression', compression, '--output', 'json'];
    const { items, sha256, requests } = (await succeed(stage, args)).json();
    assert.ok(requests >= 3, `${requests} requests: DescribeTable, its settings, Scan`);

    const object = readFileSync(join(stage.path('dumps'), 'monday', '0'));
    assert.equal(createHash('sha256').update(object).digest('hex'), sha256);
    const text = (compression === 'gzip' ? gunzipSync(object) : object).toString();
    assert.ok(text.endsWith('\n'));
    const lines = text.trimEnd().split('\n');
    assert.equal(lines.length, items);
    for (const line of lines) {
      assert.ok(JSON.parse(line).pk.S);
      assert.doesNotMatch(line.replace(/"(\\.|[^"\\])*"/g, ''), /\s/, 'compact wire-form JSON');
    }
    assert.deepEqual(readdirSync(join(stage.path('dumps'), 'monday')), ['0'], 'nothing beside the data');

    const target = `${servers().to}/${newName('Restored')}`;
    const restored = await succeed(stage, ['restore-table', `${url}/monday`, target, '--create-target', '--output', 'json']);
    assert.equal(restored.json().written, items);
    assert.ok(restored.json().requests >= items / 25);
    assert.equal(await assertEqual(stage, source, target), items);
  });
}

scenario('a dump of several segments is restored whole, and refused while one is missing', async (stage) => {
  const { source } = await filledTable(stage);
  const url = `file:${stage.path('dumps')}`;
  const backUp = (segment) => ['backup-table', source, url, '--jobid', 'parts', '--segment', segment, '--segments', '3'];
  await succeed(stage, backUp('0'));
  await succeed(stage, backUp('2'));
  const target = `${servers().to}/${newName('Restored')}`;
  const restore = ['restore-table', `${url}/parts`, target, '--create-target'];
  await refused(stage, restore, EXIT_USAGE, /1 of 3 segments have no manifest/);
  // A batch system's word for the same.
  const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', JOB_COMPLETION_INDEX: '1', JOB_COMPLETIONS: '3' };
  const last = await stage.run(['backup-table', source, url, '--jobid', 'parts'], { env });
  assert.equal(last.ended.code, 0, last.lastWords());
  await succeed(stage, restore);
  await assertEqual(stage, source, target);
});

scenario('a dump without manifest, as mapbox writes it, is restored', async (stage) => {
  const { source, table } = await filledTable(stage, { key: 'id:N' });
  mkdirSync(stage.path('old/job'), { recursive: true });
  const halves = [[], []];
  (await itemsOf(table)).forEach((item, i) => halves[i % 2].push(wire(item)));
  halves.forEach((lines, i) => writeFileSync(stage.path(`old/job/${i}`), gzipSync(lines.map((line) => `${line}\n`).join(''))));
  const target = `${servers().to}/${newName('Restored')}`;
  await createTable(target, 'id:N', { view: null });
  const run = await succeed(stage, ['restore-table', `file:${stage.path('old/job')}`, target]);
  assert.match(run.stderr, /no manifest/);
  await assertEqual(stage, source, target);
});

// An item of the SDK as wire-form JSON.
function wire(item) {
  return JSON.stringify(item, (name, value) => {
    if (value?.type === 'Buffer') return Buffer.from(value.data).toString('base64');
    if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
    return value;
  });
}

for (const [what, spoil, says] of [
  ['missing', (file) => rmSync(file), /missing; nothing was restored/],
  ['cut off', (file) => writeFileSync(file, readFileSync(file).subarray(0, -20)), /bytes where the manifest says/],
  [
    'damaged',
    (file) => {
      const bytes = readFileSync(file);
      bytes[Math.floor(bytes.length / 2)] ^= 0xff;
      writeFileSync(file, bytes);
    },
    /damaged|SHA-256/,
  ],
]) {
  scenario(`a dump with a part that is ${what} is refused in one line`, async (stage) => {
    const { source } = await filledTable(stage, { changes: 200 });
    const url = `file:${stage.path('dumps')}`;
    await succeed(stage, ['backup-table', source, url, '--jobid', 'job']);
    spoil(join(stage.path('dumps'), 'job', '0'));
    const target = `${servers().to}/${newName('Restored')}`;
    await createTable(target, 'pk:S,sk:B', { view: null });
    await refused(stage, ['restore-table', `${url}/job`, target], EXIT_USAGE, says);
  });
}

scenario('a dump takes the place of an older one of its table as a whole, and of no other table', async (stage) => {
  const { source } = await filledTable(stage, { changes: 100 });
  const url = `file:${stage.path('dumps')}`;
  const backUp = (table, ...more) => ['backup-table', table, url, ...more];
  for (const segment of ['0', '1']) {
    await succeed(stage, backUp(source, '--jobid', 'job', '--segment', segment, '--segments', '2'));
  }
  const { source: another } = await filledTable(stage, { changes: 20 });
  await refused(stage, backUp(another, '--jobid', 'job'), EXIT_STATE, /a dump of another table has this name/);
  await succeed(stage, backUp(source, '--jobid', 'job'));
  const target = `${servers().to}/${newName('Restored')}`;
  await succeed(stage, ['restore-table', `${url}/job`, target, '--create-target']);
  await assertEqual(stage, source, target);
  const env = { ...LOCAL_KEYS, AWS_BATCH_JOB_ARRAY_INDEX: '0', AWS_BATCH_JOB_ARRAY_SIZE: '2' };
  const nameless = await stage.run(backUp(source), { env });
  assert.equal(nameless.ended.code, EXIT_USAGE);
  assert.match(complaints(nameless)[0], /the segments of one dump need one name: give --jobid/);
});

scenario('an occupied target is refused unless told, and a missing one unless it may be made', async (stage) => {
  const { source } = await filledTable(stage, { changes: 100 });
  const url = `file:${stage.path('dumps')}`;
  await succeed(stage, ['backup-table', source, url, '--jobid', 'job']);
  await refused(stage, ['restore-table', `${url}/job`, source], EXIT_NOT_READY, /not empty; --overwrite/);
  await succeed(stage, ['restore-table', `${url}/job`, source, '--overwrite']);
  const coarser = `${servers().to}/${newName('Restored')}`;
  await createTable(coarser, 'pk:S', { view: null }); // items that differ in the sort key alone would meet
  await refused(stage, ['restore-table', `${url}/job`, coarser], EXIT_NOT_READY, /key is pk .*both must be equal/);
  // As mapbox's tool leaves it, without a description.
  cpSync(join(stage.path('dumps'), 'job'), join(stage.path('dumps'), 'old'), { recursive: true });
  await refused(stage, ['restore-table', `${url}/old`, coarser], EXIT_USAGE, /two items of the backup have this key/);
  const target = `${servers().to}/${newName('Restored')}`;
  await refused(stage, ['restore-table', `${url}/job`, target], EXIT_NOT_READY, /--create-target/);
  await succeed(stage, ['restore-table', `${url}/job`, target, '--create-target', '--dry-run']);
  await refused(stage, ['restore-table', `${url}/job`, target], EXIT_NOT_READY, /--create-target/);
  await refused(stage, ['restore-table', `${url}/other`, target], EXIT_NOT_READY, /there is nothing/);
  await refused(stage, ['backup-table', `${servers().from}/Nowhere`, url], EXIT_NOT_READY, /no such table/);
});

scenario('an incremental backup follows its table; snapshots and record tools agree with it', async (stage) => {
  const source = `${await stage.dynamoDbLocal('streamed')}/Streamed`;
  await createTable(source, 'pk:S,sk:N');
  const workload = ['--target', source, '--keys', '80', '--large-rate', '0'];
  const table = await createTable(`${servers().from}/${newName('Unused')}`, 'id:N', { view: null });
  assert.ok(table);
  const url = `file:${stage.path('bucket/backups')}`;
  const backup = ['incremental-backup', source, url, '--state', stage.path('state'), '--idle-poll', '50ms'];
  await stage.runTool('workload', [...workload, '--changes', '200', '--seed', '3']);
  await succeed(stage, [...backup, '--stop-when-caught-up']);
  await stage.runTool('workload', [...workload, '--changes', '200', '--seed', '4']);
  const run = await succeed(stage, [...backup, '--stop-when-caught-up', '--output', 'json']);
  assert.ok(run.json().applied > 0);

  const living = stage.dynamirror(backup);
  await living.waitUntil((self) => self.stderr.includes('backing up changes'), 30, 'a backup under way');
  const second = ['incremental-backup', source, url, '--state', stage.path('another'), '--stop-when-caught-up'];
  await refused(stage, second, EXIT_STATE, /Streamed.* in use by process \d+/);
  living.kill('SIGTERM');
  await living.waitForExit(30);

  const items = await itemsOf(new Table(source));
  const names = readdirSync(stage.path('bucket/backups/Streamed')).sort();
  assert.deepEqual(names, items.map(({ pk, sk }) => objectId({ pk, sk })).sort());

  const snapshot = `file:${stage.path('bucket/snapshots/today')}`;
  await succeed(stage, ['incremental-snapshot', `${url}/Streamed`, snapshot]);
  for (const from of [`${url}/Streamed`, snapshot]) {
    const target = `${servers().to}/${newName('Restored')}`;
    await createTable(target, 'pk:S,sk:N', { view: null });
    await succeed(stage, ['restore-table', from, target]);
    assert.equal(await assertEqual(stage, source, target), items.length);
  }
  const made = `${servers().to}/${newName('Made')}`;
  const restore = ['restore-table', `${url}/Streamed`, made, '--create-target'];
  await refused(stage, [...restore, '--as-of', '2026-01-31T12:00:00Z'], EXIT_USAGE, /--as-of needs .* a folder keeps none/);
  await succeed(stage, restore);

  const { pk, sk } = items[0];
  const key = JSON.stringify({ sk: Number(sk.N), pk: pk.S });
  await succeed(stage, ['incremental-diff-record', source, url, key]);
  await put(new Table(source), { ...items[0], fresh: { S: 'value' } });
  const differs = await stage.run(['incremental-diff-record', source, url, key]);
  assert.equal(differs.ended.code, EXIT_DIFFERENT, differs.lastWords());
  assert.match(differs.stdout, /^\[different\]/);
  await succeed(stage, ['incremental-backup-record', source, url, key]);
  await succeed(stage, ['incremental-diff-record', source, url, JSON.stringify({ pk, sk })]);
  await remove(new Table(source), { pk, sk });
  await succeed(stage, ['incremental-backup-record', source, url, key]);
  assert.ok(!existsSync(stage.path(`bucket/backups/Streamed/${objectId({ pk, sk })}`)));
});

scenario('a backfill writes what a stream no longer holds, and moves objects from their old name', async (stage) => {
  const { source, table } = await filledTable(stage, { key: 'zz:S,aa:N', changes: 150 });
  const url = `file:${stage.path('bucket')}`;
  const items = await itemsOf(table);
  const folder = stage.path(`bucket/${table.name}`);
  mkdirSync(folder, { recursive: true });
  const { zz, aa } = items[0];
  writeFileSync(join(folder, objectId({ zz, aa })), wire(items[0])); // key-schema order, as the old backfill names it
  const key = JSON.stringify({ zz, aa });
  await succeed(stage, ['incremental-diff-record', source, url, key]);
  const run = await succeed(stage, ['incremental-backfill', source, url, '--output', 'json']);
  assert.equal(run.json().written, items.length);
  assert.ok(run.json().requests > items.length, 'every item is read again');
  const names = readdirSync(folder).sort();
  assert.deepEqual(names, items.map((item) => objectId({ aa: item.aa, zz: item.zz })).sort());
});

// Calls the binary by the name of an old command.
async function callOld(stage, name, args, env = LOCAL_KEYS) {
  const link = stage.path(name);
  if (!existsSync(link)) symlinkSync(resolve(process.env.DYNAMIRROR_BUILD ?? 'build/release', 'dynamirror'), link);
  const run = stage.start(name, link, args, { env });
  await run.waitForExit(60);
  return run;
}

scenario('a folder is one table after another to tools that list by its name, and makes a table again', async (stage) => {
  const { source, table } = await filledTable(stage, { changes: 30 });
  const url = `file:${stage.path('bucket')}`;
  const { written } = (await succeed(stage, ['incremental-backfill', source, url, '--output', 'json'])).json();
  const listed = readdirSync(stage.path('bucket')).filter((name) => name.startsWith(table.name));
  assert.deepEqual(listed, [table.name], 'nothing but the folder begins with the name of the table');
  const snapshot = await succeed(stage, ['incremental-snapshot', url, `file:${stage.path('snap')}`, '--output', 'json']);
  assert.equal(snapshot.json().items, written, 'the description is no item');
  const target = `${servers().to}/${newName('Restored')}`;
  await succeed(stage, ['restore-table', `${url}/${table.name}`, target, '--create-target']);
  assert.equal(await assertEqual(stage, source, target), written);
});

scenario('a table whose name has 255 letters is backed up into a folder', async (stage) => {
  const source = `${servers().from}/${'A'.repeat(255)}`;
  const table = await createTable(source, 'id:S', { view: null });
  await put(table, { id: { S: 'a' } });
  const url = `file:${stage.path('bucket')}`;
  await succeed(stage, ['incremental-backfill', source, url]);
  await createTable(`${servers().to}/Short`, 'id:S', { view: null });
  await succeed(stage, ['restore-table', `${url}/${table.name}`, `${servers().to}/Short`]);
  const long = ['backup-table', source, url, '--jobid', 'j'.repeat(250)];
  await refused(stage, long, EXIT_USAGE, /255 bytes at most/);
});

scenario('the history of a record is there after its table has gone', async (stage) => {
  const { source, table } = await filledTable(stage, { key: 'id:N', changes: 20 });
  const url = `file:${stage.path('bucket')}`;
  await succeed(stage, ['incremental-backfill', source, url]);
  const [{ id }] = await itemsOf(table);
  const missing = source.replace(table.name, 'Gone');
  cpSync(stage.path(`bucket/${table.name}`), stage.path('bucket/Gone'), { recursive: true });
  const { stdout } = await succeed(stage, ['incremental-record-history', missing, url, `{"id":${id.N}}`]);
  assert.match(stdout, new RegExp(`"id":\\{"N":"${id.N}"`));
});

scenario('under its old name a command prints what scripts of the old tool read', async (stage) => {
  const { source, table } = await filledTable(stage, { key: 'id:N', changes: 20 });
  const items = await itemsOf(table);
  const key = JSON.stringify({ id: items[0].id });
  const url = `file:${stage.path('bucket')}`;
  const dump = await callOld(stage, 'backup-table', [source, url, '--jobid', 'j']);
  assert.match(dump.stdout, new RegExp(`^Uploaded dynamo backup to ${url}/j/0\nWrote ${items.length} items to backup\n`, 'm'));
  await callOld(stage, 'incremental-backfill', [source, url]);
  const args = [source, url, key];
  assert.match((await callOld(stage, 'incremental-record-history', args)).stdout, /^\nModified: \S+Z\n-{34}\n\{/);
  const equal = await callOld(stage, 'incremental-diff-record', args);
  assert.match(equal.stdout, /\n-{28}\n✔ The records are equivalent\n-{28}\n$/);
  await put(table, { ...items[0], more: { S: '1' } });
  const different = await callOld(stage, 'incremental-diff-record', args);
  assert.match(different.stdout, /\n-{32}\n✘ The records are not equivalent\n-{32}\n$/);
  assert.equal(different.ended.code, EXIT_DIFFERENT);
  const json = (await succeed(stage, ['incremental-backup-record', ...args, '--output', 'json'])).json();
  assert.deepEqual(json.key, { id: items[0].id });
  assert.deepEqual(json.item.more, { S: '1' });
  assert.ok(json.object.startsWith(`${url}/${table.name}/`));
});

scenario('of an item under both names of its key the newer object is restored, also from a snapshot', async (stage) => {
  const { source, table } = await filledTable(stage, { key: 'zz:S,aa:N', changes: 150 });
  const folder = stage.path(`bucket/${table.name}`);
  mkdirSync(folder, { recursive: true });
  const write = (item, key, second) => {
    const file = join(folder, objectId(key));
    writeFileSync(file, wire(item));
    utimesSync(file, second, second);
  };
  const items = await itemsOf(table);
  items.forEach((item, i) => {
    const { zz, aa } = item;
    const stale = { ...item, stale: { BOOL: true } };
    write(i % 2 ? item : stale, { zz, aa }, i % 2 ? 2_000 : 1_000);
    write(i % 2 ? stale : item, { aa, zz }, i % 2 ? 1_000 : 2_000);
  });
  const snapshot = `file:${stage.path('snapshots/today')}`;
  const joined = await succeed(stage, ['incremental-snapshot', `file:${folder}`, snapshot, '--output', 'json']);
  assert.ok(joined.json().superseded > 0);
  assert.match(joined.stderr, /under both names of their key/);
  for (const from of [`file:${folder}`, snapshot]) {
    const target = `${servers().to}/${newName('Restored')}`;
    await createTable(target, 'zz:S,aa:N', { view: null });
    const run = await succeed(stage, ['restore-table', from, target]);
    if (from !== snapshot) assert.match(run.stderr, /under both names of their key/);
    assert.equal(await assertEqual(stage, source, target), items.length);
  }
});

scenario('both objects of one item may follow each other', async (stage) => {
  const item = (n, v) => ({ zz: { S: 'x' }, aa: { N: `${n}` }, v: { N: v } });
  const names = (n) => [objectId({ aa: { N: `${n}` }, zz: { S: 'x' } }), objectId({ zz: { S: 'x' }, aa: { N: `${n}` } })];
  let n = 0;
  while (names(n)[0] > names(n)[1]) n++; // the sorted name comes first
  const folder = stage.path('bucket/Single');
  mkdirSync(folder, { recursive: true });
  names(n).forEach((name, i) => {
    writeFileSync(join(folder, name), wire(item(n, `${i}`)));
    utimesSync(join(folder, name), 1_000 + i, 1_000 + i);
  });
  const snapshot = `file:${stage.path('snapshots/today')}`;
  await succeed(stage, ['incremental-snapshot', `file:${folder}`, snapshot]);
  for (const from of [`file:${folder}`, snapshot]) {
    const table = await createTable(`${servers().to}/${newName('Restored')}`, 'zz:S,aa:N', { view: null });
    await succeed(stage, ['restore-table', from, `${servers().to}/${table.name}`]);
    assert.deepEqual(await itemsOf(table), [item(n, '1')]);
  }
});

// A native export in the layout that the developer guide documents: incremental ones share a folder of data, beside
// their own.
function writeExport(folder, { incremental, lines }) {
  const data = incremental ? join(dirname(folder), 'data') : join(folder, 'data');
  mkdirSync(folder, { recursive: true });
  mkdirSync(data, { recursive: true });
  const halves = [[], []];
  lines.forEach((line, i) => halves[i % 2].push(line));
  const files = halves.map((half, i) => {
    const body = gzipSync(half.map((line) => `${line}\n`).join(''));
    writeFileSync(join(data, `part${i}.json.gz`), body);
    const md5Checksum = createHash('md5').update(body).digest('base64');
    const own = incremental ? '' : '01693685827463-2d8752fd/';
    const dataFileS3Key = `backups/AWSDynamoDB/${own}data/part${i}.json.gz`;
    return JSON.stringify({ itemCount: half.length, md5Checksum, etag: 'x-1', dataFileS3Key });
  });
  writeFileSync(join(folder, 'manifest-files.json'), `${files.join('\n')}\n`);
  const summary = {
    version: incremental ? '2023-08-01' : '2020-06-30',
    exportArn: 'arn:aws:dynamodb:us-east-1:123456789012:table/Orders/export/01693685827463-2d8752fd',
    tableArn: 'arn:aws:dynamodb:us-east-1:123456789012:table/Orders',
    itemCount: lines.length,
    outputFormat: 'DYNAMODB_JSON',
    exportType: incremental ? 'INCREMENTAL_EXPORT' : 'FULL_EXPORT',
  };
  writeFileSync(join(folder, 'manifest-summary.json'), JSON.stringify(summary));
}

scenario('a full and an incremental export are restored identically', async (stage) => {
  const { source, table } = await filledTable(stage, { key: 'id:N', changes: 200 });
  const before = await itemsOf(table);
  writeExport(stage.path('full'), { lines: before.map((item) => `{"Item":${wire(item)}}`) });
  const [gone, changed] = before;
  const after = { ...changed, extra: { N: '9007199254740993' } };
  const fresh = { id: { N: '9007199254740993' }, fresh: { BOOL: true } };
  const metadata = '"Metadata":{"WriteTimestampMicros":{"N":"1680109764000000"}}';
  const line = (item, image) =>
    `{${metadata},"Keys":${JSON.stringify({ id: item.id })}${image ? `,"NewImage":${wire(image)}` : ''}}`;
  writeExport(stage.path('incremental'), { incremental: true, lines: [line(gone), line(changed, after), line(fresh, fresh)] });

  const target = `${servers().to}/${newName('Restored')}`;
  await createTable(target, 'id:N', { view: null });
  await succeed(stage, ['restore-table', `file:${stage.path('full')}`, target]);
  await assertEqual(stage, source, target);
  const incremental = ['restore-table', `file:${stage.path('incremental')}`, target];
  await refused(stage, incremental, EXIT_NOT_READY, /not empty; --overwrite/);
  await succeed(stage, [...incremental, '--overwrite']);
  await remove(table, { id: gone.id });
  await put(table, after);
  await put(table, fresh);
  await assertEqual(stage, source, target);

  writeExport(stage.path('mixed-up'), { incremental: true, lines: [line(gone, after)] });
  await refused(
    stage,
    ['restore-table', `file:${stage.path('mixed-up')}`, target, '--overwrite'],
    EXIT_USAGE,
    /part0\.json\.gz line 1: the item beside the key .* has another one/,
  );
  await assertEqual(stage, source, target);

  const part = stage.path('full/data/part1.json.gz');
  writeFileSync(part, gzipSync(`${gunzipSync(readFileSync(part))}\n`));
  const other = `${servers().to}/${newName('Restored')}`;
  await createTable(other, 'id:N', { view: null });
  await refused(stage, ['restore-table', `file:${stage.path('full')}`, other], EXIT_USAGE, /its MD5 is not the one in the manifest.* is incomplete: \d+ items/);
});

scenario('a backup that is asked to stop leaves nothing and says that it is early', async (stage) => {
  const { source } = await filledTable(stage);
  const args = ['backup-table', source, `file:${stage.path('dumps')}`, '--jobid', 'job', '--max-read-units', '1'];
  const run = stage.dynamirror([...args, '--log-format', 'json']);
  await run.waitUntil((self) => self.stderr.includes('"backing up"'), 60, 'the start');
  run.kill('SIGTERM');
  const { code } = await run.waitForExit(5);
  assert.equal(code, EXIT_STOPPED_EARLY, run.lastWords());
  const left = existsSync(stage.path('dumps')) ? readdirSync(stage.path('dumps'), { recursive: true }) : [];
  assert.deepEqual(left.filter((name) => name !== 'job'), [], 'neither data nor manifest');
  const target = `${servers().to}/${newName('Restored')}`;
  const restore = ['restore-table', `file:${stage.path('dumps')}/job`, target, '--create-target'];
  await refused(stage, restore, EXIT_NOT_READY, /there is nothing/);
});

scenario('a table that is made by a restore gets its settings back', async (stage) => {
  const { source, table } = await filledTable(stage, { changes: 30 });
  await table.send(
    new UpdateTimeToLiveCommand({
      TableName: table.name,
      TimeToLiveSpecification: { Enabled: true, AttributeName: 'expires' },
    }),
  );
  const url = `file:${stage.path('dumps')}`;
  await succeed(stage, ['backup-table', source, url, '--jobid', 'job']);
  const made = new Table(`${servers().to}/${newName('Made')}`);
  const run = await succeed(stage, ['restore-table', `${url}/job`, `${servers().to}/${made.name}`, '--create-target']);
  assert.match(run.stdout, /time to live on expires: set/);
  assert.match(run.stdout, /tags: not known/, 'DynamoDB Local has no tags');
  const { TimeToLiveDescription } = await made.send(new DescribeTimeToLiveCommand({ TableName: made.name }));
  assert.equal(TimeToLiveDescription.AttributeName, 'expires');
});

scenario('metrics of the old names are sent, and never fail a backup', async (stage) => {
  const { source, table } = await filledTable(stage, { changes: 50 });
  const requests = [];
  let status = 200;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (text) => (body += text));
    request.on('end', () => {
      requests.push({ target: request.headers['x-amz-target'], signed: request.headers.authorization, ...JSON.parse(body) });
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
      response.end('{}');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stage.addCloser(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const env = {
    ...LOCAL_KEYS,
    AWS_ENDPOINT_URL_CLOUDWATCH: `http://127.0.0.1:${server.address().port}`,
  };
  const args = ['backup-table', source, `file:${stage.path('dumps')}`, '--metric', 'Backups', '--output', 'json'];
  const run = await stage.run(args, { env });
  assert.equal(run.ended.code, 0, run.lastWords());
  const [{ target, signed, Namespace, MetricData }] = requests;
  assert.match(target, /\.PutMetricData$/);
  assert.match(signed, /\/local\/monitoring\/aws4_request/);
  assert.equal(Namespace, 'Backups');
  const values = Object.fromEntries(MetricData.map(({ MetricName, Value, Unit }) => [MetricName, [Value, Unit]]));
  const { items, stored_bytes: stored } = run.json();
  assert.deepEqual(values, { BackupSize: [stored, 'Bytes'], BackupRecordCount: [items, 'Count'] });
  for (const { Dimensions } of MetricData) assert.deepEqual(Dimensions, [{ Name: 'TableName', Value: table.name }]);
  status = 403;
  const refusedMetrics = await stage.run(args, { env });
  assert.equal(refusedMetrics.ended.code, 0, refusedMetrics.lastWords());
  assert.match(refusedMetrics.stderr, /metrics could not be sent/);
  const missing = await stage.run(args.with(1, source.replace(table.name, 'NotThere')), { env });
  assert.equal(missing.ended.code, EXIT_NOT_READY, missing.lastWords());
  const { MetricData: [alarm], ...rest } = requests.at(-1);
  assert.deepEqual([rest.Namespace, alarm.MetricName, alarm.Value], ['Backups', 'BackupErrors', 1]);
});

test('a link with the name of an old command is that command', async () => {
  // Covered for every old name: the words after it are the command's own.
  const { symlinkSync, mkdtempSync } = await import('node:fs');
  const { spawnSync } = await import('node:child_process');
  const { tmpdir } = await import('node:os');
  const folder = mkdtempSync(join(tmpdir(), 'dynamirror-'));
  const binary = resolve(process.env.DYNAMIRROR_BUILD ?? 'build/release', 'dynamirror');
  try {
    for (const name of ['backup-table', 'incremental-backfill', 'incremental-snapshot', 'incremental-diff-record',
      'launch-kinesis-cluster']) {
      symlinkSync(binary, join(folder, name));
      const { status, stdout } = spawnSync(join(folder, name), ['--help'], { encoding: 'utf8' });
      assert.equal(status, 0);
      assert.match(stdout, new RegExp(`Usage: .*${name}`));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
