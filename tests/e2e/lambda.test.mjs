// SPDX-License-Identifier: Apache-2.0
// Goal: as a function under AWS Lambda, dynamirror brings every change of an event to its target, in order and in time,
// and names the first that it could not: under its own handlers and those of the tools it takes over from.
// Method: the binary under the name bootstrap, a strict stand-in for Lambda's runtime interface, events as Lambda makes
// them, DynamoDB Local behind it, with a proxy that makes faults.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { metricsOf, startFunction } from './support/lambda_runtime.mjs';
import { scenario, shared } from './support/stage.mjs';
import { kinesisRecord, streamArn, streamRecord } from './support/stream_events.mjs';
import { createTable, itemsOf, put } from './support/tables.mjs';

// Those of ./dev test --full, and of every test run.
const INVOCATIONS = process.env.DYNAMIRROR_E2E_CHANGES ? 10_000 : 1_000;
const WARM_UP = 300;
const DONE = { batchItemFailures: [] };
const from = (sequence) => ({ batchItemFailures: [{ itemIdentifier: `${sequence}` }] });
const local = shared('lambda', async (stage) => ({ endpoint: await stage.dynamoDbLocal() }));
let count = 0;
const newName = (word) => `${word}${++count}`;
const FIRST = 100000000000000000000n;
const sequence = (i) => FIRST + BigInt(i);

async function newTarget(key = 'id:S') {
  const url = `${local().endpoint}/${newName('Target')}`;
  return { url, table: await createTable(url, key, { view: null }) };
}

// A function that writes to `url`.
const replicate = (stage, url, env = {}) =>
  startFunction(stage, { handler: 'dynamirror.replicate', env: { DYNAMIRROR_TARGET: url, ...env } });

async function answered(func, event, options) {
  const outcome = await func.runtime.invoke(event, options);
  assert.deepEqual(func.runtime.faults, []);
  assert.equal(outcome.error, undefined, `${outcome.error}\n${func.process.lastWords()}`);
  return outcome.answer;
}

const byId = (items) => new Map(items.map((item) => [item.id.S ?? item.id.N, item]));
const record = (i, id, value, more = {}) =>
  streamRecord('Orders', sequence(i), {
    key: { id: { S: id } },
    image: value === null ? undefined : { id: { S: id }, v: { N: `${value}` } },
    ...more,
  });

scenario('every type of attribute arrives as it was; deletions, also by time to live, delete', async (stage) => {
  const { url, table } = await newTarget('id:S,at:N');
  const key = { id: { S: 'k "é"' }, at: { N: '9007199254740993' } };
  const image = {
    ...key,
    number: { N: '0.12345678901234567890123456789012345678' },
    big: { N: '999000000000000000000000000000000000000000000000' },
    bytes: { B: 'AAEC/w==' },
    flags: { BOOL: true },
    nothing: { NULL: true },
    text: { S: '' },
    list: { L: [{ S: 'a' }, { M: { deep: { N: '1' } } }] },
    map: { M: { a: { M: {} } } },
    strings: { SS: ['a', 'b'] },
    numbers: { NS: ['1', '2.5'] },
    binaries: { BS: ['AQ=='] },
  };
  const gone = { id: { S: 'gone' }, at: { N: '1' } };
  const expired = { id: { S: 'expired' }, at: { N: '2' } };
  for (const item of [gone, expired]) await put(table, item);
  const func = await replicate(stage, url);
  const event = {
    Records: [
      streamRecord('Orders', sequence(1), { key, image }),
      streamRecord('Orders', sequence(2), { key: gone, old: gone }),
      streamRecord('Orders', sequence(3), { key: { at: { N: '2' }, id: { S: 'expired' } }, expired: true }),
    ],
  };
  assert.deepEqual(await answered(func, event), DONE);
  const [item, ...more] = await itemsOf(table);
  assert.deepEqual(more, []);
  const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'));
  const expected = { ...image, bytes: { B: bytes('AAEC/w==') }, binaries: { BS: [bytes('AQ==')] } };
  assert.deepEqual({ ...item, big: undefined }, { ...expected, big: undefined });
  assert.match(item.big.N, /^999(0+|E45)$/);
  const [metrics] = metricsOf(func.process);
  assert.equal(metrics.Read, 3);
  assert.equal(metrics.Applied, 3);
  assert.equal(metrics.FunctionName, 'mirror');
  const [{ Namespace, Dimensions, Metrics }] = metrics._aws.CloudWatchMetrics;
  assert.equal(Namespace, 'dynamirror');
  assert.deepEqual(Dimensions, [['FunctionName']]);
  for (const { Name } of Metrics) assert.equal(typeof metrics[Name], 'number', Name);
});

scenario('of 1,000 records each key ends as the last one says, in whatever form the event comes', async (stage) => {
  const { url, table } = await newTarget();
  const func = await replicate(stage, url);
  const expected = new Map();
  const batch = (start) =>
    Array.from({ length: 1_000 }, (_, i) => {
      const id = `key ${(i * 7) % 90}`;
      const value = (start + i) % 11 === 0 ? null : start + i;
      expected.set(id, value);
      return record(start + i, id, value);
    });
  assert.deepEqual(await answered(func, { Records: batch(0) }), DONE);
  assert.deepEqual(await answered(func, batch(1_000)), DONE); // as EventBridge Pipes send it
  assert.deepEqual(await answered(func, { Records: [] }), DONE);
  const items = byId(await itemsOf(table));
  for (const [id, value] of expected) assert.equal(items.get(id)?.v.N, value === null ? undefined : `${value}`, id);
  const metrics = metricsOf(func.process);
  assert.ok(metrics[0].Superseded > 0, 'newer changes replace those that wait');
  assert.equal(metrics[0].Read, metrics[0].Applied + metrics[0].Superseded);
});

scenario('a change that the target refuses is named, and stops nobody else; dead letters let the batch go on', async (stage) => {
  const { url, table } = await newTarget();
  const big = 'x'.repeat(420_000);
  const records = Array.from({ length: 60 }, (_, i) => record(i, `k${i}`, i));
  records[30].dynamodb.NewImage.big = { S: big };
  records[20].dynamodb.NewImage.big = { S: big };
  records[25] = record(25, 'k20', 25); // replaces what would be refused
  records[50] = { ...record(50, 'k50', 50), eventName: 'UPSERT' };
  const without = await replicate(stage, url);
  assert.deepEqual(await answered(without, { Records: records }), from(sequence(30)));
  assert.deepEqual(await answered(without, { Records: records.slice(31, 40) }), DONE);
  const strict = await replicate(stage, url, { DYNAMIRROR_ON_FAILURE: 'error' });
  const { error, type } = await strict.runtime.invoke({ Records: records });
  assert.match(error, new RegExp(`size.*first change not done is ${sequence(30)}`));
  assert.equal(type, 'Dynamirror.Invalid');
  const folder = stage.path('letters');
  const func = await replicate(stage, url, { DYNAMIRROR_DEAD_LETTERS: `file:${folder}` });
  assert.deepEqual(await answered(func, { Records: records }), DONE);
  const [name, ...more] = readdirSync(`${folder}/Orders`).filter((file) => file.endsWith('.jsonl'));
  assert.deepEqual(more, []);
  const letters = readFileSync(`${folder}/Orders/${name}`, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  const bySequence = letters.sort((a, b) => (BigInt(a.sequence) < BigInt(b.sequence) ? -1 : 1));
  assert.deepEqual(bySequence.map((letter) => letter.sequence), [30, 50].map((i) => `${sequence(i)}`));
  assert.deepEqual(bySequence.map((letter) => letter.key?.id.S), ['k30', undefined]);
  assert.equal(bySequence[0].key_only, true, 'whoever replays it reads the item');
  assert.equal(bySequence[0].refused_image.big.S, big);
  const items = byId(await itemsOf(table));
  assert.equal(items.size, 57);
  for (const id of ['k25', 'k30', 'k50']) assert.equal(items.get(id), undefined);
  assert.equal(items.get('k20').v.N, '25');
  const [metrics] = metricsOf(func.process);
  assert.deepEqual([metrics.Read, metrics.Applied, metrics.DeadLettered, metrics.NotDone], [60, 57, 2, 0]);
});

scenario('what cannot be done in time is named, in time; unprocessed items are tried again', async (stage) => {
  const { url, table } = await newTarget();
  const name = url.split('/').pop();
  const operations = ['--operations', 'BatchWriteItem,PutItem,DeleteItem'];
  const proxy = (...faults) => stage.faultProxy(['--target', local().endpoint, '--seed', '1', ...faults, ...operations]);
  const throttled = await proxy('--fault-rate', '1', '--kinds', 'throttling');
  const late = await replicate(stage, `${throttled.endpoint}/${name}`);
  const records = Array.from({ length: 100 }, (_, i) => record(i, `k${i % 40}`, i));
  const { answer, ms } = await late.runtime.invoke({ Records: records }, { seconds: 3 });
  assert.deepEqual(late.runtime.faults, []);
  // Those before it need not be done: a later change of each key is among what is sent again.
  assert.deepEqual(answer, from(sequence(60)));
  assert.ok(ms < 3_000, `${ms} ms`);
  const [metrics] = metricsOf(late.process);
  assert.equal(metrics.Read, metrics.Superseded + metrics.NotDone);
  assert.match(late.process.stderr, /no.*time|NoTimeLeft/i);
  const busy = await proxy('--fault-rate', '0.5', '--kinds', 'unprocessed-some,unprocessed-all,throttling,close-before,close-after');
  const func = await replicate(stage, `${busy.endpoint}/${name}`);
  assert.deepEqual(await answered(func, { Records: records }), DONE);
  const items = byId(await itemsOf(table));
  assert.equal(items.size, 40);
  for (let i = 60; i < 100; i++) assert.equal(items.get(`k${i % 40}`).v.N, `${i}`);
});

// A proxy of connections that can fall silent, as those do whose other end has gone while a process was frozen: what is
// sent over them is never answered. New ones are as good as ever.
async function silentProxy(stage, to) {
  const { hostname, port } = new URL(to);
  const open = new Set();
  const proxy = { hush: () => open.forEach((pair) => pair.forEach((socket) => socket.removeAllListeners('data').resume())) };
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    const pair = [near, far];
    open.add(pair);
    near.on('data', (bytes) => far.write(bytes));
    far.on('data', (bytes) => near.write(bytes));
    for (const socket of pair) {
      socket.on('error', () => {});
      socket.on('close', () => pair.forEach((each) => each.destroy()));
      socket.on('close', () => open.delete(pair));
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stage.addCloser(() => {
    for (const pair of open) pair.forEach((socket) => socket.destroy());
    return new Promise((resolve) => server.close(resolve));
  });
  proxy.endpoint = `http://127.0.0.1:${server.address().port}`;
  proxy.connections = () => open.size;
  return proxy;
}

scenario('a process that is frozen between invocations goes on, over connections that have died', async (stage) => {
  const { url, table } = await newTarget();
  const proxy = await silentProxy(stage, local().endpoint);
  const func = await replicate(stage, `${proxy.endpoint}/${url.split('/').pop()}`);
  assert.deepEqual(await answered(func, { Records: [record(1, 'a', 1)] }), DONE);
  await func.runtime.idle();
  assert.ok(proxy.connections() > 0, 'they are kept for the next invocation');
  func.process.kill('SIGSTOP');
  proxy.hush();
  await sleep(6_000); // longer than what counts as frozen
  const thawed = func.runtime.invoke({ Records: [record(2, 'a', 2)] }, { seconds: 10 });
  func.process.kill('SIGCONT');
  assert.deepEqual((await thawed).answer, DONE);
  assert.equal(byId(await itemsOf(table)).get('a').v.N, '2');
});

scenario('a target that does not answer at all does not keep the answer', async (stage) => {
  const { url } = await newTarget();
  const proxy = await silentProxy(stage, local().endpoint);
  const func = await replicate(stage, `${proxy.endpoint}/${url.split('/').pop()}`);
  assert.deepEqual(await answered(func, { Records: [record(1, 'a', 1)] }), DONE);
  proxy.hush();
  const { answer, ms } = await func.runtime.invoke({ Records: [record(2, 'a', 2)] }, { seconds: 2 });
  assert.deepEqual(func.runtime.faults, []);
  assert.deepEqual(answer, from(sequence(2)));
  assert.ok(ms < 2_000, `${ms} ms`);
  assert.deepEqual(await answered(func, { Records: [record(2, 'a', 2)] }), DONE);
});

scenario(`${INVOCATIONS} invocations leave neither memory nor descriptors behind`, async (stage) => {
  const { endpoint } = await stage.standIn(['--no-signature', '--table', 'Target:id']); // DynamoDB Local would take minutes
  const func = await replicate(stage, `${endpoint}/Target`, { DYNAMIRROR_LOG_LEVEL: 'error' });
  const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${func.process.pid}/status`, 'utf8'))[1]);
  const open = () => readdirSync(`/proc/${func.process.pid}/fd`).length;
  const started = resident();
  assert.ok(started < 25 * 1_024, `${started} KB before the first event`);
  const run = async (start, end) => {
    for (let i = start; i < end; i++) assert.deepEqual(await answered(func, { Records: [record(i, `k${i % 5}`, i)] }), DONE);
    await func.runtime.idle();
  };
  await run(0, WARM_UP);
  const before = { resident: resident(), open: open() };
  await run(WARM_UP, INVOCATIONS);
  assert.ok(open() <= before.open, `${open()} descriptors, ${before.open} before`);
  assert.ok(resident() < before.resident + 1_024, `${resident()} KB, ${before.resident} before`);
}, { seconds: INVOCATIONS / 10 });

scenario("mapbox's replicate: its variables and its turnover", async (stage) => {
  const { url, table } = await newTarget();
  const [endpoint, name] = [local().endpoint, url.split('/').pop()];
  const env = {
    ReplicaTable: name,
    ReplicaRegion: 'eu-west-1',
    ReplicaEndpoint: endpoint,
    ReplicaAccessKeyId: 'other',
    ReplicaSecretAccesseKey: 'other',
  };
  const moment = 1_800_000_000_000;
  const records = [-1_000, 0, 1_000].map((offset, i) => record(i, `k${i}`, i, { created: moment + offset }));
  for (const [role, expected] of [['BEFORE', ['k0']], ['AFTER', ['k0', 'k1', 'k2']]]) {
    const turnover = { ...env, TurnoverRole: role, TurnoverAt: `${moment}` };
    const func = await startFunction(stage, { handler: 'index.replicate', env: turnover });
    const outcome = await func.runtime.invoke({ Records: records });
    assert.deepEqual(func.runtime.faults, []);
    assert.deepEqual(outcome.answer, DONE, outcome.error);
    assert.deepEqual([...byId(await itemsOf(table)).keys()].sort(), expected);
    assert.equal(metricsOf(func.process)[0].filteredBy.turnover, role === 'BEFORE' ? 2 : 1);
  }
});

scenario('a stream without images is applied by reading the items; of Kinesis, too', async (stage) => {
  const { url, table } = await newTarget();
  const name = newName('Primary');
  const primary = await createTable(`${local().endpoint}/${name}`, 'id:S', { view: null });
  for (const id of ['a', 'b', 'c']) await put(primary, { id: { S: id }, v: { S: `now ${id}` } });
  await put(table, { id: { S: 'gone' } });
  const key = (id) => ({ id: { S: id } });
  const keysOnly = (i, id) => streamRecord(name, sequence(i), { key: key(id), view: 'KEYS_ONLY' });
  const own = await replicate(stage, url, { AWS_ENDPOINT_URL_DYNAMODB: local().endpoint });
  assert.deepEqual(await answered(own, { Records: [keysOnly(1, 'a'), keysOnly(2, 'gone')] }), DONE);
  assert.deepEqual(byId(await itemsOf(table)).get('a'), { id: { S: 'a' }, v: { S: 'now a' } });
  const dyno = (id, eventName = 'INSERT') => JSON.stringify({ eventName, dynamodb: { Keys: key(id), SequenceNumber: '0' } });
  const native = JSON.stringify({
    ...{ awsRegion: 'eu-west-1', eventID: 'e', eventName: 'MODIFY', recordFormat: 'application/json', tableName: name },
    dynamodb: { ApproximateCreationDateTime: Date.now(), Keys: key('c'), NewImage: { ...key('c'), v: { S: 'old' } } },
    eventSource: 'aws:dynamodb',
  });
  const records = [dyno('b'), native, dyno('gone', 'REMOVE'), 'no change'].map((data, i) => kinesisRecord(sequence(i), data));
  const blind = await replicate(stage, url);
  const refused = await blind.runtime.invoke({ Records: records });
  assert.match(refused.error, /DYNAMIRROR_SOURCE/);
  const func = await replicate(stage, url, { DYNAMIRROR_SOURCE: `${local().endpoint}/${name}` });
  assert.deepEqual(await answered(func, { Records: records }), from(sequence(3)));
  assert.deepEqual(await answered(func, { Records: records.slice(0, 3) }), DONE);
  assert.deepEqual([...byId(await itemsOf(table)).keys()].sort(), ['a', 'b', 'c']);
  assert.equal(byId(await itemsOf(table)).get('c').v.S, 'now c');
});

scenario('what is no event, or out of order, is an error; the next event is answered', async (stage) => {
  const { url } = await newTarget();
  const func = await replicate(stage, url);
  const other = { ...record(3, 'a', 1), eventSourceARN: streamArn('Other') };
  for (const [event, says] of [
    [{ key1: 'value1' }, /no Records/],
    ['"text"', /JSON|event/],
    [{ Records: [{ eventSource: 'aws:sqs', body: 'x' }] }, /aws:sqs/],
    [{ Records: [record(2, 'a', 1), record(1, 'a', 2)] }, /order/],
    [{ Records: [record(2, 'a', 1), other] }, /another stream/],
  ]) {
    const { error } = await func.runtime.invoke(event);
    assert.match(error ?? '', says);
  }
  assert.deepEqual(await answered(func, { Records: [record(1, 'a', 1)] }), DONE);
});

scenario('a configuration that cannot work is told to Lambda at the start', async (stage) => {
  for (const [handler, env, says] of [
    ['dynamirror.replicate', {}, /DYNAMIRROR_TARGET/],
    ['dynamirror.replicate', { DYNAMIRROR_TARGET: 'nonsense' }, /nonsense/],
    ['index.replicate', { ReplicaTable: 'T', ReplicaRegion: 'eu-west-1', ReplicaAccessKeyId: 'a' }, /ReplicaSecretAccessKey/],
    ['replicator.lambda_handler', { TARGET_TABLE: 'T' }, /TARGET_REGION/],
    ['index.other', {}, /index.other/],
    ['dynamirror.replicate', { DYNAMIRROR_TARGT: 'eu-west-1/T' }, /no handler knows DYNAMIRROR_TARGT \(did you mean DYNAMIRROR_TARGET\?\)$/],
    [
      'index.replicate',
      { ReplicaTable: 'T', ReplicaRegion: 'eu-west-1', DYNAMIRROR_DEADLETTERS: 's3://b/p', DYNAMIRROR_NONSENSE: '' },
      /DYNAMIRROR_DEADLETTERS \(did you mean DYNAMIRROR_DEAD_LETTERS\?\)/,
    ],
  ]) {
    const func = await startFunction(stage, { handler, env });
    const { code } = await func.process.waitForExit(10);
    assert.equal(code, 2, func.process.lastWords());
    assert.match(func.runtime.initError.errorMessage, says);
    assert.deepEqual(func.runtime.faults, []);
  }
});
