// SPDX-License-Identifier: Apache-2.0
// Goal: under KCL's MultiLangDaemon the binary brings every delivered record to its table, however often it is killed,
// and never leaves the daemon waiting for an answer.
// Method: a daemon as strict as KCL's, which delivers the real records of a stream of DynamoDB Local, or of kinesalite.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { assertRefused, complaints } from './support/expect.mjs';
import { dynoRecord, feedRecord, startKinesis } from './support/kinesis.mjs';
import { MultiLangDaemon } from './support/multilang_daemon.mjs';
import { call } from './support/raw_dynamodb.mjs';
import { scenario } from './support/stage.mjs';
import { createTable } from './support/tables.mjs';
import { until } from './support/until.mjs';

const SHARD = 'shardId-00000001';
const SECONDS = 120;
const BATCH = 70;
const EXIT = { ok: 0, usage: 2, notReady: 3, state: 6, poison: 9, stoppedEarly: 10, internal: 70 };
// Prints a line and a half on stdout before it becomes the command: what a wrapper script or a library may do.
const NOISY = ['/bin/sh', '-c', 'echo "starting {up}"; printf "half a line"; exec "$@"', 'sh'];

// All records of the only shard of a table's stream, as the Streams adapter 1.x gives them to KCL: {sequenceNumber, data}.
async function recordsOf(endpoint, table) {
  const streams = (operation, body) => call(endpoint, `DynamoDBStreams_20120810.${operation}`, body);
  const { Table } = await call(endpoint, 'DescribeTable', { TableName: table });
  const StreamArn = Table.LatestStreamArn;
  const { StreamDescription } = await streams('DescribeStream', { StreamArn });
  const [{ ShardId }] = StreamDescription.Shards;
  const start = { StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
  let { ShardIterator } = await streams('GetShardIterator', start);
  const records = [];
  for (;;) {
    const page = await streams('GetRecords', { ShardIterator });
    if (page.Records.length === 0) return records;
    for (const record of page.Records) {
      record.dynamodb.ApproximateCreationDateTime *= 1000; // Java's Date
      records.push({ sequenceNumber: record.dynamodb.SequenceNumber, data: JSON.stringify(record) });
    }
    ShardIterator = page.NextShardIterator;
  }
}

function start(stage, target, { args = [], wrapper, old } = {}) {
  const process = stage.dynamirror(['multilang', target, ...args], { wrapper, input: true });
  return new MultiLangDaemon(process, { old });
}

async function assertEqual(stage, source, target) {
  const args = ['--source', source, '--target', target];
  const compared = await stage.runTool('compare', args, { seconds: SECONDS, accept: [0, 1] });
  assert.equal(compared.differences, 0, JSON.stringify(compared));
  assert.ok(compared.source_items > 0);
}

scenario(
  'what a MultiLangDaemon delivers is applied through kills, and its end checkpointed without a number',
  async (stage) => {
    const [from, to] = await Promise.all([stage.dynamoDbLocal('source'), stage.dynamoDbLocal('target')]);
    const [source, target] = [`${from}/Orders`, `${to}/Orders`];
    await createTable(source, 'pk:S,sk:N');
    await createTable(target, 'pk:S,sk:N', { view: null });
    const changes = ['--changes', '1200', '--keys', '150', '--batch', '4', '--large-rate', '0.003'];
    await stage.runTool('workload', ['--target', source, ...changes], { seconds: SECONDS });
    const records = await recordsOf(from, 'Orders');
    assert.ok(records.length > 500, `${records.length} records`);

    let done = 0; // records before the last checkpoint
    for (let kills = 0; done < records.length; ) {
      const daemon = start(stage, target, { wrapper: NOISY });
      await daemon.initialize(SHARD, done === 0 ? 'TRIM_HORIZON' : records[done - 1].sequenceNumber);
      assert.deepEqual(daemon.skipped, ['starting {up}', 'half a line'], 'noise is skipped, and nothing else');
      for (let batches = 0; done < records.length; batches++) {
        const batch = records.slice(done, done + BATCH);
        const answered = daemon.processRecords(batch);
        if (batches === 1 && kills < 5) {
          kills++;
          daemon.process.kill('SIGKILL');
          await Promise.allSettled([answered, daemon.process.exited]);
        } else {
          await answered;
        }
        if (daemon.checkpoints.at(-1)?.sequenceNumber === batch.at(-1).sequenceNumber) done += batch.length;
        if (daemon.process.ended) break;
      }
      if (done < records.length) continue;
      await daemon.shutdownRequested();
      await daemon.shardEnded();
      assert.deepEqual(daemon.checkpoints.at(-1), { during: 'shardEnded', asked: null, sequenceNumber: 'SHARD_END' });
      assert.deepEqual(await daemon.close(), { code: EXIT.ok, signal: null }, daemon.process.lastWords());
    }
    await assertEqual(stage, source, target);
  },
  { seconds: 240 },
);

// One record as the service writes it.
const record = (id, number, image) => ({
  sequenceNumber: `${number}`,
  data: JSON.stringify({
    eventName: image ? 'MODIFY' : 'REMOVE',
    dynamodb: { Keys: { id: { S: id } }, SequenceNumber: `${number}`, ...(image ? { NewImage: image } : {}) },
  }),
});

// All records of the first shard of a Kinesis stream, as KCL gives them to its daemon.
async function kinesisRecordsOf(kinesis, stream) {
  const [{ ShardId }] = await stream.shards();
  const start = { StreamName: stream.name, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
  const { ShardIterator } = await kinesis.call('GetShardIterator', start);
  const { Records } = await kinesis.call('GetRecords', { ShardIterator });
  return Records.map(({ SequenceNumber, PartitionKey, Data, ApproximateArrivalTimestamp }) => ({
    sequenceNumber: SequenceNumber,
    partitionKey: PartitionKey,
    data: Buffer.from(Data, 'base64'),
    arrived: Math.round(ApproximateArrivalTimestamp * 1000),
  }));
}

scenario("under a Kinesis application's daemon changed items are read from the primary", async (stage) => {
  const [primary, replica] = await Promise.all([stage.dynamoDbLocal('primary'), stage.dynamoDbLocal('replica')]);
  const [source, target] = [`${primary}/Orders`, `${replica}/Copy`];
  await createTable(source, 'id:S', { view: null });
  await createTable(target, 'id:S', { view: null });
  const kinesis = await startKinesis(stage);
  const stream = await (await kinesis.createStream('orders')).becomesActive();
  const key = (id) => ({ id: { S: id } });
  const put = (id, v) =>
    call(primary, 'PutItem', { TableName: 'Orders', Item: { ...key(id), v: { N: String(v) } } });
  const get = async (id) => (await call(replica, 'GetItem', { TableName: 'Copy', Key: key(id) })).Item;
  for (let i = 0; i < 60; i++) {
    await put(`k${i % 20}`, i);
    await stream.put(dynoRecord(i < 20 ? 'INSERT' : 'MODIFY', key(`k${i % 20}`)));
  }
  await call(primary, 'DeleteItem', { TableName: 'Orders', Key: key('k7') });
  await stream.put(dynoRecord('REMOVE', key('k7')));
  await call(replica, 'PutItem', { TableName: 'Copy', Item: key('stale') }); // what the primary has no longer
  await stream.put(dynoRecord('INSERT', key('stale')));
  await stream.put(Buffer.from('no change'));
  await stream.put(feedRecord('MODIFY', key('k0'), { time: 1, newImage: { ...key('k0'), v: { N: '-1' } } }));
  await stream.put(feedRecord('INSERT', key('x'), { time: 1, newImage: key('x'), table: 'Users' }));
  const records = await kinesisRecordsOf(kinesis, stream);
  assert.equal(records.length, 65);

  const args = ['--primary', source, '--max-read-units', '1000'];
  const strict = start(stage, target, { args });
  await strict.initialize(SHARD);
  await strict.processRecords(records.slice(0, 30));
  const refused = strict.processRecords(records.slice(30)).catch(() => 'none');
  assert.deepEqual(await strict.process.waitForExit(20), { code: EXIT.poison, signal: null });
  assert.equal(await refused, 'none');
  assert.match(complaints(strict.process)[0], /--dead-letter-dir/);
  assert.equal(strict.checkpoints.length, 1);

  const dead = stage.path('dead');
  const daemon = start(stage, target, { args: [...args, '--dead-letter-dir', dead] });
  await daemon.initialize(SHARD, records[29].sequenceNumber);
  // The last three as KCL takes them out of one aggregated record.
  const within = records.splice(62).map((record, i) => ({ ...record, sequenceNumber: records[61].sequenceNumber,
    subSequenceNumber: i + 1 }));
  await daemon.processRecords([...records.slice(30), within[0]]);
  await daemon.processRecords(within);
  await daemon.shutdownRequested();
  await daemon.shardEnded();
  assert.deepEqual(daemon.checkpoints.map(({ during }) => during), ['processRecords', 'processRecords', 'shardEnded']);
  assert.deepEqual(await daemon.close(), { code: EXIT.ok, signal: null }, daemon.process.lastWords());
  assert.deepEqual(complaints(daemon.process).filter((line) => !/warning/.test(line)), []);

  for (let i = 0; i < 20; i++) {
    const expected = i === 7 ? undefined : { ...key(`k${i}`), v: { N: String(40 + i) } };
    assert.deepEqual(await get(`k${i}`), expected, 'as the primary is, not as a record says');
  }
  assert.equal(await get('stale'), undefined);
  assert.equal(await get('x'), undefined);
  const letters = readFileSync(`${dead}/${SHARD}.jsonl`, 'utf8').trim().split('\n');
  assert.equal(letters.length, 2, 'what is no change, and a change of another table');
  await assertEqual(stage, source, target);

  const run = await stage.run(['multilang', target, '--primary', `${primary}/Absent`], { input: true });
  assertRefused(run, { code: EXIT.notReady, says: ['Absent', 'no such table'] });
});

scenario('an old daemon is understood, a lost lease is not checkpointed, and a stop ends at rest', async (stage) => {
  const { endpoint } = await stage.standIn(['--no-signature', '--table', 'Copy:id']);
  const target = `${endpoint}/Copy`;
  const old = start(stage, target, { old: true });
  await old.initialize(SHARD);
  await old.processRecords([record('a', 1, { id: { S: 'a' }, v: { S: 'x' } })]);
  await old.shardEnded();
  assert.deepEqual(old.checkpoints, [
    { during: 'processRecords', asked: null, sequenceNumber: '1' },
    { during: 'shardEnded', asked: null, sequenceNumber: 'SHARD_END' },
  ]);
  assert.deepEqual(await old.close(), { code: EXIT.ok, signal: null });
  assert.equal(old.process.stderr, '', 'KCL logs each line as an error');

  const lost = start(stage, target);
  await lost.initialize(SHARD);
  await lost.leaseLost();
  assert.deepEqual(lost.checkpoints, []);
  assert.deepEqual(await lost.close(), { code: EXIT.ok, signal: null });

  // The daemon dies while the target takes nothing: another worker goes on with this batch.
  const throttled = await stage.faultProxy(['--target', endpoint, '--fault-rate', '1', '--kinds', 'throttling',
    '--operations', 'BatchWriteItem,PutItem']);
  const orphan = start(stage, `${throttled.endpoint}/Copy`, { args: ['--log-level', 'info'] });
  await orphan.initialize(SHARD);
  const unanswered = orphan.processRecords([record('b', 1, { id: { S: 'b' } })]).catch(() => 'none');
  await orphan.process.waitUntil(({ stderr }) => stderr.includes('applying'), 10, 'start');
  orphan.process.child.stdin.end();
  assert.deepEqual(await orphan.process.waitForExit(10), { code: EXIT.stoppedEarly, signal: null });
  assert.equal(await unanswered, 'none');
  assert.match(complaints(orphan.process)[0], /went away/);

  // Asked to stop within a batch, the process still finishes it and its checkpoint.
  const slow = await stage.faultProxy(['--target', endpoint, '--fault-rate', '1', '--kinds', 'slow', '--operations',
    'BatchWriteItem,PutItem']);
  const busy = start(stage, `${slow.endpoint}/Copy`);
  await busy.initialize(SHARD);
  const last = busy.processRecords([record('c', 1, { id: { S: 'c' } })]);
  const written = () => call(endpoint, 'GetItem', { TableName: 'Copy', Key: { id: { S: 'c' } } });
  await until(async () => (await written()).Item, 10, 'the write, whose answer is held back');
  busy.process.kill('SIGTERM');
  await last;
  assert.equal(busy.checkpoints.length, 1);
  assert.deepEqual(await busy.process.waitForExit(5), { code: EXIT.ok, signal: null }, busy.process.lastWords());

  const stopped = start(stage, target);
  await stopped.initialize(SHARD);
  stopped.process.kill('SIGTERM');
  assert.deepEqual(await stopped.process.waitForExit(5), { code: EXIT.ok, signal: null });
  for (const { process } of [old, lost, busy, stopped]) assert.deepEqual(complaints(process), []);
});

scenario('what no daemon says, and a start by hand, are one line each', async (stage) => {
  const { endpoint } = await stage.standIn(['--no-signature', '--table', 'Copy:id']);
  const target = `${endpoint}/Copy`;
  const said = async (lines, args = [target]) => {
    const process = stage.dynamirror(['multilang', ...args], { input: true });
    process.child.stdin.on('error', () => {});
    process.child.stdin.end(lines.map((line) => `${line}\n`).join(''));
    await process.waitForExit(20);
    return process;
  };
  const initialize = JSON.stringify({ action: 'initialize', shardId: SHARD });
  const refuse = (run, code, says) => assertRefused({ ...run, stdout: run.stdout.replace(/^\n.*initialize.*\n$/, '') },
    { code, says });
  refuse(await stage.run(['multilang', target]), EXIT.usage, ['stdin is no pipe', 'MultiLangDaemon', 'executableName']);
  refuse(await said([], [`${endpoint}/Absent`]), EXIT.notReady, ['Absent', 'no such table']);
  refuse(await said(['hello']), EXIT.internal, ['read a message of the MultiLangDaemon']);
  refuse(await said([initialize, '{"action":"dance"}']), EXIT.internal, ['unknown action "dance"']);
  const records = [{ data: Buffer.from('{"eventName":"INSERT","dynamodb":{}}').toString('base64') }];
  refuse(await said([initialize, JSON.stringify({ action: 'processRecords', records })]), EXIT.notReady, [
    SHARD, 'record 0', 'Streams adapter',
  ]);
  const odd = JSON.stringify({ action: 'initialize', shardId: '../x' });
  refuse(await said([odd], [target, '--dead-letter-dir', stage.path('dead')]), EXIT.state, ['../x']);
});
