// SPDX-License-Identifier: Apache-2.0
// Goal: tables that applications write on all sides end equal, with the newest write, whatever is written at once and
// however often the process is killed; what lost is in the companion tables; nothing goes around for ever.
// Method: DynamoDB Locals, writers that know nothing of us, `sync` and `replicate --multi-master`; the outcome judged
// from the tables, and from the streams' own records.
import assert from 'node:assert/strict';
import { UpdateItemCommand } from '../tools/lib/sdk.mjs';
import { Table } from '../tools/lib/table.mjs';
import { assertRefused } from './support/expect.mjs';
import { scenario, shared } from './support/stage.mjs';
import { createTable, itemsOf, put, remove } from './support/tables.mjs';
import { until } from './support/until.mjs';

const SECONDS = 90;
const OWN = /^_repl_/;
const locals = shared('multi-master', (stage) => Promise.all(['one', 'two', 'three'].map((name) => stage.dynamoDbLocal(name))));
const FULL = Number(process.env.DYNAMIRROR_E2E_CHANGES ?? 0) > 50_000; // ./dev test --full
let count = 0;

async function newTables(size) {
  const name = `Shared${++count}`;
  return Promise.all(locals().slice(0, size).map((url) => createTable(`${url}/${name}`, 'id:S')));
}

const urlOf = (table) => table.url;
const content = (item) => Object.fromEntries(Object.entries(item).filter(([name]) => !OWN.test(name)).sort());
const key = (id) => ({ id: { S: id } });
const companionOf = (table) => new Table(`${table.url}_repl`);

async function contents(table) {
  const items = await itemsOf(table);
  return new Map(items.map((item) => [item.id.S, { content: JSON.stringify(content(item)), version: item._repl_version?.S }]));
}

async function conflictsOf(tables) {
  const rows = (await Promise.all(tables.map((table) => itemsOf(companionOf(table))))).flat();
  return rows.filter((row) => row.what.S.startsWith('conflict'));
}

function update(table, id, name, value) {
  return table.send(
    new UpdateItemCommand({
      TableName: table.name,
      Key: key(id),
      UpdateExpression: 'SET #n = :v',
      ExpressionAttributeNames: { '#n': name },
      ExpressionAttributeValues: { ':v': { S: value } },
    }),
  );
}

const start = (stage, tables, ...more) => stage.dynamirror(['sync', ...tables.map(urlOf), '--state-dir', stage.path('.'), ...more]);

// All tables have the same items, each with the same version.
async function areEqual(tables) {
  const all = await Promise.all(tables.map(contents));
  return all.every((one) => {
    if (one.size !== all[0].size) return false;
    return [...one].every(([id, item]) => item.version && item.content === all[0].get(id)?.content && item.version === all[0].get(id).version);
  });
}

// Equal, and still so a while of looks later: nothing is on its way any more.
async function inStep(tables, seconds = SECONDS) {
  let looks = 0;
  await until(async () => (looks = (await areEqual(tables)) ? looks + 1 : 0) >= 5, seconds, 'equal tables');
}

function randomFrom(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

// Puts, updates, deletes and re-inserts of keys that all writers share.
async function write(table, who, operations, keys) {
  const random = randomFrom(who.length * 7919 + operations + who.charCodeAt(0) * 31 + who.charCodeAt(1));
  for (let i = 0; i < operations; i++) {
    const id = `key ${random(keys)}`;
    const roll = random(10);
    if (roll < 4) await put(table, { ...key(id), by: { S: who }, n: { N: `${i}` } });
    else if (roll < 7) await update(table, id, `of ${who}`, `${i}`);
    else if (roll < 9) await remove(table, key(id));
    else await put(table, { ...key(id), by: { S: `${who} again` }, n: { N: `${i}` } });
  }
}

async function stop(sync) {
  sync.kill('SIGTERM');
  const { code } = await sync.waitForExit(20);
  assert.equal(code, 0, sync.lastWords());
}

// Four writers on each table, a process that is killed again and again. Returns the number of kills.
async function writeAndKill(stage, tables, { operations, keys, more = [] }) {
  let sync = start(stage, tables, ...more);
  const writers = tables.flatMap((table, i) => ['a', 'b', 'c', 'd'].map((who) => write(table, `${who}${i}`, operations, keys)));
  let running = true;
  const writing = Promise.all(writers).finally(() => (running = false));
  let kills = 0;
  while (running) {
    await until(() => sync.stderr.includes('replicating') || !running, SECONDS, 'a start');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    sync.kill('SIGKILL');
    await sync.waitForExit(20);
    kills++;
    sync = start(stage, tables, ...more);
  }
  await writing;
  await inStep(tables, FULL ? 900 : SECONDS);
  const before = await allOf(tables);
  await stop(sync);
  assert.deepEqual(await allOf(tables), before, 'what is in step stays as it is');
  return kills;
}

const allOf = async (tables) => (await Promise.all(tables.map(contents))).map((items) => JSON.stringify([...items].sort()));

scenario('two tables written at once end equal, with kills on the way', async (stage) => {
  const kills = await writeAndKill(stage, await newTables(2), { operations: 75, keys: 25 });
  assert.ok(kills > 0);
});

for (const topology of FULL ? ['mesh', 'ring'] : []) {
  scenario(`three tables in a ${topology}, 60,000 operations over 300 keys`, async (stage) => {
    const options = { operations: 5000, keys: 300, more: ['--topology', topology] };
    assert.ok((await writeAndKill(stage, await newTables(3), options)) >= 30);
  }, { seconds: 3600 });
}

scenario('three tables in a mesh, and three in a ring', async (stage) => {
  for (const topology of ['mesh', 'ring']) {
    const tables = await newTables(3);
    const sync = start(stage, tables, '--topology', topology);
    await Promise.all(tables.map((table, i) => write(table, `w${i}`, 80, 12)));
    await inStep(tables);
    await stop(sync);
  }
}, { seconds: 240 });

scenario('of two writes of one key one wins everywhere, and the other one is kept', async (stage) => {
  const tables = await newTables(2);
  const [a, b] = tables;
  await put(a, { ...key('x'), v: { S: 'of a' } });
  await put(b, { ...key('x'), v: { S: 'of b' } });
  const sync = start(stage, tables);
  await inStep(tables);
  // Which one is the newer is the streams' to say; DynamoDB Local cuts times to the minute.
  const [winner] = (await itemsOf(a)).map(content);
  const conflicts = await until(async () => {
    const rows = await conflictsOf(tables);
    return rows.length > 0 && rows;
  }, SECONDS, 'a conflict');
  for (const row of conflicts) {
    assert.equal(row.kind.S, 'insert/insert');
    assert.deepEqual(JSON.parse(row.winner_image.S), winner);
    assert.deepEqual(JSON.parse(row.loser_image.S), { id: { S: 'x' }, v: { S: winner.v.S === 'of a' ? 'of b' : 'of a' } });
    assert.ok(row.loser.S < row.winner.S);
  }
  await stop(sync);
});

scenario('a deletion is final, a later insertion lives, and none of them comes around again', async (stage) => {
  const tables = await newTables(2);
  const [a, b] = tables;
  const sync = start(stage, tables);
  await put(a, { ...key('gone'), v: { S: '1' } });
  await put(a, { ...key('again'), v: { S: '1' } });
  await until(async () => (await itemsOf(b)).length === 2, SECONDS, 'both items');
  await remove(b, key('gone'));
  await remove(b, key('again'));
  await put(b, { ...key('again'), v: { S: '2' } });
  await until(async () => (await itemsOf(a)).length === 1, SECONDS, 'one item');
  await inStep(tables);
  assert.deepEqual((await itemsOf(a)).map(content), [{ id: { S: 'again' }, v: { S: '2' } }]);
  const tombstones = (await itemsOf(companionOf(a))).filter((row) => row.what.S === 'tombstone');
  assert.ok(tombstones.some((row) => row.key.S === '{"id":{"S":"gone"}}'));
  assert.equal((await conflictsOf(tables)).length, 0, 'each was made on top of what it replaced');
  await stop(sync);
});

scenario('items that are there on both sides are adopted; those that differ are kept in both forms', async (stage) => {
  const tables = await newTables(2);
  const [a, b] = tables;
  for (let i = 0; i < 30; i++) {
    await put(a, { ...key(`same ${i}`), v: { N: `${i}` } });
    await put(b, { ...key(`same ${i}`), v: { N: `${i}.0` } });
  }
  for (let i = 0; i < 5; i++) {
    await put(a, { ...key(`differs ${i}`), v: { S: 'a' } });
    await put(b, { ...key(`differs ${i}`), v: { S: 'b' } });
    await put(a, { ...key(`only a ${i}`), v: { S: 'a' } });
    await put(b, { ...key(`only b ${i}`), v: { S: 'b' } });
  }
  // Their records must not be seen: as if a day had passed since.
  const flows = [[a, b, '2'], [b, a, '1']].map(([from, to, rank], i) =>
    stage.dynamirror(['replicate', urlOf(from), urlOf(to), '--multi-master', '--adopt', '--adopt-rank', rank, '--start', 'latest',
      '--state', stage.path(`flow-${i}.db`)]));
  for (const flow of flows) await until(() => flow.stderr.includes('all items are adopted'), SECONDS, 'adoption');
  await inStep(tables);
  const items = new Map((await itemsOf(b)).map((item) => [item.id.S, item]));
  assert.equal(items.size, 45);
  for (let i = 0; i < 5; i++) assert.equal(items.get(`differs ${i}`).v.S, 'a', 'the preferred table wins');
  const losers = (await conflictsOf(tables)).map((row) => JSON.parse(row.loser_image.S));
  assert.deepEqual(new Set(losers.map((item) => item.v.S)), new Set(['b']));
  assert.equal(new Set(losers.map((item) => item.id.S)).size, 5);
  for (const flow of flows) await stop(flow);
}, { seconds: 180 });

scenario('what cannot be kept in step is refused with the remedy', async (stage) => {
  const [a] = await newTables(1);
  const keysOnly = await createTable(`${locals()[1]}/KeysOnly${count}`, 'id:S', { view: 'NEW_IMAGE' });
  const run = (...args) => stage.run(args);
  assertRefused(await run('sync', urlOf(a)), { code: 2, says: [/two tables/] });
  assertRefused(await run('sync', urlOf(a), urlOf(a)), { code: 2, says: [/named twice/] });
  assertRefused(await run('replicate', urlOf(keysOnly), urlOf(a), '--multi-master', '--dry-run'), { code: 2, says: [/NEW_AND_OLD_IMAGES/] });
  assertRefused(await run('replicate', urlOf(a), urlOf(keysOnly), '--multi-master', '--replay'), { code: 2, says: [/--multi-master/] });
});
