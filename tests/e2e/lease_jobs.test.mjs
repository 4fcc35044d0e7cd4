// SPDX-License-Identifier: Apache-2.0
// Goal: several processes share one copy through leases; any of them may be killed, asked to stop, or come late: the
// copy is complete by an independent comparison, and no finished segment is done again.
// Method: the binary, several times, on DynamoDB Local; and on the scripted DynamoDB where DynamoDB Local is too slow.
//
// DYNAMIRROR_E2E_LEASE_ITEMS, e.g. 500000: how many items the throughput of three workers is measured with (30000). The
// target answers with a delay, so that connections are what limits a process.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { complaints } from './support/expect.mjs';
import { call, scanAll } from './support/raw_dynamodb.mjs';
import { until } from './support/until.mjs';
import { scenario } from './support/stage.mjs';
import { createTable } from './support/tables.mjs';

const ITEMS = Number(process.env.DYNAMIRROR_E2E_LEASE_ITEMS ?? 30_000);
const SECONDS = 240;
const LANES = 8;
const EXIT = { ok: 0, usage: 2, notReady: 3, state: 6, stoppedEarly: 10 };

// What a worker has logged about leases it got: {at (ms), segment}.
function acquired(run, since = 0) {
  const lines = run.stderr.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
  const entries = lines.map((line) => JSON.parse(line)).filter(({ message }) => message === 'lease acquired');
  return entries.map(({ time, segment }) => ({ at: Date.parse(time), segment })).filter(({ at }) => at >= since);
}

// The segments that are done, by the rows of the lease table.
function doneIn(rows) {
  const segments = rows.filter(({ leaseKey }) => !leaseKey.S.endsWith('/job'));
  return segments.filter(({ checkpoint }) => checkpoint.S === 'SHARD_END').map(({ leaseKey }) => leaseKey.S);
}

// One JSON object on stdout whose counters add up.
function summaryOf(run) {
  const summary = JSON.parse(run.stdout);
  const { read, written, superseded, dead_lettered, released, in_flight } = summary;
  assert.equal(read, written + superseded + dead_lettered + released + in_flight, run.stdout);
  assert.equal(summary.exit_code, run.ended.code);
  return summary;
}

async function assertEqual(stage, source, target, items) {
  const args = ['--source', source, '--target', target];
  const compared = await stage.runTool('compare', args, { seconds: SECONDS, accept: [0, 1] });
  assert.equal(compared.differences, 0, JSON.stringify(compared));
  assert.equal(compared.source_items, items);
}

async function load(endpoint, table, count, size = 300) {
  let next = 0;
  const pad = 'x'.repeat(size);
  const lane = async () => {
    while (next < count) {
      const begin = next;
      next += 25;
      const requests = [];
      for (let i = begin; i < Math.min(begin + 25, count); i++) {
        requests.push({ PutRequest: { Item: { id: { S: `customer-${i % 997}#order-${i}` }, note: { S: pad + i } } } });
      }
      let pending = { [table]: requests };
      while (Object.keys(pending ?? {}).length > 0) {
        pending = (await call(endpoint, 'BatchWriteItem', { RequestItems: pending })).UnprocessedItems;
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

function copyArgs(source, target, leases, ...more) {
  return [
    ...['copy-table', source, target, '--create-target', '--lease-table', leases, '--lease-segments', '24'],
    ...['--failover-time', '2s', '--output', 'json', '--log-format', 'json', ...more],
  ];
}

// Two workers, of which one is killed when both have worked for a while; a third comes then. `done`: the segments that
// were finished by then, of 24.
async function killOneOfTwo(stage, endpoint, args) {
  const workers = [stage.dynamirror(args), stage.dynamirror(args)];
  const rows = () => scanAll(endpoint, 'leases').catch(() => []); // not made yet
  const running = async () => doneIn(await rows()).length >= 3 && workers.every((run) => acquired(run).length > 0);
  await until(running, SECONDS, 'both work');
  const [victim, survivor] = workers;
  victim.kill('SIGKILL');
  await victim.waitForExit(10);
  const killedAt = Date.now();
  const done = new Set(doneIn(await rows()));
  assert.ok(done.size < 24, 'killed in the middle');
  return { survivor, late: stage.dynamirror(args), done, killedAt };
}

scenario(
  'three workers, one killed, one late: the copy is complete and no finished segment is done again',
  async (stage) => {
    const COUNT = 20_000;
    const endpoint = await stage.dynamoDbLocal();
    const [source, target] = [`${endpoint}/Source`, `${endpoint}/Target`];
    await createTable(source, 'id:S', { view: null });
    await load(endpoint, 'Source', COUNT, 150);
    const args = copyArgs(source, target, 'leases', '--max-write-units', '700');
    const { survivor, late, done, killedAt } = await killOneOfTwo(stage, endpoint, args);
    for (const run of [survivor, late]) {
      await run.waitForExit(SECONDS);
      assert.equal(run.ended.code, EXIT.ok, run.lastWords());
      const { leases, in_flight } = summaryOf(run);
      assert.equal(leases.complete, true);
      assert.equal(leases.segments_done, 24);
      assert.ok(leases.finished_here > 0, run.stdout);
      assert.equal(in_flight, 0);
      const again = acquired(run, killedAt).filter(({ segment }) => done.has(segment));
      assert.deepEqual(again, [], 'finished segments that were taken again');
    }
    assert.equal(doneIn(await scanAll(endpoint, 'leases')).length, 24);
    await assertEqual(stage, source, target, COUNT);

    const after = await stage.run(copyArgs(source, target, 'leases'));
    assert.equal(after.ended.code, EXIT.ok, after.lastWords());
    assert.equal(summaryOf(after).leases.was_complete, true);
    assert.match(after.stderr, /leases reset/);
  },
  { seconds: 2 * SECONDS },
);

scenario('workers on one machine share a file; one that is asked to stop leaves the rest to the other', async (stage) => {
  const { endpoint } = await stage.standIn(['--no-signature']);
  const [source, target] = [`${endpoint}/Source`, `${endpoint}/Target`];
  await createRaw(endpoint, 'Source');
  await load(endpoint, 'Source', 6_000);
  const args = copyArgs(source, target, `file:${stage.path('leases')}`, '--max-write-units', '600');
  const first = stage.dynamirror(args);
  await until(() => acquired(first).length > 0, 30, 'the first has leases');
  const second = stage.dynamirror(args);
  await until(() => acquired(second).length > 0, 30, 'the second has leases');
  first.kill('SIGTERM');
  await first.waitForExit(10);
  assert.equal(first.ended.code, EXIT.stoppedEarly, first.lastWords());
  assert.equal(summaryOf(first).leases.complete, false);
  await second.waitForExit(SECONDS);
  assert.equal(second.ended.code, EXIT.ok, second.lastWords());
  assert.equal(summaryOf(second).leases.complete, true);
  await assertSame(endpoint, 'Source', endpoint, 'Target', 6_000);
});

scenario('leases that do not fit are refused with the reason', async (stage) => {
  const { endpoint } = await stage.standIn(['--no-signature']);
  await createRaw(endpoint, 'Source');
  await load(endpoint, 'Source', 100);
  const [source, target] = [`${endpoint}/Source`, `${endpoint}/Target`];
  const done = await stage.run(copyArgs(source, target, 'leases'));
  assert.equal(done.ended.code, EXIT.ok, done.lastWords());

  const other = await stage.run(copyArgs(source, `${endpoint}/Other`, 'leases'));
  assert.equal(other.ended.code, EXIT.state, other.lastWords());
  assert.match(complaints(other)[0], /another job.*a table of its own/);
  const filled = await stage.run(copyArgs(source, target, 'fresh'));
  assert.equal(filled.ended.code, EXIT.notReady, filled.lastWords());
  assert.match(complaints(filled)[0], /holds items already/);
  assert.equal((await scanAll(endpoint, 'fresh')).length, 0, 'a refused job has not begun');
  for (const option of [['--state', stage.path('state')], ['--segment', '0', '--segments', '2'], ['--split', '4']]) {
    const refused = await stage.run(copyArgs(source, target, 'leases', ...option));
    assert.equal(refused.ended.code, EXIT.usage, refused.lastWords());
  }
});

scenario(
  'three workers, one killed, one late, dump a table together: what is restored equals it',
  async (stage) => {
    const COUNT = 12_000;
    const { endpoint } = await stage.standIn(['--no-signature']);
    await createRaw(endpoint, 'Source');
    await load(endpoint, 'Source', COUNT);
    const url = `file:${stage.path('dumps')}`;
    const dump = (...more) => [
      ...['backup-table', `${endpoint}/Source`, url, '--lease-table', 'leases', '--lease-segments', '24'],
      ...['--failover-time', '2s', '--output', 'json', '--log-format', 'json', ...more],
    ];
    // Of last night's dump, of as many segments as there were processes then: a restore must not put the two together.
    mkdirSync(stage.path('dumps'));
    writeFileSync(stage.path('dumps/nightly.manifest-0-of-2.json'), '{}');
    const args = dump('--jobid', 'nightly', '--max-read-units', '40');
    const { survivor, late, done, killedAt } = await killOneOfTwo(stage, endpoint, args);
    for (const run of [survivor, late]) {
      await run.waitForExit(SECONDS);
      assert.equal(run.ended.code, EXIT.ok, run.lastWords());
      const { leases } = JSON.parse(run.stdout);
      assert.equal(leases.complete, true);
      const again = acquired(run, killedAt).filter(({ segment }) => done.has(segment));
      assert.deepEqual(again, [], 'finished segments that were taken again');
    }
    const manifests = readdirSync(stage.path('dumps')).filter((file) => file.startsWith('nightly.manifest-'));
    assert.equal(manifests.length, 24);
    const restored = await stage.run(['restore-table', `${url}/nightly`, `${endpoint}/Restored`, '--create-target']);
    assert.equal(restored.ended.code, EXIT.ok, restored.lastWords());
    await assertSame(endpoint, 'Source', endpoint, 'Restored', COUNT);

    const after = await stage.run(dump());
    assert.equal(after.ended.code, EXIT.ok, after.lastWords());
    assert.equal(JSON.parse(after.stdout).leases.was_complete, true);
    const other = await stage.run(dump('--jobid', 'another'));
    assert.equal(other.ended.code, EXIT.state, other.lastWords());
    assert.match(complaints(other)[0], /the dump "nightly"/);
  },
  { seconds: 2 * SECONDS },
);

scenario(
  'three workers, one killed, one late, compare and repair tables together',
  async (stage) => {
    const COUNT = 12_000;
    const { endpoint } = await stage.standIn(['--no-signature']);
    for (const name of ['Source', 'Target']) {
      await createRaw(endpoint, name);
      await load(endpoint, name, COUNT);
    }
    const key = (i) => ({ id: { S: `customer-${i % 997}#order-${i}` } });
    const spoiled = Array.from({ length: 40 }, (_, i) => i * 300);
    for (const i of spoiled) await call(endpoint, 'DeleteItem', { TableName: 'Target', Key: key(i) });
    const diff = (leases, ...more) => [
      ...['diff-tables', `${endpoint}/Source`, `${endpoint}/Target`, '--lease-table', leases, '--lease-segments', '24'],
      ...['--failover-time', '2s', '--settle', '500ms', '--output', 'json', '--log-format', 'json', ...more],
    ];
    const lines = (run) => run.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const args = diff('leases', '--max-read-units', '80');
    const workers = [stage.dynamirror(args), stage.dynamirror(args)];
    const rows = () => scanAll(endpoint, 'leases').catch(() => []); // not made yet
    const running = async () => doneIn(await rows()).length >= 3 && workers.every((run) => acquired(run).length > 0);
    await until(running, SECONDS, 'both work');
    workers[0].kill('SIGKILL');
    await workers[0].waitForExit(10);
    const late = stage.dynamirror(args);
    for (const run of [workers[1], late]) {
      await run.waitForExit(SECONDS);
      const summary = lines(run).at(-1);
      assert.equal(summary.leases.complete, true, run.lastWords());
      assert.equal(run.ended.code, summary.discrepancies > 0 ? 1 : 0);
    }
    const found = new Set([...workers, late].flatMap((run) => run.stdout.match(/customer-\d+#order-\d+/g) ?? []));
    assert.deepEqual([...found].sort(), spoiled.map((i) => key(i).id.S).sort());

    const repairs = [1, 2].map(() => stage.dynamirror(diff('repairs', '--repair')));
    for (const run of repairs) {
      await run.waitForExit(SECONDS);
      assert.equal(run.ended.code, EXIT.ok, run.lastWords());
    }
    assert.equal(repairs.reduce((sum, run) => sum + lines(run).at(-1).put, 0), spoiled.length);
    await assertSame(endpoint, 'Source', endpoint, 'Target', COUNT);
    const mixed = await stage.run(diff('leases', '--repair'));
    assert.equal(mixed.ended.code, EXIT.state, mixed.lastWords());
  },
  { seconds: 2 * SECONDS },
);

async function createRaw(endpoint, TableName) {
  await call(endpoint, 'CreateTable', {
    ...{ TableName, BillingMode: 'PAY_PER_REQUEST' },
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  });
  const isActive = async () => (await call(endpoint, 'DescribeTable', { TableName })).Table.TableStatus === 'ACTIVE';
  await until(isActive, 10, `${TableName} is active`);
}

async function assertSame(from, source, to, target, count) {
  const texts = new Map((await scanAll(from, source)).map((item) => [item.id.S, JSON.stringify(item)]));
  assert.equal(texts.size, count);
  const copied = await scanAll(to, target);
  assert.equal(copied.length, count);
  for (const item of copied) assert.equal(JSON.stringify(item), texts.get(item.id.S));
}

const SHARED = ['--lease-table', 'leases', '--failover-time', '2s', '--output', 'json', '--log-format', 'json'];

// Starts `count` workers with `writes` connections each; resolves to {seconds, summaries} of those that were not killed.
async function copyTogether(stage, { source, target, leases, count, writes, killAfter }) {
  const args = ['copy-table', source, target, '--lease-endpoint', leases, ...SHARED, '--max-writes', String(writes)];
  const begun = Date.now();
  const workers = Array.from({ length: count }, () => stage.dynamirror(args));
  if (killAfter) {
    const done = async () => doneIn(await scanAll(leases, 'leases').catch(() => [])).length >= killAfter;
    await until(done, SECONDS, 'some segments are done');
    workers[0].kill('SIGKILL');
  }
  for (const run of workers) await run.waitForExit(SECONDS);
  const left = killAfter ? workers.slice(1) : workers;
  for (const run of left) assert.equal(run.ended.code, EXIT.ok, run.lastWords());
  return { seconds: (Date.now() - begun) / 1000, summaries: left.map(summaryOf) };
}

scenario(
  'three workers are about as fast as one process with three times their connections',
  async (stage, t) => {
    const [from, to] = [await stage.standIn(['--no-signature']), await stage.standIn(['--no-signature'])];
    await createRaw(from.endpoint, 'Source');
    await load(from.endpoint, 'Source', ITEMS);
    const slow = await stage.faultProxy(['--target', to.endpoint, '--min-delay-ms', '20', '--max-delay-ms', '30']);
    const source = `${from.endpoint}/Source`;
    const WRITES = 4;
    for (const name of ['Alone', 'Together', 'Killed']) await createRaw(to.endpoint, name);

    const alone = await stage.run(
      [
        ...['copy-table', source, `${slow.endpoint}/Alone`, '--split', '64', '--max-writes', String(3 * WRITES)],
        ...['--state', stage.path('state'), '--output', 'json'],
      ],
      { seconds: SECONDS },
    );
    assert.equal(alone.ended.code, EXIT.ok, alone.lastWords());
    const one = summaryOf(alone).duration_seconds;
    const runs = [];
    for (const [target, killAfter] of [['Together', 0], ['Killed', 8]]) {
      const leases = (await stage.standIn(['--no-signature'])).endpoint;
      const options = { source, target: `${slow.endpoint}/${target}`, leases, count: 3, writes: WRITES, killAfter };
      runs.push({ target, ...(await copyTogether(stage, options)) });
      await assertSame(from.endpoint, 'Source', to.endpoint, target, ITEMS);
      assert.equal(doneIn(await scanAll(leases, 'leases')).length, 64);
    }
    const [together, killed] = runs;
    const finished = together.summaries.reduce((sum, { leases }) => sum + leases.finished_here, 0);
    assert.equal(finished, 64, 'each segment is finished once');
    t.diagnostic(`${ITEMS} items: one process ${one.toFixed(1)} s, three ${together.seconds.toFixed(1)} s, ` +
      `three of which one was killed ${killed.seconds.toFixed(1)} s`);
    const READ = together.summaries.map(({ read }) => read);
    t.diagnostic(`read by each of the three: ${READ.join(', ')}`);
    // Leases take some seconds to be shared out: with few items they count for more.
    if (ITEMS >= 300_000) assert.ok(together.seconds < 1.5 * one, `${together.seconds} s against ${one} s`);
  },
  { seconds: 5 * SECONDS },
);
