// SPDX-License-Identifier: Apache-2.0
// Goal: what an operator does with the program, and what a program reads from it, works as docs/replicate.md says.
// Method: the binary between tables on DynamoDB Local; the poison is a real one, an index of the target whose key has
// another type; what hangs is a proxy that never answers.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { assertClean, assertRefused, assertSummary, complaints } from './support/expect.mjs';
import { LOCAL_KEYS, scenario, shared } from './support/stage.mjs';
import { createTable, dropIndex, describe, itemsOf, put, remove } from './support/tables.mjs';
import { Table } from '../tools/lib/table.mjs';

const EXIT = { ok: 0, state: 6, stalled: 8, poison: 9, stoppedEarly: 10 };
const STOP_SECONDS = 5; // the promise for SIGTERM

const endpoints = shared('operations', async (stage) => {
  const [source, target] = await Promise.all([stage.dynamoDbLocal('source'), stage.dynamoDbLocal('target')]);
  return { source, target };
});

let tables = 0;

// A pair of table URLs that no other test uses.
function pair() {
  const { source, target } = endpoints();
  const name = `Table${++tables}`;
  return { source: `${source}/${name}`, target: `${target}/${name}` };
}

const ITEMS = ['a', 'b', 'c', 'd'].map((id) => ({ id: { S: id }, value: { N: '1' } }));

// A source with a few items, and a target without any.
async function filledPair({ items = ITEMS } = {}) {
  const { source, target } = pair();
  const from = await createTable(source, 'id:S');
  for (const item of items) await put(from, item);
  return { source, target, from, to: await createTable(target, 'id:S', { view: null }) };
}

const CATCH_UP = ['--stop-when-caught-up', '--idle-poll', '50ms', '--output', 'json'];

function catchUp(stage, { source, target }, more = [], options = {}) {
  return stage.run(['replicate', source, target, '--state', stage.path('state'), ...CATCH_UP, ...more], options);
}

async function assertEqualTables(stage, { source, target }) {
  const compared = await stage.runTool('compare', ['--source', source, '--target', target], { accept: [0, 1] });
  assert.equal(compared.differences, 0, JSON.stringify(compared));
  return compared;
}

const byId = (items) => Object.fromEntries(items.map((item) => [item.id.S, item]));

// ---- stopping ------------------------------------------------------------------------------------------------------

for (const signal of ['SIGTERM', 'SIGINT']) {
  scenario(`${signal} under load ends within ${STOP_SECONDS} s, and the next start goes on`, async (stage) => {
    const { source, target } = pair();
    await createTable(source, 'id:S');
    const to = await createTable(target, 'id:S', { view: null });
    const workload = stage.tool('workload', [
      ...['--target', source, '--changes', '2000', '--keys', '200', '--batch', '4', '--rate', '300', '--seed', '7'],
    ]);
    const state = ['--state', stage.path('state'), '--output', 'json', '--idle-poll', '50ms'];
    const first = stage.dynamirror(['replicate', source, target, ...state]);
    while ((await itemsOf(to)).length < 20) assert.equal(first.ended, undefined, first.lastWords());

    const askedAt = Date.now();
    first.kill(signal);
    await first.waitForExit(STOP_SECONDS);
    assert.equal(workload.ended, undefined, 'the table still changes');
    const stopped = assertClean(first);
    assert.ok(Date.now() - askedAt < STOP_SECONDS * 1000);
    assert.ok(stopped.read > 0);

    assert.equal((await workload.waitForExit(60)).code, 0);
    const second = assertClean(await catchUp(stage, { source, target }));
    const args = ['replicate', source, target, '--state', stage.path('other'), '--dry-run', ...CATCH_UP];
    const { read } = assertClean(await stage.run(args));
    assert.equal(stopped.read + second.read, read, 'nothing is read twice, nothing is left out');
    await assertEqualTables(stage, { source, target });
  });
}

scenario('a stop that cannot write all in time ends with exit code 10, and the next start makes up', async (stage) => {
  const items = Array.from({ length: 300 }, (_, i) => ({ id: { S: `${i}` }, filler: { S: 'x'.repeat(1_100) } }));
  const { source, target, to } = await filledPair({ items });
  const args = ['replicate', source, target, '--state', stage.path('state'), '--output', 'json'];
  const slow = stage.dynamirror([...args, '--max-write-units', '20']);
  while ((await itemsOf(to)).length < 5) assert.equal(slow.ended, undefined, slow.lastWords());
  slow.kill('SIGTERM');
  await slow.waitForExit(STOP_SECONDS);
  const summary = assertSummary(slow);
  assert.equal(slow.ended.code, EXIT.stoppedEarly, slow.stderr);
  assert.ok(summary.in_flight > 0);
  assert.match(summary.error, /nothing is lost/);
  assert.deepEqual(complaints(slow), [`dynamirror: ${summary.error}`]);

  const rest = assertClean(await catchUp(stage, { source, target }));
  assert.ok(rest.read >= summary.in_flight && rest.read <= items.length);
  await assertEqualTables(stage, { source, target });
});

scenario('a target that takes no writes any more ends the run with exit code 8', async (stage) => {
  const { source, target } = await filledPair();
  const frozen = await stage.faultProxy([
    ...['--target', new URL(target).origin, '--fault-rate', '1', '--kinds', 'freeze', '--operations', 'BatchWriteItem'],
  ]);
  const startedAt = Date.now();
  const unreachable = frozen.endpoint + new URL(target).pathname;
  const run = await catchUp(stage, { source, target: unreachable }, ['--stall-timeout', '2s']);
  assert.equal(run.ended.code, EXIT.stalled, run.stderr);
  assert.ok(Date.now() - startedAt < 30_000);
  const summary = assertSummary(run);
  assert.equal(summary.in_flight, ITEMS.length);
  assert.match(summary.error, /nothing has moved for 2/);
  assert.equal(complaints(run).length, 1);
});

// ---- preparing -----------------------------------------------------------------------------------------------------

scenario('--dry-run reads and counts everything, and writes neither the target nor a file', async (stage) => {
  const { source, target, to } = await filledPair();
  await put(to, { id: { S: 'only here' } });
  const before = readdirSync(stage.folder).filter((name) => !/dynamirror/.test(name));
  const run = await catchUp(stage, { source, target }, ['--dry-run']);
  const summary = assertClean(run);
  assert.equal(summary.dry_run, true);
  assert.equal(summary.read, ITEMS.length);
  assert.equal(summary.consumed_write_units, 0);
  assert.deepEqual(await itemsOf(to), [{ id: { S: 'only here' } }]);
  assert.deepEqual(readdirSync(stage.folder).filter((name) => !/dynamirror/.test(name)), before);
  assert.deepEqual(readdirSync(stage.path('home')), []);
});

scenario('--dry-run starts at the checkpoint and leaves it where it is', async (stage) => {
  const { source, target, from } = await filledPair();
  assertClean(await catchUp(stage, { source, target }));
  const state = readFileSync(stage.path('state'));
  await put(from, { id: { S: 'new' } });
  assert.equal(assertClean(await catchUp(stage, { source, target }, ['--dry-run'])).read, 1);
  assert.deepEqual(readFileSync(stage.path('state')), state);
  assert.equal(assertClean(await catchUp(stage, { source, target })).read, 1);
});

scenario('--start latest leaves out what is in the stream already', async (stage) => {
  const { source, target, from, to } = await filledPair();
  const run = stage.dynamirror([
    ...['replicate', source, target, '--state', stage.path('state'), '--start', 'latest', '--idle-poll', '50ms'],
    ...['--log-level', 'debug', '--output', 'json'],
  ]);
  await run.waitUntil((self) => /replicating/.test(self.stderr), 30, 'start');
  for (let i = 0; (await itemsOf(to)).length === 0; i++) await put(from, { id: { S: `new ${i}` } });
  run.kill('SIGTERM');
  await run.waitForExit(STOP_SECONDS);
  assertClean(run);
  for (const { id } of await itemsOf(to)) assert.match(id.S, /^new/);
});

const GLOBAL_INDEX = {
  IndexName: 'by-owner',
  KeySchema: [
    { AttributeName: 'owner', KeyType: 'HASH' },
    { AttributeName: 'at', KeyType: 'RANGE' },
  ],
  Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['title', 'größe'] },
};
const LOCAL_INDEX = {
  IndexName: 'by-time',
  KeySchema: [
    { AttributeName: 'id', KeyType: 'HASH' },
    { AttributeName: 'at', KeyType: 'RANGE' },
  ],
  Projection: { ProjectionType: 'KEYS_ONLY' },
};
const INDEXED = [
  { AttributeName: 'owner', AttributeType: 'S' },
  { AttributeName: 'at', AttributeType: 'B' },
];
const throughput = (read, write) => ({ ProvisionedThroughput: { ReadCapacityUnits: read, WriteCapacityUnits: write } });
const BILLING = {
  'on-demand': { more: {}, index: {} },
  provisioned: { more: { BillingMode: 'PROVISIONED', ...throughput(7, 8) }, index: throughput(5, 6) },
};

// What CreateTable was given, out of a description.
function shapeOf(table) {
  const units = (of) => [of.ProvisionedThroughput?.ReadCapacityUnits, of.ProvisionedThroughput?.WriteCapacityUnits];
  const index = (of) => [of.IndexName, of.KeySchema, of.Projection, units(of)];
  return {
    key: table.KeySchema,
    attributes: [...table.AttributeDefinitions].sort((a, b) => (a.AttributeName < b.AttributeName ? -1 : 1)),
    billing: table.BillingModeSummary?.BillingMode ?? 'PROVISIONED',
    units: units(table),
    global: table.GlobalSecondaryIndexes.map(index),
    local: table.LocalSecondaryIndexes.map(index),
  };
}

for (const [billing, { more, index }] of Object.entries(BILLING)) {
  scenario(`--create-target copies keys, indexes and ${billing} billing`, async (stage) => {
    const { source, target } = pair();
    const from = await createTable(source, 'id:S,range:N', {
      ...more,
      AttributeDefinitions: INDEXED,
      GlobalSecondaryIndexes: [{ ...GLOBAL_INDEX, ...index }],
      LocalSecondaryIndexes: [LOCAL_INDEX],
    });
    const item = { id: { S: 'a' }, range: { N: '1' }, owner: { S: 'me' }, at: { B: Buffer.from([1]) } };
    await put(from, item);
    assertClean(await catchUp(stage, { source, target }, ['--create-target']));
    const made = new Table(target);
    assert.deepEqual(shapeOf(await describe(made)), shapeOf(await describe(from)));
    await assertEqualTables(stage, { source, target });
    assertClean(await catchUp(stage, { source, target }, ['--create-target'])); // and it may be there already
  });
}

scenario('--enable-stream turns the stream on, and changes flow from then on', async (stage) => {
  const { source, target } = pair();
  const from = await createTable(source, 'id:S', { view: null });
  await createTable(target, 'id:S', { view: null });
  assertClean(await catchUp(stage, { source, target }, ['--enable-stream']));
  const { StreamSpecification: stream } = await describe(from);
  assert.deepEqual(stream, { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' });
  for (const item of ITEMS) await put(from, item);
  assert.equal(assertClean(await catchUp(stage, { source, target }, ['--enable-stream'])).read, ITEMS.length);
  await assertEqualTables(stage, { source, target });
});

// ---- dead letters --------------------------------------------------------------------------------------------------

const RANK_INDEX = {
  AttributeDefinitions: [{ AttributeName: 'rank', AttributeType: 'N' }],
  GlobalSecondaryIndexes: [
    {
      IndexName: 'by-rank',
      KeySchema: [{ AttributeName: 'rank', KeyType: 'HASH' }],
      Projection: { ProjectionType: 'ALL' },
    },
  ],
};

// The target wants a number in `rank`; the source has a text there for "poison", and later mends it.
async function poisonedPair() {
  const { source, target } = pair();
  const from = await createTable(source, 'id:S');
  const to = await createTable(target, 'id:S', { view: null, ...RANK_INDEX });
  await put(from, { id: { S: 'good' }, rank: { N: '1' } });
  await put(from, { id: { S: 'poison' }, rank: { S: 'first' } });
  await put(from, { id: { S: 'removed' }, rank: { S: 'first' } });
  await put(from, { id: { S: 'later' }, rank: { N: '2' } });
  return { source, target, from, to };
}

function readLetters(file) {
  return readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

scenario('what the target refuses goes to the dead-letter file, and replay writes its newest state', async (stage) => {
  const { source, target, from, to } = await poisonedPair();
  const file = stage.path('letters.jsonl');
  const run = await catchUp(stage, { source, target }, ['--dead-letter', file]);
  assert.equal(run.ended.code, EXIT.poison, run.stderr);
  assert.equal(assertSummary(run).dead_lettered, 2);
  assert.match(complaints(run)[0], /2 keys have dead letters, their newest state is not there/);
  // Those of an earlier run count as much: the target is not in step.
  const nothingNew = await catchUp(stage, { source, target }, ['--dead-letter', file]);
  assert.equal(nothingNew.ended.code, EXIT.poison, nothingNew.stderr);
  const { read, dead_lettered, dead_letter_keys } = assertSummary(nothingNew);
  assert.deepEqual({ read, dead_lettered, dead_letter_keys }, { read: 0, dead_lettered: 0, dead_letter_keys: 2 });
  assert.deepEqual(Object.keys(byId(await itemsOf(to))).sort(), ['good', 'later'], 'all other keys go on');

  const [letter] = readLetters(file).filter(({ key }) => key.id.S === 'poison');
  const members = ['at', 'attempts', 'created', 'error', 'image', 'key', 'sequence', 'shard', 'target'];
  for (const name of members) assert.ok(name in letter, `a dead letter has ${name}`);
  assert.deepEqual(letter.image, { id: { S: 'poison' }, rank: { S: 'first' } });
  assert.equal(letter.error.code, 'ValidationException');
  assert.match(letter.error.message, /Type mismatch for Index Key/);

  // Later changes of these keys would be taken by the target, but must stay behind the refused ones.
  await put(from, { id: { S: 'poison' }, rank: { N: '3' }, mended: { BOOL: true } });
  await put(from, { id: { S: 'poison' }, rank: { S: 'again' } });
  await remove(from, { id: { S: 'removed' } });
  const second = assertSummary(await catchUp(stage, { source, target }, ['--dead-letter', file]));
  assert.equal(second.read, 3);
  assert.equal(second.applied, 0);
  assert.deepEqual(Object.keys(byId(await itemsOf(to))).sort(), ['good', 'later']);
  assert.equal(readLetters(file).at(-1).image, null, 'a deletion is a letter without image');

  const replay = () => stage.run(['dead-letters', 'replay', file, target, '--output', 'json']);
  const tooEarly = await replay();
  assert.equal(tooEarly.ended.code, EXIT.poison, tooEarly.stderr);
  const { entries, ...result } = tooEarly.json();
  assert.ok(entries >= 2);
  assert.deepEqual([result.keys, result.applied, result.still_failing], [2, 1, 1]);

  const other = `${target}-other`;
  await createTable(other, 'id:S', { view: null });
  const elsewhere = await stage.run(['dead-letters', 'replay', file, other]);
  assertRefused(elsewhere, { code: EXIT.state, says: ['letter 1 is of', '--other-target'] });
  await dropIndex(to, 'by-rank');
  const healed = await replay();
  assert.equal(healed.ended.code, EXIT.ok, healed.stderr);
  assert.deepEqual([healed.json().applied, healed.json().still_failing], [1, 0]);
  assert.deepEqual(readLetters(file), []);
  await assertEqualTables(stage, { source, target });
});

scenario('later changes do not go past the dead letters of their key, however the next run is started', async (stage) => {
  const { source, target, from, to } = await poisonedPair();
  assert.equal((await catchUp(stage, { source, target })).ended.code, EXIT.poison);
  await remove(from, { id: { S: 'poison' } });
  const letters = `${stage.path('state')}.dead-letters.jsonl`;
  for (const more of [['--on-error', 'stop'], ['--dead-letter', stage.path('elsewhere.jsonl')]]) {
    const run = await catchUp(stage, { source, target }, more);
    assertRefused(run, { code: EXIT.state, says: [letters, '2 keys have letters there', 'dead-letters replay'] });
  }
  assert.equal((await catchUp(stage, { source, target })).ended.code, EXIT.poison);
  await dropIndex(to, 'by-rank');
  assert.equal((await stage.run(['dead-letters', 'replay', letters, target])).ended.code, EXIT.ok);
  await assertEqualTables(stage, { source, target });
});

scenario('--on-error stop ends with exit code 9 at a refused change, and goes on once that is mended', async (stage) => {
  const { source, target, to } = await poisonedPair();
  const run = await catchUp(stage, { source, target }, ['--on-error', 'stop']);
  assert.equal(run.ended.code, EXIT.poison, run.stderr);
  const summary = assertSummary(run);
  assert.match(summary.error, /ValidationException/);
  assert.equal(summary.dead_lettered, 0);
  assert.deepEqual(complaints(run), [`dynamirror: ${summary.error}`]);
  assert.equal(existsSync(`${stage.path('state')}.dead-letters.jsonl`), false);

  await dropIndex(to, 'by-rank');
  assertClean(await catchUp(stage, { source, target }, ['--on-error', 'stop']));
  await assertEqualTables(stage, { source, target });
});

// ---- outputs -------------------------------------------------------------------------------------------------------

scenario('--log-format json makes every line on stderr a JSON object', async (stage) => {
  const { source, target } = await filledPair();
  const run = await catchUp(stage, { source, target }, ['--log-format', 'json', '--log-level', 'debug']);
  assertClean(run);
  const lines = run.stderr.split('\n').filter(Boolean);
  assert.ok(lines.length > 0);
  for (const line of lines) assert.equal(typeof JSON.parse(line), 'object', line);
});

scenario('--name is in every line of a replication, and nothing is without it', async (stage) => {
  const { source, target } = await filledPair();
  const scopes = async (more) => {
    const run = await catchUp(stage, { source, target }, ['--log-format', 'json', '--log-level', 'debug', ...more]);
    assertClean(run);
    const lines = run.stderr.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    assert.ok(lines.some(({ message }) => message === 'replicating'), run.stderr);
    return new Set(lines.map(({ scope }) => scope));
  };
  assert.deepEqual(await scopes(['--name', 'orders']), new Set(['orders']));
  assert.deepEqual(await scopes([]), new Set([undefined]));
  const text = await catchUp(stage, { source, target }, ['--name', 'orders']);
  assert.match(text.stderr, /Z info \[orders\] replicating /);
});

scenario('--log-level off leaves stderr empty, and the text summary adds up for the eye', async (stage) => {
  const { source, target } = await filledPair();
  const args = ['--state', stage.path('state'), '--stop-when-caught-up', '--idle-poll', '50ms', '--log-level', 'off'];
  const run = await stage.run(['replicate', source, target, ...args]);
  assert.equal(run.ended.code, EXIT.ok);
  assert.equal(run.stderr, '');
  assert.match(run.stdout, /read 4 = applied 4 \+ superseded 0 \+ filtered 0 \+ dead-lettered 0 \+ in flight 0/);
});

scenario('the state file is found again by default, one for each pair of tables', async (stage) => {
  const { source, target, from } = await filledPair();
  const args = ['replicate', source, target, ...CATCH_UP];
  assert.equal(assertClean(await stage.run(args)).read, ITEMS.length);
  await put(from, { id: { S: 'new' } });
  assert.equal(assertClean(await stage.run(args)).read, 1);
  const files = readdirSync(stage.path('home/.local/state/dynamirror'));
  assert.ok(files.length > 0);
});

// A proxy that wants a password and takes nobody anywhere.
async function refusingProxy(stage) {
  const seen = [];
  const server = createServer();
  server.on('connect', (request, socket) => {
    seen.push(request.headers['proxy-authorization']);
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stage.addCloser(() => new Promise((resolve) => server.close(resolve)));
  return { port: server.address().port, seen };
}

const SECRETS = {
  secret: 'wJalrXUtnFEMISECRETdoNotShow',
  token: 'FwoGZXIvTOKENdoNotShow',
  password: 'proxyPASSdoNotShow',
};

function assertNoSecret(run, label) {
  const said = run.stdout + run.stderr;
  const encoded = Buffer.from(`proxyuser:${SECRETS.password}`).toString('base64');
  for (const secret of [...Object.values(SECRETS), encoded]) {
    assert.ok(!said.includes(secret), `${label}: a secret is in the output`);
  }
  assert.ok(!said.includes('doNotShow'), `${label}: a part of a secret is in the output`);
}

scenario('secrets are in no output, not even at the most verbose level', async (stage) => {
  const keys = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: SECRETS.secret, AWS_SESSION_TOKEN: SECRETS.token };
  const { source, target } = await filledPair();
  const good = await catchUp(stage, { source, target }, ['--log-level', 'debug'], { env: keys });
  assertClean(good);
  assert.match(good.stderr, /debug/i, 'it was verbose');
  assertNoSecret(good, 'a good run');

  const proxy = await refusingProxy(stage);
  const url = `http://proxyuser:${SECRETS.password}@127.0.0.1:${proxy.port}`;
  const beyond = { source, target: 'https://dynamodb.invalid/Target' };
  const bad = await catchUp(stage, beyond, ['--log-level', 'debug'], {
    env: { ...keys, HTTPS_PROXY: url, HTTP_PROXY: url },
  });
  assert.notEqual(bad.ended.code, EXIT.ok);
  assert.equal(complaints(bad).length, 1, bad.stderr);
  const expected = `Basic ${Buffer.from(`proxyuser:${SECRETS.password}`).toString('base64')}`;
  assert.ok(proxy.seen.includes(expected), 'the password was sent to the proxy');
  assertNoSecret(bad, 'a run through a proxy that refuses');

  const wrongProxy = await catchUp(stage, beyond, ['--log-level', 'debug'], {
    env: { ...LOCAL_KEYS, HTTPS_PROXY: `socks9://proxyuser:${SECRETS.password}@127.0.0.1:1` },
  });
  assert.notEqual(wrongProxy.ended.code, EXIT.ok);
  assertNoSecret(wrongProxy, 'a proxy setting that is wrong');
});

scenario('a password in the URL of a table is not repeated', async (stage) => {
  const address = `https://user:${SECRETS.password}@dynamodb.example.com/Orders`;
  const run = await stage.run(['replicate', address, `${endpoints().target}/Orders`, '--log-level', 'debug']);
  assert.notEqual(run.ended.code, EXIT.ok);
  assertNoSecret(run, 'a bad table');
});

scenario('--version and --help answer on stdout and end well', async (stage) => {
  for (const [args, says] of [
    [['--version'], /^dynamirror \d+\.\d+/],
    [['--help'], /replicate[\s\S]*dead-letters/],
    [['replicate', '--help'], /--stop-when-caught-up/],
    [['dead-letters', 'replay', '--help'], /FILE/],
  ]) {
    const run = await stage.run(args);
    assert.equal(run.ended.code, EXIT.ok);
    assert.match(run.stdout, says);
    assert.equal(run.stderr, '');
  }
});
