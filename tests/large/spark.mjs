#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Goal: half a million items on Spark: complete though an executor is killed, within the budget, compared, and what that
// takes beside one process with as many connections.
// Method: spark-submit with two executors that are processes, on scripted servers, which answer faster than DynamoDB
// Local; the tables are compared here, by their wire form. Part of `./dev test --full`. Prints its figures.
//
// usage: spark.mjs [ITEMS]      (500000)
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { consumptionProxy } from '../e2e/support/aws_servers.mjs';
import { call } from '../e2e/support/raw_dynamodb.mjs';
import { DRIVER, installSpark, isRunning, liveSegments, sparkEnvironment, SUBMIT } from '../e2e/support/spark.mjs';
import { scenario } from '../e2e/support/stage.mjs';
import { until } from '../e2e/support/until.mjs';

const ITEMS = Number(process.argv[2] ?? 500_000);
const SECONDS = 1200;
const SOURCE = 'Orders';
const EXECUTORS = 2;
const BUDGET = Math.round(ITEMS / 60); // write units a second, so that a copy takes about a minute
const WRITES = 32; // requests at once of each process
const SPLIT = 8;
const LANES = 16;

const itemNumber = (i) => ({
  id: { S: `customer-${i % 997}#order-${i}` },
  status: { S: ['new', 'paid', 'sent', 'returned'][i % 4] },
  total: { N: `${(i * 7919) % 100_000}` },
  lines: { L: [{ M: { sku: { S: `sku-${i % 5_003}` }, count: { N: `${(i % 9) + 1}` } } }] },
  note: { S: ((i * 2654435761) >>> 0).toString(36).repeat(30) },
});

async function fill(endpoint) {
  let next = 0;
  const lane = async () => {
    while (next < ITEMS) {
      const begin = next;
      next += 25;
      const numbers = Array.from({ length: Math.min(25, ITEMS - begin) }, (_, k) => begin + k);
      const requests = numbers.map((i) => ({ PutRequest: { Item: itemNumber(i) } }));
      const { UnprocessedItems } = await call(endpoint, 'BatchWriteItem', { RequestItems: { [SOURCE]: requests } });
      assert.deepEqual(UnprocessedItems ?? {}, {});
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

// That the table holds exactly the items that the source was filled with; page by page.
async function assertWhole(endpoint, table) {
  const seen = new Set();
  let from;
  do {
    const page = await call(endpoint, 'Scan', { TableName: table, ...(from ? { ExclusiveStartKey: from } : {}) });
    for (const item of page.Items) {
      const i = Number(item.id.S.split('-').pop());
      assert.deepEqual(item, itemNumber(i));
      seen.add(i);
    }
    from = page.LastEvaluatedKey;
  } while (from);
  assert.equal(seen.size, ITEMS, table);
}

function submit(stage, words) {
  const bin = installSpark();
  const args = [...SUBMIT, DRIVER, '--binary', stage.binary, ...words];
  const started = stage.start('spark-submit', join(bin, 'spark-submit'), args, { env: sparkEnvironment(bin, stage) });
  const ended = started.waitForExit(SECONDS).then(({ code }) => {
    // Both outputs of the Python process come in one.
    const lines = started.stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    return { code, summary: lines.pop(), lines, words: started.lastWords() };
  });
  return { pid: started.pid, ended };
}

const writing = (count) => ['--max-writes', `${count * WRITES}`, '--split', `${count * SPLIT}`];

async function alone(stage, words) {
  const run = await stage.run([...words, ...writing(EXECUTORS), '--output', 'json'], { seconds: SECONDS });
  assert.equal(run.ended.code, 0, run.lastWords());
  return run.json();
}

function report(what, { written, duration_seconds: seconds, consumed_write_units: units }, more = '') {
  console.log(`${what}: ${written} items in ${seconds} s, ${(written / seconds).toFixed(0)} items/s, ${units} write units${more}`);
}

async function prepare(stage) {
  const from = await stage.standIn(['--no-signature', '--table', `${SOURCE}:id`]);
  const to = await stage.standIn(['--no-signature']);
  await fill(from.endpoint);
  return { source: `${from.endpoint}/${SOURCE}`, to: to.endpoint };
}

scenario('half a million items on Spark, an executor killed on the way', async (stage) => {
  const { source, to } = await prepare(stage);
  const proxy = await consumptionProxy(stage, { to });
  const budget = ['--max-write-units', `${BUDGET}`];
  const state = ['--create-target', '--state', stage.path('state')];
  report('one process, budget', await alone(stage, ['copy-table', source, `${proxy.endpoint}/One`, ...state, ...budget]));

  const before = proxy.units();
  const words = ['--segments', '16', 'copy-table', source, `${proxy.endpoint}/Many`, '--create-target', ...writing(1)];
  const copy = submit(stage, [...words, ...budget]);
  await until(() => proxy.units() - before > ITEMS / 4, SECONDS, 'a quarter written');
  const victim = await until(() => liveSegments(copy.pid)[0], SECONDS, 'a segment under way');
  process.kill(victim.executor, 'SIGKILL');
  await until(() => !isRunning(victim.binary), 5, 'end of its binary');
  const { code, summary, words: last } = await copy.ended;
  assert.equal(code, 0, last);
  assert.equal(summary.written, ITEMS);
  assert.ok(summary.spark.done_again >= 1);
  const twice = proxy.units() - before - summary.consumed_write_units;
  const rate = proxy.highestRate(10);
  report('Spark, budget, one executor killed', summary, `, ${twice} more by what was killed`);
  console.log(`budget ${BUDGET} write units/s, highest of 10 s ${rate.toFixed(0)} (${((100 * rate) / BUDGET).toFixed(1)} %)`);
  assert.ok(rate <= 1.1 * BUDGET);
  await assertWhole(to, 'Many');

  await call(to, 'PutItem', { TableName: 'Many', Item: { ...itemNumber(17), status: { S: 'lost' } } });
  await call(to, 'PutItem', { TableName: 'Many', Item: { id: { S: 'nowhere else' } } });
  await call(to, 'DeleteItem', { TableName: 'Many', Key: { id: itemNumber(ITEMS - 1).id } });
  const compared = await submit(stage, ['--segments', '8', 'diff-tables', source, `${to}/Many`]).ended;
  assert.equal(compared.code, 1, compared.words);
  const found = Object.fromEntries(compared.lines.map(({ difference, key }) => [key.id.S, difference]));
  assert.equal(compared.lines.length, 3, JSON.stringify(compared.lines));
  assert.deepEqual(found, {
    [itemNumber(17).id.S]: 'different',
    'nowhere else': 'extraneous',
    [itemNumber(ITEMS - 1).id.S]: 'missing',
  });
  console.log(`Spark, diff-tables: ${compared.summary.primary_items} items in ${compared.summary.duration_seconds} s, 3 of 3 differences`);
}, { seconds: SECONDS });

scenario('half a million items on Spark beside one process, as fast as they can', async (stage) => {
  const { source, to } = await prepare(stage);
  const state = ['--create-target', '--state', stage.path('state')];
  report('one process', await alone(stage, ['copy-table', source, `${to}/One`, ...state]));
  const words = ['--segments', '4', 'copy-table', source, `${to}/Many`, '--create-target', ...writing(1)];
  const { code, summary, words: last } = await submit(stage, words).ended;
  assert.equal(code, 0, last);
  report('Spark, two executors', summary);
  await assertWhole(to, 'Many');
}, { seconds: SECONDS });
