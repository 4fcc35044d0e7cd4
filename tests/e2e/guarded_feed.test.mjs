// SPDX-License-Identifier: Apache-2.0
// Goal: the conditions by which a replica refuses an older image mean to the service what they mean to us: a feed that
// comes twice and out of order, and in several runs, leaves the table's items, each with a guard.
// Method: the sink as a process (tests/support/guarded_feed_main.cpp) between tables on DynamoDB Local; this test writes
// the source and makes the feed of what it has written.
import assert from 'node:assert/strict';
import { Random } from '../tools/lib/random.mjs';
import { scenario, shared } from './support/stage.mjs';
import { createTable, itemsOf, put, remove } from './support/tables.mjs';
import { join } from 'node:path';

const SEED = Number(process.env.DYNAMIRROR_E2E_SEED ?? Date.now() % 1_000_000);
const KEYS = 25;
const CHANGES = 800;
const SECONDS = 100;
const GUARD = '_repl_seen';

const endpoints = shared('guarded', async (stage) => {
  const [source, target] = await Promise.all([stage.dynamoDbLocal('source'), stage.dynamoDbLocal('target')]);
  return { source, target };
});

// Writes, and returns what the feed tells of it: times in milliseconds, as the service's coarser precision has them.
async function churn(table, changes, random) {
  const feed = [];
  for (let i = 0; i < changes; i++) {
    const key = { id: { S: `key ${random.below(KEYS)}` } };
    const image = random.below(4) === 0 ? null : { ...key, n: { N: `${i}.5` }, set: { SS: ['b', 'a'] } };
    await (image ? put(table, image) : remove(table, key));
    feed.push({ key, image, created: Date.now() * 1_000 });
  }
  return feed;
}

// Each change comes once or twice, up to 40 places late.
function spoil(feed, random) {
  const twice = feed.flatMap((change, at) => (random.below(5) === 0 ? [[change, at], [change, at + 30]] : [[change, at]]));
  return twice.map(([change, at]) => [at + random.below(40), change]).sort(([a], [b]) => a - b).map(([, change]) => change);
}

async function bring(stage, source, target, feed, more = []) {
  const build = process.env.DYNAMIRROR_BUILD ?? join('build', 'release');
  const run = stage.start('guarded_feed', join(build, 'tests', 'guarded_feed'), [source, target, ...more], { input: true });
  run.child.stdin.end(feed.map((change) => `${JSON.stringify(change)}\n`).join(''));
  await run.waitForExit(SECONDS);
  assert.equal(run.ended.code, 0, run.lastWords());
  const done = run.json();
  assert.equal(done.failed, false, run.lastWords());
  assert.equal(done.read, done.applied + done.superseded);
  return done;
}

const byKey = (items) => Object.fromEntries(items.map(({ [GUARD]: _, ...item }) => [item.id.S, item]).sort());

scenario(`a feed out of order, and twice, leaves the table's items (seed ${SEED})`, async (stage) => {
  const random = new Random(SEED, 1);
  const [source, target] = [`${endpoints().source}/Fed`, `${endpoints().target}/Fed`];
  const from = await createTable(source, 'id:S', { view: null });
  const to = await createTable(target, 'id:S', { view: null });
  await put(to, { id: { S: 'key 1' }, n: { N: '-1' } }); // copied before there were guards
  await put(to, { id: { S: 'key 2' }, [GUARD]: { S: 'something else' } });
  const feed = spoil(await churn(from, CHANGES, random), random);
  let moot = 0;
  // Runs that overlap, as after a crash: the second begins before the end of what the first has done.
  for (const part of [feed.slice(0, feed.length / 2), feed.slice(feed.length / 4), feed.slice(-50)]) {
    moot += (await bring(stage, source, target, part)).superseded;
  }
  assert.deepEqual(byKey(await itemsOf(to)), byKey(await itemsOf(from)));
  assert.ok(moot > 0);
  for (const item of await itemsOf(to)) assert.ok([2, 3].includes(item[GUARD].L.length), JSON.stringify(item));
});

scenario('a modification costs one write and no read, an old one writes nothing', async (stage) => {
  const [source, target] = [`${endpoints().source}/Costs`, `${endpoints().target}/Costs`];
  const from = await createTable(source, 'id:S', { view: null });
  const to = await createTable(target, 'id:S', { view: null });
  const key = { id: { S: 'a' } };
  const now = Date.now() * 1_000;
  const image = (n, more = {}) => ({ ...key, n: { N: `${n}` }, ...more });
  await put(from, image(1));
  const change = (n, later) => ({ key, image: image(n), created: now + later });
  assert.deepEqual(await bring(stage, source, target, [change(1, 0)]),
    { read: 1, applied: 1, superseded: 0, images: 0, reads: 1, conditions: 1, failed: false });
  await put(from, image(2));
  assert.deepEqual(await bring(stage, source, target, [change(2, 1_000)]),
    { read: 1, applied: 1, superseded: 0, images: 1, reads: 0, conditions: 0, failed: false });
  assert.deepEqual(await bring(stage, source, target, [change(1, 0)]),
    { read: 1, applied: 0, superseded: 1, images: 0, reads: 0, conditions: 1, failed: false });
  const [item] = await itemsOf(to);
  assert.deepEqual(item, image(2, { [GUARD]: { L: [{ N: `${now + 1_000}` }, { N: `${now + 1_000}` }] } }));
  await remove(from, key);
  const removal = { key, image: null, created: now + 2_000 };
  assert.equal((await bring(stage, source, target, [removal])).reads, 1);
  assert.deepEqual(await itemsOf(to), []);
});

scenario(`old events by their keys write what differs, beside a live replication (seed ${SEED})`, async (stage) => {
  const random = new Random(SEED, 2);
  const [source, target] = [`${endpoints().source}/Live`, `${endpoints().target}/Live`];
  const from = await createTable(source, 'id:S');
  const to = await createTable(target, 'id:S', { view: null });
  const live = (...more) => stage.dynamirror([
    ...['replicate', source, target, '--state', stage.path('state'), '--idle-poll', '50ms', '--output', 'json', ...more],
  ]);
  const first = live();
  const old = await churn(from, 100, random);
  let writing = true;
  const workload = churn(from, 500, random).finally(() => (writing = false));
  let done = { read: 0 };
  while (writing) done = await bring(stage, source, target, old, ['--by-key']);
  await workload;
  first.kill('SIGTERM');
  await first.waitForExit(SECONDS);
  const last = live('--stop-when-caught-up');
  await last.waitForExit(SECONDS);
  assert.equal(last.ended.code, 0, last.lastWords());
  assert.ok(done.read > 0);
  assert.deepEqual(byKey(await itemsOf(to)), byKey(await itemsOf(from)));

  // What has gone wrong in the replica is put right, and nothing else is written.
  await put(to, { id: { S: 'key 3' }, n: { N: '-1' } });
  await remove(to, { id: { S: 'key 4' } });
  const repaired = await bring(stage, source, target, old, ['--by-key']);
  assert.ok(repaired.written <= 2 && repaired.written > 0, JSON.stringify(repaired));
  assert.deepEqual(byKey(await itemsOf(to)), byKey(await itemsOf(from)));
  assert.equal((await bring(stage, source, target, old, ['--by-key'])).written, 0);
});
