// SPDX-License-Identifier: Apache-2.0
// Goal: a stream of Kinesis is read whole and in order, whatever its shards, records and iterators do.
// Method: kinesalite under a clock that is moved; records are put by a client that shares no code with dynamirror;
// tests/support/kinesis_reader prints what our source makes of them.
import assert from 'node:assert/strict';
import { aggregate, dynoRecord, feedRecord, startKinesis } from './support/kinesis.mjs';
import { scenario } from './support/stage.mjs';

const SECONDS = 60;
const key = (id) => ({ id: { S: id } });
const put = (id) => dynoRecord('INSERT', key(id));

// The reader of a stream; `lines()` is what it has printed.
function read(stage, kinesis, stream, args = []) {
  const reader = stage.testProgram('kinesis_reader', [
    ...['--endpoint', kinesis.endpoint, '--stream', stream.name, ...args],
  ]);
  const lines = () =>
    reader.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  const ids = () => lines().flatMap(({ key: { id } = { id: {} } }) => id.S ?? []);
  const until = (condition, what) => reader.waitUntil(() => condition(lines()), SECONDS, what);
  return { reader, lines, ids, until };
}

async function oneShard(stage, name) {
  const kinesis = await startKinesis(stage);
  const stream = await (await kinesis.createStream(name)).becomesActive();
  return { kinesis, stream };
}

function assertOrderInEachShard(lines) {
  const last = new Map();
  for (const { shard, sequence, ended } of lines) {
    assert.ok(last.get(shard) !== 'ended', `${shard} goes on after its end`);
    if (ended) {
      last.set(shard, 'ended');
      continue;
    }
    const number = BigInt(sequence.split(':')[0]);
    assert.ok(!last.has(shard) || number > last.get(shard), `${shard} goes back to ${sequence}`);
    last.set(shard, number);
  }
}

scenario('a stream that splits and merges is read in order, children after all their parents', async (stage) => {
  const { kinesis, stream } = await oneShard(stage, 'resharded');
  const expected = new Map(); // shard -> ids
  const send = async (shard, ids) => {
    for (const id of ids) {
      const { ShardId } = await stream.put(put(id), { shard });
      expected.set(ShardId, [...(expected.get(ShardId) ?? []), id]);
    }
  };
  const numbered = (prefix, count) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
  const [parent] = await stream.openShards();
  await send(parent, numbered('p', 30));
  // Small pages: the longer parent of the merge ends well after the other one.
  const { until, lines } = read(stage, kinesis, stream, ['--page-limit', '5']);
  await until((seen) => seen.length > 0, 'a first record');

  const [left, right] = await stream.split(parent);
  await send(left, numbered('l', 2));
  await send(right, numbered('r', 20));
  const child = await stream.merge(left, right);
  await send(child, numbered('c', 20));
  await until((seen) => seen.some(({ key: of }) => of?.id.S === 'c19'), 'the last record');

  const seen = lines();
  assertOrderInEachShard(seen);
  for (const [shard, ids] of expected) {
    assert.deepEqual(seen.filter((line) => line.shard === shard && line.key).map((line) => line.key.id.S), ids);
  }
  assert.equal(expected.size, 4);
  const ends = (shard) => seen.findIndex((line) => line.shard === shard.ShardId && line.ended);
  const begins = (shard) => seen.findIndex((line) => line.shard === shard.ShardId);
  assert.ok(ends(parent) >= 0 && ends(parent) < begins(left) && ends(parent) < begins(right));
  assert.ok(ends(left) >= 0 && ends(left) < begins(child));
  assert.ok(ends(right) >= 0 && ends(right) < begins(child));
});

scenario('aggregated records are taken apart, and reading goes on within one', async (stage) => {
  const { kinesis, stream } = await oneShard(stage, 'aggregated');
  const within = (...ids) => aggregate(ids.map((id) => ({ data: put(id), partitionKey: id })));
  await stream.put(put('before'));
  const { SequenceNumber, ShardId } = await stream.put(within('a', 'b', 'c'));
  await stream.put(put('after'));
  const whole = read(stage, kinesis, stream);
  await whole.until(() => whole.ids().includes('after'), 'the last record');
  assert.deepEqual(whole.ids(), ['before', 'a', 'b', 'c', 'after']);
  assert.deepEqual(
    whole.lines().slice(1, 4).map(({ sequence }) => sequence),
    [SequenceNumber, `${SequenceNumber}:1`, `${SequenceNumber}:2`],
  );
  assert.ok(whole.lines().every(({ kind }) => kind === 'key'));

  const rest = read(stage, kinesis, stream, ['--shard', ShardId, '--place', `${SequenceNumber}:1`]);
  await rest.until(() => rest.ids().includes('after'), 'the last record');
  assert.deepEqual(rest.ids(), ['c', 'after']);
});

scenario("the service's own records have images and their time; what is no change is passed", async (stage) => {
  const { kinesis, stream } = await oneShard(stage, 'feed');
  const time = 1_646_853_580_213_456;
  const image = { ...key('a'), v: { N: '1' } };
  await stream.put(feedRecord('INSERT', key('a'), { time, newImage: image }));
  await stream.put(Buffer.from('no json'));
  await stream.put(Buffer.alloc(1 << 20, 0xff), { partitionKey: 'p' });
  await stream.put(feedRecord('INSERT', key('b'), { time, newImage: key('b'), table: 'Users' }));
  await stream.put(dynoRecord('INSERT', { other: { S: 'x' } }));
  await stream.put(feedRecord('REMOVE', key('a'), { time: 1_646_853_580_214, micros: false, oldImage: image }));
  const { until, lines } = read(stage, kinesis, stream, ['--table', 'Orders']);
  await until((seen) => seen.length === 6, 'six records');
  const [first, ...others] = lines();
  assert.deepEqual([first.kind, first.image, first.created], ['put', image, time]);
  const last = others.pop();
  assert.deepEqual([last.kind, last.created], ['remove', 1_646_853_580_214_000]);
  assert.deepEqual(others.map(({ bytes }) => bytes).slice(0, 2), [7, 1 << 20]);
  for (const [i, reason] of [/no change/, /no change/, /table Users/, /its Keys/].entries()) {
    assert.match(others[i].reason, reason);
  }
});

scenario('an iterator that has expired is renewed, and nothing is repeated', async (stage) => {
  const { kinesis, stream } = await oneShard(stage, 'expired');
  await stream.put(put('a'));
  const { until, ids } = read(stage, kinesis, stream);
  await until(() => ids().includes('a'), 'a first record');
  await kinesis.advance(6 * 60_000);
  await stream.put(put('b'));
  await until(() => ids().includes('b'), 'the record after');
  assert.deepEqual(ids(), ['a', 'b']);
});

scenario('reading begins at a moment', async (stage) => {
  const { kinesis, stream } = await oneShard(stage, 'moment');
  await stream.put(put('old'));
  await kinesis.advance(60_000);
  const start = new Date(Date.now() + 30_000).toISOString();
  await stream.put(put('new'));
  const { until, ids } = read(stage, kinesis, stream, ['--start-time', start]);
  await until(() => ids().includes('new'), 'the new record');
  assert.deepEqual(ids(), ['new']);
});

scenario('a position that the stream no longer keeps is noticed', async (stage) => {
  const { kinesis, stream } = await oneShard(stage, 'trimmed');
  const { SequenceNumber, ShardId } = await stream.put(put('a'));
  await kinesis.advance(25 * 3_600_000);
  await stream.put(put('b'));
  const { reader, lines } = read(stage, kinesis, stream, ['--shard', ShardId, '--place', SequenceNumber]);
  assert.equal((await reader.waitForExit(SECONDS)).code, 1);
  assert.match(lines()[0].error, /is older than what the stream keeps/);
});
