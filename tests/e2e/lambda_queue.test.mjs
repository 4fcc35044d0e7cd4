// SPDX-License-Identifier: Apache-2.0
// Goal: a queue of SQS keeps the letters of functions until they are replayed, and never loses one: what no message can
// hold stops the batch.
// Method: moto's server as SQS, DynamoDB Local, the strict stand-in for Lambda's runtime interface.
import assert from 'node:assert/strict';
import { startFunction } from './support/lambda_runtime.mjs';
import { makeQueue, messagesIn, startQueues } from './support/queues.mjs';
import { LOCAL_KEYS, scenario, shared } from './support/stage.mjs';
import { streamRecord } from './support/stream_events.mjs';
import { createTable, itemsOf, put } from './support/tables.mjs';

const DONE = { batchItemFailures: [] };
const servers = shared('lambda-queue', async (stage) => {
  const [queues, local] = await Promise.all([startQueues(stage), stage.dynamoDbLocal()]);
  return { queues, local };
});
let count = 0;
const newName = (word) => `${word}${++count}`;
const sequence = (i) => 100000000000000000000n + BigInt(i);
const key = (id) => ({ id: { S: id } });
const refused = (table, i, bytes = 420_000) =>
  streamRecord(table, sequence(i), { key: key(`k${i}`), image: { ...key(`k${i}`), big: { S: 'x'.repeat(bytes) } } });

async function newSides() {
  const name = newName('Orders');
  const [target, source] = [`${servers().local}/${newName('Target')}`, `${servers().local}/${name}`];
  const [table, primary] = [await createTable(target, 'id:S', { view: null }), await createTable(source, 'id:S', { view: null })];
  return { name, target, source, table, primary };
}

const startWith = (stage, sides, queue) =>
  startFunction(stage, {
    handler: 'dynamirror.replicate',
    env: { DYNAMIRROR_TARGET: sides.target, DYNAMIRROR_DEAD_LETTERS: `sqs:${queue}` },
  });

function replay(stage, queue, sides, more = ['--primary', sides.source]) {
  const args = ['dead-letters', 'replay', `sqs:${queue}`, sides.target, '--output', 'json', ...more];
  return stage.run(args, { env: { ...LOCAL_KEYS, AWS_REGION: 'eu-west-1' } }); // moto has the regions of AWS only
}

async function answered(func, Records) {
  const { answer, error } = await func.runtime.invoke({ Records });
  assert.deepEqual(func.runtime.faults, []);
  assert.equal(error, undefined);
  return answer;
}

scenario('letters go to a queue, and are replayed from it', async (stage) => {
  const sides = await newSides();
  const queue = await makeQueue(servers().queues, newName('letters'), { MaximumMessageSize: '1048576' });
  const func = await startWith(stage, sides, queue);
  assert.deepEqual(await answered(func, [refused(sides.name, 1), refused(sides.name, 2), refused(sides.name, 3)]), DONE);
  assert.deepEqual(await answered(func, [refused(sides.name, 4)]), DONE);
  assert.equal(await messagesIn(servers().queues, queue), 4, 'a letter of 420 KB is a message by itself');

  await put(sides.primary, { ...key('k1'), v: { S: 'right' } });
  await put(sides.primary, { ...key('k4'), v: { S: 'right' } });
  assert.match((await replay(stage, queue, sides, [])).stderr, /--primary/);
  assert.equal(await messagesIn(servers().queues, queue), 4);
  const replayed = await replay(stage, queue, sides);
  assert.equal(replayed.ended.code, 0, replayed.lastWords());
  const { batches, removed, applied } = replayed.json();
  assert.deepEqual({ batches, removed, applied }, { batches: 4, removed: 4, applied: 4 });
  assert.equal(await messagesIn(servers().queues, queue), 0);
  const items = (await itemsOf(sides.table)).map(({ id, v }) => [id.S, v.S]).sort();
  assert.deepEqual(items, [['k1', 'right'], ['k4', 'right']]);
});

scenario('letters of another table, and those that fail again, stay in the queue', async (stage) => {
  const sides = await newSides();
  const queue = await makeQueue(servers().queues, newName('letters'), { MaximumMessageSize: '1048576' });
  const func = await startWith(stage, sides, queue);
  assert.deepEqual(await answered(func, [refused(sides.name, 1)]), DONE);
  assert.deepEqual(await answered(func, [refused('Another', 2)]), DONE);
  const broken = { ...refused(sides.name, 3, 10), eventName: 'UPSERT' };
  assert.deepEqual(await answered(func, [broken]), DONE);
  const { batches, removed, of_other_tables } = (await replay(stage, queue, sides)).json();
  assert.deepEqual({ batches, removed, of_other_tables }, { batches: 3, removed: 1, of_other_tables: 1 });
  assert.equal(await messagesIn(servers().queues, queue), 2);
});

scenario('a letter that the queue does not take, or a queue that is not there, stops the batch', async (stage) => {
  const sides = await newSides();
  const queue = await makeQueue(servers().queues, newName('letters'), { MaximumMessageSize: '262144' });
  const records = [streamRecord(sides.name, sequence(0), { key: key('fine'), image: key('fine') }), refused(sides.name, 1)];
  for (const place of [queue, `${servers().queues}/123456789012/nowhere`]) {
    const func = await startWith(stage, sides, place);
    assert.deepEqual(await answered(func, records), { batchItemFailures: [{ itemIdentifier: `${sequence(1)}` }] });
    assert.match(func.process.stderr, place === queue ? /shorter than 262144 bytes/ : /does not exist/);
  }
  assert.equal(await messagesIn(servers().queues, queue), 0);
  assert.deepEqual((await itemsOf(sides.table)).map(({ id }) => id.S), ['fine']);
});
