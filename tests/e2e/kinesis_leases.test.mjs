// SPDX-License-Identifier: Apache-2.0
// Goal: several processes share a stream of Kinesis through a table of KCL's leases; shards split and merge, one process
// is killed, another stopped for longer than its leases last: the tables are equal in the end, and the rows are such
// that KCL can go on from them.
// Method: the binary, several times, on kinesalite and DynamoDB Local; each writes through a proxy of its own that
// remembers when.
import assert from 'node:assert/strict';
import { assertRefused, assertSummary, complaints } from './support/expect.mjs';
import { aggregate, dynoRecord, startKinesis } from './support/kinesis.mjs';
import { call, recordingProxy, scanAll } from './support/raw_dynamodb.mjs';
import { equalTables, keepWriting, logOf } from './support/shared_work.mjs';
import { scenario } from './support/stage.mjs';
import { createTable } from './support/tables.mjs';
import { until } from './support/until.mjs';

const FAILOVER = 2000; // ms
const KEYS = 200;
const SHARDS = 4;

async function stand(stage) {
  const endpoint = await stage.dynamoDbLocal();
  for (const name of ['Source', 'Target']) await createTable(`${endpoint}/${name}`, 'id:S', { view: null });
  const kinesis = await startKinesis(stage);
  const stream = await (await kinesis.createStream('changes', SHARDS)).becomesActive();
  return { endpoint, kinesis, stream };
}

// The application tells the stream each key, as dyno does.
const dynoTells = (stream) => (key, removes) =>
  stream.put(dynoRecord(removes ? 'REMOVE' : 'INSERT', key), { partitionKey: JSON.stringify(key) });

async function startWorker(stage, { endpoint, stream }, more = []) {
  const proxy = await recordingProxy(stage, endpoint);
  const run = stage.dynamirror([
    ...['replicate', `${endpoint}/Source`, `${proxy.endpoint}/Target`, '--changes-from', stream.address],
    ...['--lease-table', 'leases', '--failover-time', `${FAILOVER}ms`, '--idle-poll', '50ms', '--no-cloudwatch'],
    ...['--log-format', 'json', '--output', 'json', ...more],
  ]);
  return { run, proxy };
}

const rowsOf = (endpoint) => scanAll(endpoint, 'leases').catch(() => []); // not made yet

// Names on the rows of shards that are being read; null: nobody's.
async function owners(endpoint) {
  const rows = await rowsOf(endpoint);
  return rows.filter((row) => row.checkpoint.S !== 'SHARD_END').map((row) => row.leaseOwner?.S ?? null);
}

// A lease for every shard, with its range of hash keys and all its parents; none for anything else.
async function assertRowsFit(endpoint, stream) {
  const rows = Object.fromEntries((await rowsOf(endpoint)).map((row) => [row.leaseKey.S, row]));
  const shards = await stream.shards();
  assert.deepEqual(Object.keys(rows).sort(), shards.map(({ ShardId }) => ShardId).sort());
  for (const { ShardId, HashKeyRange, ParentShardId, AdjacentParentShardId } of shards) {
    const row = rows[ShardId];
    assert.equal(row.startingHashKey?.S, HashKeyRange.StartingHashKey, ShardId);
    assert.equal(row.endingHashKey?.S, HashKeyRange.EndingHashKey, ShardId);
    const parents = [ParentShardId, AdjacentParentShardId].filter(Boolean).sort();
    assert.deepEqual([...(row.parentShardId?.SS ?? [])].sort(), parents, ShardId);
    assert.match(row.checkpoint.S, /^(\d+|TRIM_HORIZON|SHARD_END)$/);
    assert.equal(row.checkpointSubSequenceNumber.N, '0');
  }
}

scenario(
  'three workers, one killed, one stopped beyond its leases: equal tables, and rows as KCL wants them',
  async (stage) => {
    const place = await stand(stage);
    const { endpoint, stream } = place;
    const a = await startWorker(stage, place);
    const b = await startWorker(stage, place);
    const c = await startWorker(stage, place);
    const writing = keepWriting(endpoint, { keys: KEYS, perSecond: 100, told: dynoTells(stream) });
    const shared = (workers) => async () => {
      const now = await owners(endpoint);
      return now.length > 0 && now.every(Boolean) && new Set(now).size === workers;
    };
    await until(shared(3), 60, 'all three have leases');

    const [first, second, third] = await stream.openShards();
    await stream.split(first);
    const merged = await stream.merge(second, third);
    const finished = async () => {
      const rows = await rowsOf(endpoint);
      return [first, second, third].every(({ ShardId }) =>
        rows.some((row) => row.leaseKey.S === ShardId && row.checkpoint.S === 'SHARD_END'),
      );
    };
    await until(finished, 60, 'the parents are read to their ends');

    a.run.kill('SIGKILL');
    await until(shared(2), 60, 'the others have its leases');
    b.run.kill('SIGSTOP');
    await until(shared(1), 60, 'the leases of the stopped worker are taken');
    const before = writing.changes();
    await until(() => writing.changes() > before + 100, 60, 'changes that it has missed');
    const wokenAt = Date.now();
    b.run.kill('SIGCONT');
    const back = await until(
      () => logOf(b).find(({ message, at }) => message === 'lease acquired' && at >= wokenAt),
      60,
      'the stopped worker has a lease again',
    );
    const tooLate = b.proxy.writes.filter((at) => at >= wokenAt && at < back.at);
    assert.deepEqual(tooLate, [], 'writes of the woken worker before it had a lease');

    await until(() => writing.changes() > 600, 60, 'enough was changed meanwhile');
    await writing.stop();
    await until(() => equalTables(endpoint), 60, 'target equals source');
    const allHaveBegun = async () => (await rowsOf(endpoint)).some((row) => row.leaseKey.S === merged.ShardId);
    await until(allHaveBegun, 30, 'the merged shard has its lease');
    await assertRowsFit(endpoint, stream);
    for (const { run } of [b, c]) run.kill('SIGTERM');
    for (const { run } of [b, c]) {
      await run.waitForExit(10);
      assert.deepEqual(run.ended, { code: 0, signal: null }, run.lastWords());
      assertSummary(run);
      assert.deepEqual(complaints(run), []);
    }
    assert.ok(await equalTables(endpoint));
    await assertRowsFit(endpoint, stream);
  },
  { seconds: 240 },
);

scenario('a start at a moment is a row of AT_TIMESTAMP, which needs the moment again', async (stage) => {
  const place = await stand(stage);
  const { endpoint, kinesis, stream } = place;
  const write = async (id) => {
    await call(endpoint, 'PutItem', { TableName: 'Source', Item: { id: { S: id } } });
    await stream.put(dynoRecord('INSERT', { id: { S: id } }));
  };
  await write('old');
  await kinesis.advance(60_000);
  const moment = new Date(Date.now() + 30_000).toISOString();
  const first = await startWorker(stage, place, ['--start', moment]);
  const began = async () => (await rowsOf(endpoint)).length === SHARDS && (await owners(endpoint)).every(Boolean);
  await until(began, 60, 'all leases');
  assert.deepEqual(new Set((await rowsOf(endpoint)).map((row) => row.checkpoint.S)), new Set(['AT_TIMESTAMP']));
  first.run.kill('SIGTERM');
  assert.deepEqual(await first.run.waitForExit(10), { code: 0, signal: null }, first.run.lastWords());

  const without = await startWorker(stage, place);
  assert.notEqual((await without.run.waitForExit(60)).code, 0);
  assert.match(complaints(without.run)[0], /AT_TIMESTAMP.*name the moment/);

  await write('new');
  const second = await startWorker(stage, place, ['--start', moment]);
  const ids = async () => (await scanAll(endpoint, 'Target')).map(({ id }) => id.S);
  await until(async () => (await ids()).includes('new'), 60, 'the new item');
  assert.deepEqual(await ids(), ['new']);
  second.run.kill('SIGTERM');
  assert.deepEqual(await second.run.waitForExit(10), { code: 0, signal: null }, second.run.lastWords());
});

scenario("a KCL worker's place within an aggregated record is gone on from, and kept as KCL keeps it", async (stage) => {
  const endpoint = await stage.dynamoDbLocal();
  for (const name of ['Source', 'Target']) await createTable(`${endpoint}/${name}`, 'id:S', { view: null });
  await createTable(`${endpoint}/leases`, 'leaseKey:S', { view: null });
  const kinesis = await startKinesis(stage);
  const stream = await (await kinesis.createStream('changes', 1)).becomesActive();
  const ids = ['a', 'b', 'c'];
  for (const id of ids) await call(endpoint, 'PutItem', { TableName: 'Source', Item: { id: { S: id } } });
  const within = ids.map((id) => ({ data: dynoRecord('INSERT', { id: { S: id } }), partitionKey: id }));
  const { SequenceNumber, ShardId } = await stream.put(aggregate(within));
  const left = {
    leaseKey: { S: ShardId },
    leaseCounter: { N: '5' },
    ownerSwitchesSinceCheckpoint: { N: '0' },
    checkpoint: { S: SequenceNumber },
    checkpointSubSequenceNumber: { N: '0' },
    startingHashKey: { S: '0' },
    endingHashKey: { S: '340282366920938463463374607431768211455' },
    throughputKBps: { N: '1.5' },
  };
  await call(endpoint, 'PutItem', { TableName: 'leases', Item: left });
  const { run } = await startWorker(stage, { endpoint, stream });
  const target = async () => (await scanAll(endpoint, 'Target')).map(({ id }) => id.S).sort();
  await until(async () => (await target()).includes('c'), 60, 'the last item');
  run.kill('SIGTERM');
  assert.deepEqual(await run.waitForExit(10), { code: 0, signal: null }, run.lastWords());
  assert.deepEqual(await target(), ['b', 'c'], 'what comes after the place, and nothing before');
  const [row] = await rowsOf(endpoint);
  assert.ok(Number(row.leaseCounter.N) > 5);
  delete row.leaseOwner;
  assert.deepEqual(
    { ...row, leaseCounter: left.leaseCounter },
    { ...left, checkpointSubSequenceNumber: { N: '2' } },
    'everything else as KCL has written it',
  );
});

scenario("a Kinesis application's table must be named", async (stage) => {
  const { endpoint, stream } = await stand(stage);
  const run = await stage.run([
    ...['replicate', `${endpoint}/Source`, `${endpoint}/Target`, '--changes-from', stream.address],
    ...['--no-cloudwatch', '--lease-table'],
  ]);
  assert.equal(run.ended.code, 2);
  assert.match(complaints(run)[0], /--lease-table NAME/);
});

scenario('leases list says how far each lease is behind in a stream of Kinesis', async (stage) => {
  const place = await stand(stage);
  const { endpoint, stream } = place;
  const [shard] = await stream.openShards();
  await stream.put(dynoRecord('INSERT', { id: { S: 'one' } }), { shard });
  const { run } = await startWorker(stage, place, ['--stop-when-caught-up']);
  await run.waitForExit(60);
  assertSummary(run);
  const list = async (...more) => {
    const listed = await stage.run(['leases', 'list', `${endpoint}/leases`, '--changes-from', stream.address, ...more]);
    assert.equal(listed.ended.code, 0, listed.lastWords());
    return listed;
  };
  const lags = async () => {
    const { leases } = (await list('--output', 'json')).json();
    return Object.fromEntries(leases.map(({ key, lag }) => [key, lag.state]));
  };
  const caughtUp = Object.fromEntries((await stream.shards()).map(({ ShardId }) => [ShardId, 'caught up']));
  assert.deepEqual(await lags(), caughtUp);
  await stream.put(Buffer.from('whatever it says'), { shard });
  assert.deepEqual(await lags(), { ...caughtUp, [shard.ShardId]: 'behind' });
  assert.match((await list()).stdout, /BEHIND\n/);
  const none = await stage.run(['leases', 'list', `${endpoint}/leases`, '--changes-from', `${stream.address}-other`]);
  assertRefused(none, { code: 3, says: [/there is no such stream/] });
  const both = await stage.run([
    ...['leases', 'list', `${endpoint}/leases`, '--changes-from', stream.address, '--stream-of', `${endpoint}/Source`],
  ]);
  assertRefused(both, { code: 2, says: ['--stream-of'] });
});

scenario('leases of a stream that was made anew under its name are noticed, whatever they say', async (stage) => {
  const endpoint = await stage.dynamoDbLocal();
  for (const name of ['Source', 'Target']) await createTable(`${endpoint}/${name}`, 'id:S', { view: null });
  const kinesis = await startKinesis(stage);
  const tell = (stream, id, shard) => stream.put(dynoRecord('INSERT', { id: { S: id } }), { shard });
  const refused = async (stream) => {
    const { run } = await startWorker(stage, { endpoint, stream }, ['--stop-when-caught-up']);
    await run.waitForExit(60);
    assert.equal(run.ended.code, 7, run.lastWords());
    assert.match(run.stderr, /is of an earlier stream of this name|its changes .* are gone/);
  };
  const madeAnew = async (name) => {
    await kinesis.call('DeleteStream', { StreamName: name });
    await until(async () => !(await kinesis.call('ListStreams', {})).StreamNames.includes(name), 60, 'it is gone');
    return (await kinesis.createStream(name, 3)).becomesActive();
  };
  // A checkpoint, and the end of a shard that goes on.
  for (const splits of [false, true]) {
    const first = await (await kinesis.createStream(`changes${splits}`)).becomesActive();
    const [shard] = await first.openShards();
    await tell(first, 'one');
    if (splits) await first.split(shard);
    const { run } = await startWorker(stage, { endpoint, stream: first }, ['--stop-when-caught-up']);
    await run.waitForExit(60);
    assertSummary(run);
    const rows = Object.fromEntries((await rowsOf(endpoint)).map((row) => [row.leaseKey.S, row.checkpoint.S]));
    if (splits) assert.deepEqual(Object.values(rows).sort(), ['SHARD_END', 'TRIM_HORIZON', 'TRIM_HORIZON']);
    const second = await madeAnew(first.name);
    await tell(second, 'two', (await second.openShards()).find(({ ShardId }) => ShardId === shard.ShardId));
    await refused(second);
    await call(endpoint, 'DeleteTable', { TableName: 'leases' });
  }
});
