// SPDX-License-Identifier: Apache-2.0
// Goal: a table is replicated from a stream of Kinesis to which an application tells the keys of what it has written
// (dyno), in no order. Once the stream is quiet the replica equals the table by an independent comparison, and no key
// goes back to an older state any more.
// Method: tables on DynamoDB Local, and kinesalite, whose shards are split and merged on the way. This test is the
// application: several writers at once put an item, and then the record as dyno writes it. The replication is killed
// with SIGKILL again and again, and reaches all three services through proxies that make faults.
//
// DYNAMIRROR_E2E_CHANGES is four times the number of changes over both tables (default: 2,000, at a tenth of as many
// keys). The full size, 50,000 changes over 5,000 keys, is `./dev test --full`.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../tools/lib/random.mjs';
import { canonicalItem, canonicalValue } from '../tools/lib/canonical.mjs';
import { recordingProxy } from './support/aws_servers.mjs';
import { assertClean, assertRefused, assertSummary } from './support/expect.mjs';
import { dynoRecord, feedRecord } from './support/kinesis.mjs';
import { assertEqual, byId, catchUp, CHANGES, EXIT, pair as pairOf, replicate, SECONDS, SEED, servers } from './support/kinesis_sides.mjs';
import { scenario, statisticsOf } from './support/stage.mjs';
import { createTable, itemsOf, put, remove } from './support/tables.mjs';

const IS_FULL = CHANGES >= 50_000;
const KILLS = IS_FULL ? 20 : 4;
const WRITERS = 8;
const FAULTS = [
  'internal-error,unavailable-html,provisioned-throughput,throttling,limit-exceeded,unprocessed-some,unprocessed-all',
  'close-before,close-after,half-answer,expired-iterator,empty-page,slow',
].join(',');

const at = servers('kinesis');
const pair = (...more) => pairOf(at(), ...more);

// One write of the application.
const tell = (from, stream, item) =>
  put(from, item).then(() => stream.put(dynoRecord('INSERT', { id: item.id })));

// What the record says of a key, binaries in base64.
const wire = (key) =>
  Object.fromEntries(
    Object.entries(key).map(([name, value]) => [name, value.B ? { B: Buffer.from(value.B).toString('base64') } : value]),
  );

// The application: `writers` at once, so that the records of a key come in another order than its writes.
// onProgress(i) is called before change i.
async function write({ from, stream, keyOf, keys }, changes, random, onProgress = () => {}) {
  let next = 0;
  const writer = async () => {
    while (next < changes) {
      const i = next++;
      await onProgress(i);
      const key = keyOf(random.below(keys));
      const removed = random.below(4) === 0;
      const item = { ...key, version: { N: `${i}` }, text: { S: 'x'.repeat(random.below(600)) } };
      await (removed ? remove(from, key) : put(from, item));
      const record = dynoRecord(removed ? 'REMOVE' : random.pick(['INSERT', 'MODIFY']), wire(key));
      await stream.put(record, { partitionKey: JSON.stringify(wire(key)) });
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

// Splits twice and merges once while the changes come.
function resharding(stream, changes) {
  const steps = new Map([
    [Math.floor(changes / 4), async () => stream.split((await stream.openShards())[0])],
    [Math.floor(changes / 2), async () => stream.split((await stream.openShards())[1])],
    [Math.floor((3 * changes) / 4), async () => {
      const byRange = (a, b) => (BigInt(a.HashKeyRange.StartingHashKey) < BigInt(b.HashKeyRange.StartingHashKey) ? -1 : 1);
      const [first, second] = (await stream.openShards()).sort(byRange);
      return stream.merge(first, second);
    }],
  ]);
  return async (i) => steps.get(i)?.();
}

// Looks at the replica until `ended`: a key that has reached its last state stays there.
async function staysInStep({ from, to }, keyNames, ended) {
  const keyText = (item) => canonicalItem(Object.fromEntries(keyNames.map((name) => [name, item[name]])));
  const texts = async (table) => new Map((await itemsOf(table)).map((item) => [keyText(item), canonicalItem(item)]));
  const last = await texts(from);
  const reached = new Set();
  let looks = 0;
  for (let going = true; going; ) {
    going = !ended(); // one more look after the end
    const now = await texts(to);
    for (const [key, item] of last) {
      if (now.get(key) === item) reached.add(key);
      else assert.ok(!reached.has(key), `${key} has gone back to ${now.get(key)}`);
    }
    looks += 1;
    await sleep(100);
  }
  assert.equal(reached.size, last.size);
  return looks;
}

async function through(stage, url, operations, { rate = '0.2' } = {}) {
  const { origin, pathname } = new URL(url);
  const options = ['--seed', `${SEED}`, '--fault-rate', rate, '--kinds', FAULTS, '--operations', operations];
  const proxy = await stage.faultProxy(['--target', origin, ...options]);
  return { ...proxy, url: proxy.endpoint + pathname };
}

// Every type as a hash key, and as a range key but for strings; tests of the smaller size have no time for all.
const TABLES = [
  { schema: 'pk:S,sk:B', names: ['pk', 'sk'], keyOf: (n) => ({ pk: { S: `p ${n % 7}` }, sk: { B: Buffer.from(`s ${n}`) } }) },
  { schema: 'pk:B,sk:N', names: ['pk', 'sk'], keyOf: (n) => ({ pk: { B: Buffer.from([n % 7, 255]) }, sk: { N: `${n - 100}.5` } }) },
  { schema: 'id:N', names: ['id'], keyOf: (n) => ({ id: { N: `${n}` } }) },
].slice(0, IS_FULL ? 3 : 2);
for (const [table, { schema, names, keyOf }] of TABLES.entries()) {
  scenario(`the replica of a table with the key ${schema} equals it after ${KILLS} kills, faults everywhere, splits and merges (seed ${SEED})`, async (stage) => {
    const sides = await pair(`Dyno${table}`, { key: schema, shards: 3 });
    const changes = Math.ceil(CHANGES / TABLES.length);
    const application = { ...sides, keyOf, keys: Math.ceil(changes / 10) };
    const proxies = await Promise.all([
      through(stage, sides.stream.address, 'GetRecords,GetShardIterator,ListShards'),
      through(stage, sides.from.url, 'BatchGetItem,GetItem'),
      through(stage, sides.to.url, 'BatchWriteItem,PutItem,DeleteItem'),
    ]);
    const faulty = { stream: proxies[0].url, from: proxies[1], to: proxies[2] };
    const random = new Random(SEED, table + 1);
    let writing = true;
    const workload = write(application, changes, random, resharding(sides.stream, changes)).finally(() => (writing = false));
    let kills = 0;
    while (writing || kills < KILLS) {
      const victim = replicate(stage, faulty);
      if (kills % 2 === 1) await victim.waitUntil(({ stderr }) => /replicating/.test(stderr), SECONDS, 'start');
      await Promise.race([victim.exited, sleep(random.below(kills < KILLS ? 1_500 : 5_000))]);
      victim.kill('SIGKILL');
      const { code, signal } = await victim.waitForExit(SECONDS);
      assert.equal(signal, 'SIGKILL', `ended by itself with ${code}:\n${victim.lastWords()}`);
      kills += 1;
    }
    await workload;
    await write(application, 50, random);
    const last = replicate(stage, faulty, ['--stop-when-caught-up']);
    const looks = staysInStep(sides, names, () => last.ended);
    await last.waitForExit(SECONDS);
    const summary = assertClean(last);
    assert.equal(summary.caught_up, true);
    assert.ok(summary.read > 0 && summary.item_read_units > 0);
    assert.ok((await looks) > 1);
    await assertEqual(stage, sides);
    for (const proxy of proxies) {
      const { faults } = await statisticsOf(proxy);
      assert.ok(Object.values(faults).some((count) => count > 0), JSON.stringify(faults));
    }
  }, { seconds: 120 + SECONDS * 2 });
}

scenario(`a replay of the whole stream beside a live replication writes what differs and nothing else (seed ${SEED})`, async (stage) => {
  const sides = await pair('Replayed', { shards: 2 });
  const application = { ...sides, keyOf: (n) => byId(`key ${n}`), keys: Math.ceil(CHANGES / 40) };
  const random = new Random(SEED, 10);
  const changes = Math.ceil(CHANGES / 4);
  await write(application, changes, random);
  await catchUp(stage, sides);
  await assertEqual(stage, sides);

  // Onto a finished replica: nothing is written, as the replica's own server counts.
  const counted = await through(stage, sides.to.url, 'none', { rate: '0' });
  const replay = (more = []) =>
    catchUp(stage, { ...sides, to: counted }, ['--replay', '--start', 'trim-horizon', ...more], { state: null });
  const quiet = await replay();
  assert.ok(quiet.read >= changes);
  assert.equal(quiet.superseded, quiet.read);
  assert.equal(quiet.applied, 0);
  assert.equal(quiet.consumed_write_units, 0);

  // While new writes go on, and a replication follows them.
  const live = replicate(stage, sides);
  let writing = true;
  const workload = write(application, changes, random).finally(() => (writing = false));
  let replayed = 0;
  while (writing) replayed += (await replay()).read;
  await workload;
  live.kill('SIGTERM');
  await live.waitForExit(SECONDS);
  assertClean(live);
  await catchUp(stage, sides);
  assert.ok(replayed > 0);
  await assertEqual(stage, sides);

  // What has gone wrong in the replica is put right.
  const [wrong, missing] = await itemsOf(sides.to);
  await put(sides.to, { id: wrong.id, version: { N: '-1' } });
  await remove(sides.to, { id: missing.id });
  const repaired = await replay();
  assert.equal(repaired.applied, 2, 'of each key, one change of those that wait together');
  await assertEqual(stage, sides);
  const { requests } = await statisticsOf(counted);
  assert.ok(!requests.BatchWriteItem, JSON.stringify(requests));
}, { seconds: 60 + SECONDS * 2 });

scenario('a backlog costs one read and one write for each key, and no more units than are allowed', async (stage) => {
  const sides = await pair('Costs', { shards: 3 });
  const keys = 200;
  for (let i = 0; i < keys; i++) await put(sides.from, { ...byId(`key ${i}`), text: { S: 'x'.repeat(500) } });
  const records = [];
  for (let i = 0; i < 10 * keys; i++) {
    const key = byId(`key ${i % keys}`);
    records.push(dynoRecord('MODIFY', key));
  }
  await sides.stream.putMany(records, (record) => JSON.stringify(record.dynamodb.Keys));
  const proxy = await through(stage, sides.from.url, 'none', { rate: '0' });
  const summary = await catchUp(stage, { ...sides, from: proxy });
  await assertEqual(stage, sides);
  assert.equal(summary.read, 10 * keys);
  assert.ok(summary.item_read_units <= 1.2 * keys, `${summary.item_read_units} read units for ${keys} keys`);
  assert.ok(summary.consumed_write_units <= 1.01 * keys, `${summary.consumed_write_units} write units for ${keys} keys`);
  assert.ok(summary.applied <= 1.01 * keys, JSON.stringify(summary));

  const begun = Date.now();
  const slow = await catchUp(stage, sides, ['--max-read-units', '100', '--start', 'trim-horizon'], { state: 'slow' });
  const seconds = (Date.now() - begun) / 1_000;
  assert.ok(slow.item_read_units <= 100 * (seconds + 1), `${slow.item_read_units} units in ${seconds} s`);
  assert.ok(seconds >= slow.item_read_units / 100 - 1);
});

scenario('what is no change is set aside with the reason, and the shard goes on', async (stage) => {
  const sides = await pair('Bad');
  await put(sides.from, { ...byId('good'), n: { N: '1' } });
  const bad = [
    [Buffer.from('no JSON'), /it is no change of an item/],
    [{ eventName: 'INSERT', dynamodb: {} }, /it has no Keys/],
    [dynoRecord('INSERT', { other: { S: 'x' } }), /its Keys: /],
    [dynoRecord('INSERT', { id: { N: '1' } }), /its Keys: /],
    [feedRecord('INSERT', byId('x'), { table: 'Another', time: Date.now() * 1_000, newImage: byId('x') }), /of the table Another/],
    [Buffer.alloc(1_000_000, 'x'), /it is no change of an item/],
  ];
  for (const [record] of bad) await sides.stream.put(record);
  await sides.stream.put(dynoRecord('INSERT', byId('good')));
  const run = replicate(stage, sides, ['--stop-when-caught-up']);
  await run.waitForExit(SECONDS);
  const summary = assertSummary(run);
  assert.equal(summary.dead_lettered, bad.length, run.lastWords());
  assert.equal(summary.applied, 1);
  await assertEqual(stage, sides);
  const file = `${stage.path('state')}.dead-letters.jsonl`;
  const letters = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const errors = letters.map((letter) => JSON.stringify(letter.error));
  for (const [i, [record, reason]] of bad.entries()) {
    assert.match(errors[i] ?? '', reason);
    const bytes = Buffer.isBuffer(record) ? record : Buffer.from(JSON.stringify(record));
    assert.deepEqual(Buffer.from(letters[i].record, 'base64').subarray(0, 100), bytes.subarray(0, 100));
  }
  const replay = await stage.run(['dead-letters', 'replay', file, sides.to.url, '--output', 'json']);
  assert.equal(replay.ended.code, 0, replay.lastWords());
  assert.match(replay.stderr, /are no changes, and cannot be replayed/);
});

scenario('an item that the replica refuses is set aside, and a replay reads it anew', async (stage) => {
  const index = {
    GlobalSecondaryIndexes: [{ IndexName: 'byNumber', KeySchema: [{ AttributeName: 'n', KeyType: 'HASH' }], Projection: { ProjectionType: 'ALL' } }],
    AttributeDefinitions: [{ AttributeName: 'n', AttributeType: 'N' }],
  };
  const { kinesis, source, target } = at();
  const from = await createTable(`${source}/Refused`, 'id:S', { view: null });
  const to = await createTable(`${target}/Refused`, 'id:S', { view: null, ...index });
  const stream = await (await kinesis.createStream('Refused')).becomesActive();
  await tell(from, stream, { ...byId('a'), n: { S: 'not a number' } });
  const run = replicate(stage, { from, to, stream }, ['--stop-when-caught-up']);
  await run.waitForExit(SECONDS);
  assert.equal(assertSummary(run).dead_lettered, 1, run.lastWords());
  await put(from, { ...byId('a'), n: { N: '5' } });
  const file = `${stage.path('state')}.dead-letters.jsonl`;
  const replay = await stage.run(['dead-letters', 'replay', file, to.url, '--primary', from.url]);
  assert.equal(replay.ended.code, 0, replay.lastWords());
  await assertEqual(stage, { from, to });
});

scenario('the table, its replica and the stream are each reached with an identity of their own', async (stage) => {
  const sides = await pair('Whose');
  await tell(sides.from, sides.stream, byId('a'));
  const proxied = async (url) => {
    const { origin, pathname } = new URL(url);
    const proxy = await recordingProxy(stage, { to: origin });
    return { url: proxy.endpoint + pathname, keys: proxy.accessKeys };
  };
  const [from, to, stream] = await Promise.all([sides.from.url, sides.to.url, sides.stream.address].map(proxied));
  const credentials = ['source', 'target', 'changes']
    .map((name) => `[${name}]\naws_access_key_id = AKIA${name.toUpperCase()}\naws_secret_access_key = secret\n`)
    .join('');
  const file = stage.path('credentials');
  writeFileSync(file, credentials);
  const profiles = ['source', 'target', 'changes'].flatMap((name) => [`--${name}-profile`, name]);
  for (const more of [[], ['--use-images'], ['--replay']]) {
    for (const side of [from, to, stream]) side.keys.clear();
    await catchUp(stage, { from, to, stream: stream.url }, ['--start', 'trim-horizon', ...profiles, ...more],
      { state: null, env: { AWS_SHARED_CREDENTIALS_FILE: file, XDG_STATE_HOME: stage.path(`state${more}`) } });
    assert.deepEqual([...from.keys], ['AKIASOURCE']);
    assert.deepEqual([...to.keys], ['AKIATARGET']);
    assert.deepEqual([...stream.keys], ['AKIACHANGES']);
  }
});

scenario('reading begins where the user says', async (stage) => {
  const sides = await pair('Starts');
  const { from, to, stream } = sides;
  await tell(from, stream, byId('old'));
  await sleep(1_100); // kinesalite tells moments to the second
  const moment = new Date().toISOString();
  await sleep(1_100);
  await tell(from, stream, byId('new'));
  const ids = async () => (await itemsOf(to)).map(({ id }) => id.S).sort();
  const latest = await catchUp(stage, sides, ['--start', 'latest'], { state: 'latest' });
  assert.equal(latest.read, 0);
  for (const [i, start] of [moment, `${Date.parse(moment) / 1_000}`].entries()) {
    const since = await catchUp(stage, sides, ['--start', start], { state: `moment${i}` });
    assert.equal(since.read, 1);
    assert.deepEqual(await ids(), ['new']);
  }
  assert.equal((await catchUp(stage, sides, [], { state: 'all' })).read, 2);
  assert.deepEqual(await ids(), ['new', 'old']);
});

scenario('a table is loaded first, and its stream is applied from where it stood before', async (stage) => {
  const sides = await pair('Loaded', { shards: 2 });
  const application = { ...sides, keyOf: (n) => byId(`key ${n}`), keys: 100 };
  const random = new Random(SEED, 30);
  await write(application, 200, random);
  for (let i = 0; i < 300; i++) await put(sides.from, { ...byId(`never told ${i}`) });
  let writing = true;
  const workload = write(application, 400, random).finally(() => (writing = false));
  const live = replicate(stage, sides, ['--initial-load', '--max-read-units', '200']);
  await Promise.race([workload, live.exited]);
  await workload;
  assert.equal(writing, false);
  await live.waitUntil(({ stderr }) => /replicating/.test(stderr), SECONDS, 'end of the load');
  live.kill('SIGTERM');
  await live.waitForExit(SECONDS);
  const last = await catchUp(stage, sides, ['--initial-load']);
  assert.equal(last.dead_lettered, 0);
  await assertEqual(stage, sides);
});

scenario("a replay reads a table's own stream, too", async (stage) => {
  const from = await createTable(`${at().source}/OwnStream`, 'id:S');
  const to = await createTable(`${at().target}/OwnStream`, 'id:S', { view: null });
  for (const id of ['a', 'b', 'c']) await put(from, byId(id));
  await remove(from, byId('c'));
  await put(to, { ...byId('a'), wrong: { BOOL: true } });
  await put(to, byId('b'));
  await put(to, byId('c'));
  const run = await stage.run([
    ...['replicate', from.url, to.url, '--replay', '--stop-when-caught-up', '--idle-poll', '50ms', '--output', 'json'],
  ]);
  const { applied, superseded, consumed_write_units: units } = assertClean(run);
  assert.deepEqual({ applied, superseded: superseded >= 1, units }, { applied: 2, superseded: true, units: 2 });
  await assertEqual(stage, { from, to });
});

scenario('an incremental backup keeps what the stream tells of', async (stage) => {
  const sides = await pair('Kept');
  await write({ ...sides, keyOf: (n) => byId(`key ${n}`), keys: 20 }, 100, new Random(SEED, 40));
  const url = `file:${stage.path('backup')}`;
  const run = await stage.run([
    ...['incremental-backup', sides.from.url, url, '--changes-from', sides.stream.address, '--output', 'json'],
    ...['--state', stage.path('state'), '--stop-when-caught-up', '--idle-poll', '50ms'],
  ]);
  assertClean(run);
  const snapshot = await stage.run(['incremental-snapshot', `${url}/Kept`, `${url}/snapshot`, '--compression', 'none']);
  assert.equal(snapshot.ended.code, 0, snapshot.lastWords());
  const lines = readFileSync(stage.path('backup/snapshot'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const text = (items) => items.map((item) => canonicalValue({ M: item })).sort();
  assert.deepEqual(text(lines), text(await itemsOf(sides.from)));
});

scenario('a dry run says what is and what it would cost, and writes nothing', async (stage) => {
  const sides = await pair('Dry');
  await tell(sides.from, sides.stream, byId('a'));
  const said = {
    '': /each changed key costs a consistent read.*mean_read_units=1/,
    '--use-images': /guarded by the attribute _repl_seen/,
    '--replay': /a consistent read of both tables/,
  };
  for (const [more, says] of Object.entries(said)) {
    const dry = await catchUp(stage, sides, ['--dry-run', '--enable-changes', ...(more ? [more] : [])]);
    assert.match(dry.stderr, says);
    assert.match(dry.stderr, /retention_hours=24/);
    assert.match(dry.stderr, /would turn on the table's feed/);
    assert.equal(dry.read, 1);
  }
  assert.deepEqual(await itemsOf(sides.to), []);
});

scenario('what cannot be is refused with one line', async (stage) => {
  const sides = await pair('Wrong');
  const { kinesis, source } = at();
  const refused = async (sides_, more, code, says, options) => {
    const run = replicate(stage, sides_, more, options);
    await run.waitForExit(SECONDS);
    assertRefused(run, { code, says });
  };
  await refused({ ...sides, stream: 'orders' }, [], EXIT.usage, ['orders', /nothing says that it is a stream of Kinesis/]);
  await refused({ ...sides, stream: `${kinesis.endpoint}/Nobody` }, [], EXIT.notReady, [/there is no such stream/, 'Nobody']);
  await refused(sides, ['--replay', '--use-images'], EXIT.usage, ['--use-images']);
  await refused(sides, ['--replay', '--initial-load'], EXIT.usage, [/needs no load/]);
  await refused(sides, ['--start', 'yesterday'], EXIT.usage, ['yesterday', 'trim-horizon']);
  await createTable(`${source}/OtherKey`, 'id:N', { view: null });
  await refused({ ...sides, to: { url: `${source}/OtherKey` } }, [], EXIT.notReady, [/both must be equal/]);
  const own = await stage.run(['replicate', sides.from.url, sides.to.url, '--start', '2026-01-31T12:00:00Z', '--output', 'json']);
  assertRefused(own, { code: EXIT.usage, says: [/only a stream of Kinesis/] });
  // A state file knows its stream.
  await catchUp(stage, sides);
  const other = await (await kinesis.createStream('Elsewhere')).becomesActive();
  await refused({ ...sides, stream: other }, [], EXIT.state, [/Elsewhere/, sides.stream.name]);
});
