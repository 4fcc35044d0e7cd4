// SPDX-License-Identifier: Apache-2.0
// Goal: what ran as a consumer of the Kinesis library for Node.js goes on as `launch-kinesis-cluster`: from the
// checkpoints that the library has left, beside workers of it that live, and back to it.
// Method: the binary on kinesalite and DynamoDB Local; the library's side is played here, with AWS's SDK, as its own
// code writes its rows (kinesis for Node.js, src/lib/models).
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '../tools/lib/sdk.mjs';
import { assertRefused, complaints } from './support/expect.mjs';
import { dynoRecord, startKinesis } from './support/kinesis.mjs';
import { LOCAL_KEYS, scenario } from './support/stage.mjs';
import { createTable } from './support/tables.mjs';
import { until } from './support/until.mjs';

const EXIT = { ok: 0, usage: 2, notReady: 3 };
const LEASE_TIME = 15_000; // ms
const HEARTBEAT = 5_000;
const key = (id) => ({ id: { S: id } });

// The table of leases, as the library's workers use it.
class NodeLibrary {
  constructor(endpoint, table = 'leases') {
    this.table = table;
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    this.client_ = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials });
  }

  createTable() {
    return this.client_.send(
      new CreateTableCommand({
        TableName: this.table,
        KeySchema: [{ AttributeName: 'type', KeyType: 'HASH' }, { AttributeName: 'id', KeyType: 'RANGE' }],
        AttributeDefinitions: ['type', 'id'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        ProvisionedThroughput: { ReadCapacityUnits: 10, WriteCapacityUnits: 10 },
      }),
    );
  }

  // A lease as a worker of the library has left it.
  putLease(id, { counter, checkpoint, expiresAt }) {
    const Item = {
      type: { S: 'lease' },
      id: { S: id },
      leaseCounter: { N: String(counter) },
      expiresAt: { N: String(expiresAt) },
      ...(checkpoint ? { checkpointedSequence: { S: checkpoint } } : {}),
    };
    return this.client_.send(new PutItemCommand({ TableName: this.table, Item }));
  }

  async lease(id) {
    const Key = { type: { S: 'lease' }, id: { S: id } };
    const { Item } = await this.client_.send(new GetItemCommand({ TableName: this.table, Key, ConsistentRead: true }));
    if (!Item) return undefined;
    return {
      counter: Number(Item.leaseCounter.N),
      expiresAt: Number(Item.expiresAt?.N ?? 0),
      checkpoint: Item.checkpointedSequence?.S,
      finished: Item.isFinished?.N === '1' || Item.isFinished?.BOOL === true,
    };
  }

  // One write of a lease: the counter expected, raised; fails when another worker was quicker.
  async update(id, counter, { checkpoint, expiresAt = Date.now() + LEASE_TIME } = {}) {
    await this.client_.send(
      new UpdateItemCommand({
        TableName: this.table,
        Key: { type: { S: 'lease' }, id: { S: id } },
        UpdateExpression: `SET expiresAt = :until${checkpoint ? ', checkpointedSequence = :at' : ''} ADD leaseCounter :one`,
        ConditionExpression: 'leaseCounter = :counter',
        ExpressionAttributeValues: {
          ':until': { N: String(expiresAt) },
          ':one': { N: '1' },
          ':counter': { N: String(counter) },
          ...(checkpoint ? { ':at': { S: checkpoint } } : {}),
        },
      }),
    );
    return counter + 1;
  }

  async clusters() {
    const { Items } = await this.client_.send(new ScanCommand({ TableName: this.table, ConsistentRead: true }));
    return Items.filter(({ type }) => type.S === 'cluster').map((item) => Number(item.activeConsumers.N));
  }

  // A worker that lives: writes its lease every five seconds until `stop()`, which resolves to when the lease ends.
  keep(id, counter) {
    const beating = new AbortController();
    let expiresAt = Date.now() + LEASE_TIME;
    const done = (async () => {
      for (let now = counter; ; ) {
        await sleep(HEARTBEAT, null, { signal: beating.signal });
        expiresAt = Date.now() + LEASE_TIME;
        now = await this.update(id, now, { expiresAt });
      }
    })();
    let lost;
    done.catch((error) => {
      if (error.name !== 'AbortError') lost = error;
    });
    const stop = async () => {
      beating.abort();
      await done.catch(() => {});
      if (lost) throw lost;
      return expiresAt;
    };
    return { stop };
  }
}

async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function setUp(stage, shards) {
  const dynamo = await stage.dynamoDbLocal();
  const [primary, replica] = [
    await createTable(`${dynamo}/Primary`, 'id:S', { view: null }),
    await createTable(`${dynamo}/Replica`, 'id:S', { view: null }),
  ];
  const kinesis = await startKinesis(stage);
  const stream = await (await kinesis.createStream('changes', shards)).becomesActive();
  const tables = {
    PrimaryRegion: 'us-east-1',
    PrimaryTable: 'Primary',
    PrimaryEndpoint: dynamo,
    ReplicaRegion: 'us-east-1',
    ReplicaTable: 'Replica',
    ReplicaEndpoint: dynamo,
  };
  const flags = ['--table', 'leases', '--stream', 'changes', '--aws.region', 'us-east-1', '--dynamo-endpoint', dynamo,
    '--kinesis-endpoint', kinesis.endpoint, '--time-between-reads', '100', '--num-records', '3'];
  const launch = (more = [], env = {}) =>
    stage.dynamirror(['launch-kinesis-cluster', ...flags, ...more], { env: { ...LOCAL_KEYS, ...tables, ...env } });
  // Writes an item and tells the stream, as dyno does. Resolves to the record's sequence number.
  const write = async (shard, id) => {
    const item = { ...key(id), v: { S: `of ${id}` } };
    await primary.send(new PutItemCommand({ TableName: 'Primary', Item: item }));
    return (await stream.put(dynoRecord('INSERT', key(id)), { shard })).SequenceNumber;
  };
  const replicated = async () => {
    const { Items } = await replica.send(new ScanCommand({ TableName: 'Replica', ConsistentRead: true }));
    return Items.map(({ id }) => id.S).sort();
  };
  const has = (...ids) => async () => ids.every(((there) => (id) => there.includes(id))(await replicated()));
  return { dynamo, kinesis, stream, tables, flags, launch, write, replicated, has };
}

const numbered = (prefix, from, to) => Array.from({ length: to - from }, (_, i) => `${prefix}${from + i}`);

scenario(
  "leases of the library are gone on from, left alone while its worker lives, and fit for it afterwards",
  async (stage) => {
    const { dynamo, kinesis, stream, launch, write, replicated, has } = await setUp(stage, 2);
    const library = new NodeLibrary(dynamo);
    await library.createTable();
    const [left, right] = await stream.openShards();
    const sequences = {};
    for (const [shard, prefix] of [[left, 'a'], [right, 'b']])
      for (const id of numbered(prefix, 0, 10)) sequences[id] = await write(shard, id);
    // The library has applied the first five of one shard, and died; a worker of it reads the other one.
    const longAgo = Date.now() - 60_000;
    await library.putLease(left.ShardId, { counter: 7, checkpoint: sequences.a4, expiresAt: longAgo });
    await library.putLease(right.ShardId, { counter: 3, checkpoint: sequences.b4, expiresAt: Date.now() + LEASE_TIME });
    const worker = library.keep(right.ShardId, 3);

    const port = await freePort();
    const ours = launch(['--consumer', './consumer.js', '--http'], { PORT: String(port) });
    await until(has(...numbered('a', 5, 10)), 60, 'what came after the checkpoint');
    assert.match(ours.stderr, /consumer\.js is not run/);
    const page = await fetch(`http://127.0.0.1:${port}/`);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /1 shards being read/);
    await sleep(2 * HEARTBEAT); // a worker that is left alone renews its lease: `stop` fails if it could not
    assert.deepEqual(await replicated(), numbered('a', 5, 10), 'nothing before the checkpoint, nothing of the other');
    assert.deepEqual(await library.clusters(), [1], 'the library learns how many shards are read here');

    const endsAt = await worker.stop();
    await until(has(...numbered('b', 5, 10)), 60, 'the shard of the worker that has gone');
    assert.ok(Date.now() >= endsAt, 'not before its lease has ended');
    assert.deepEqual(await replicated(), [...numbered('a', 5, 10), ...numbered('b', 5, 10)]);

    ours.kill('SIGTERM');
    assert.deepEqual(await ours.waitForExit(10), { code: EXIT.ok, signal: null }, ours.lastWords());
    assert.deepEqual(complaints(ours), []);
    const after = await library.lease(left.ShardId);
    assert.equal(after.checkpoint, sequences.a9);
    assert.equal((await library.lease(right.ShardId)).checkpoint, sequences.b9);
    assert.ok(after.counter > 7);
    assert.ok(after.expiresAt <= Date.now(), 'free at once');
    assert.deepEqual(await library.clusters(), []);

    // A worker of the library takes the lease, reads on after the checkpoint, applies one record, and ends.
    const next = await write(left, 'a10');
    const mine = await library.update(left.ShardId, after.counter);
    const { ShardIterator } = await kinesis.call('GetShardIterator', {
      StreamName: stream.name,
      ShardId: left.ShardId,
      ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
      StartingSequenceNumber: after.checkpoint,
    });
    const { Records } = await kinesis.call('GetRecords', { ShardIterator });
    assert.deepEqual(Records.map(({ SequenceNumber }) => SequenceNumber), [next]);
    await library.update(left.ShardId, mine, { checkpoint: next, expiresAt: Date.now() });
    await write(left, 'a11');
    const again = launch();
    await until(has('a11'), 60, 'what came after the checkpoint of the library');
    assert.ok(!(await replicated()).includes('a10'), 'what the library says it has applied is not repeated');
    again.kill('SIGTERM');
    assert.deepEqual(await again.waitForExit(10), { code: EXIT.ok, signal: null }, again.lastWords());
  },
  { seconds: 240 },
);

scenario('a table that is missing is made, and shards that split are read to their ends', async (stage) => {
  const { dynamo, stream, launch, write, has } = await setUp(stage, 1);
  const [parent] = await stream.openShards();
  await write(parent, 'p');
  const ours = launch(['--capacity.read', '7']);
  await until(has('p'), 60, 'the parent');
  const children = await stream.split(parent);
  for (const [i, child] of children.entries()) await write(child, `c${i}`);
  await until(has('c0', 'c1'), 60, 'both children');
  const library = new NodeLibrary(dynamo);
  await until(async () => (await library.lease(parent.ShardId)).finished, 30, 'the parent is finished');
  ours.kill('SIGTERM');
  assert.deepEqual(await ours.waitForExit(10), { code: EXIT.ok, signal: null }, ours.lastWords());
  assert.ok((await library.lease(children[0].ShardId)).checkpoint);
});

scenario('a start at latest passes what was there before', async (stage) => {
  const { stream, launch, write, replicated } = await setUp(stage, 1);
  const [shard] = await stream.openShards();
  await write(shard, 'old');
  const ours = launch(['--start-at', 'latest']);
  await ours.waitUntil(({ stderr }) => stderr.includes('lease acquired'), 60, 'a lease');
  let count = 0; // the moment is soon after: each further record may be the first that is read
  const next = async () => {
    await write(shard, `new${count++}`);
    return (await replicated()).length > 0;
  };
  await until(next, 60, 'a new item');
  assert.ok(!(await replicated()).includes('old'));
  ours.kill('SIGTERM');
  assert.deepEqual(await ours.waitForExit(10), { code: EXIT.ok, signal: null }, ours.lastWords());
});

scenario('a lease of the library without a checkpoint loses nothing, also where a start is at latest', async (stage) => {
  const { stream, dynamo, launch, write, replicated } = await setUp(stage, 1);
  const library = new NodeLibrary(dynamo);
  await library.createTable();
  const [shard] = await stream.openShards();
  // Its worker has begun at latest and read nothing yet when it ends; this comes in between.
  await library.putLease(shard.ShardId, { counter: 3, expiresAt: Date.now() - LEASE_TIME });
  await write(shard, 'between');
  const ours = launch(['--start-at', 'latest']);
  await until(async () => (await replicated()).includes('between'), 60, 'what came before we had the lease');
  ours.kill('SIGTERM');
  assert.deepEqual(await ours.waitForExit(10), { code: EXIT.ok, signal: null }, ours.lastWords());
});

scenario('a start that cannot be is one line each', async (stage) => {
  const run = (env, args = ['--table', 'leases', '--stream', 'changes']) =>
    stage.run(['launch-kinesis-cluster', ...args], { env: { ...LOCAL_KEYS, ...env } });
  const tables = { PrimaryRegion: 'us-east-1', PrimaryTable: 'P', ReplicaRegion: 'us-east-1' };
  assertRefused(await run({ ...tables, AWS_REGION: 'us-east-1' }), { code: EXIT.usage, says: ['set ReplicaTable'] });
  assertRefused(await run({ ...tables, ReplicaTable: 'R' }), { code: EXIT.usage, says: ['--aws.region', 'AWS_REGION'] });
  assertRefused(await run({}, ['--table', 'leases']), { code: EXIT.usage, says: ['--stream'] });
  const { dynamo, launch } = await setUp(stage, 1);
  await createTable(`${dynamo}/leases`, 'leaseKey:S', { view: null });
  const refused = launch();
  await refused.waitForExit(60);
  assertRefused(refused, { code: EXIT.usage, says: ['leases', "is a lease table of KCL's"] });
  const port = await freePort();
  const holder = createServer();
  await new Promise((resolve) => holder.listen(port, '0.0.0.0', resolve));
  stage.addCloser(() => new Promise((resolve) => holder.close(resolve)));
  const busy = launch(['--http', String(port)]);
  await busy.waitForExit(60);
  assert.notEqual(busy.ended.code, EXIT.ok);
  assert.match(complaints(busy)[0], new RegExp(`${port}`));
});
