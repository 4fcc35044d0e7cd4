// SPDX-License-Identifier: Apache-2.0
// Goal: several processes share one replication; any of them may be killed, stopped for longer than its leases last, or
// come late, and nothing is lost, nothing is written by one whose time is over.
// Method: the binary, several times, on the scripted DynamoDB with a stream of many shards; each writes through a proxy
// of its own that remembers when.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { call, recordingProxy, scanAll } from './support/raw_dynamodb.mjs';
import { assertSummary, complaints } from './support/expect.mjs';
import { until } from './support/until.mjs';
import { equalTables, keepWriting, logOf } from './support/shared_work.mjs';
import { scenario } from './support/stage.mjs';

const SHARDS = 6;
const FAILOVER = 2000; // ms
const POLL = FAILOVER / 3; // between two looks at the lease table
const SLACK = 1500; // of this machine, which runs other tests, too
const KEYS = 300;

async function stand(stage) {
  const { endpoint } = await stage.standIn([
    ...['--no-signature', '--shards', String(SHARDS)],
    ...['--table', 'Source:id', '--table', 'Target:id'],
  ]);
  return endpoint;
}

// A worker that writes through a proxy of its own.
async function startWorker(stage, endpoint, { failoverMs = FAILOVER } = {}) {
  const proxy = await recordingProxy(stage, endpoint);
  const run = stage.dynamirror([
    ...['replicate', `${endpoint}/Source`, `${proxy.endpoint}/Target`, '--lease-table', 'leases'],
    ...['--failover-time', `${failoverMs}ms`, '--idle-poll', '50ms', '--no-cloudwatch'],
    ...['--log-format', 'json', '--output', 'json'],
  ]);
  return { run, proxy };
}

const acquired = (worker, since = 0) =>
  logOf(worker).filter(({ message, at }) => message === 'lease acquired' && at >= since);

// Rows of shards that are being read, by owner.
async function owners(endpoint) {
  const rows = await scanAll(endpoint, 'leases').catch(() => []); // not made yet
  const open = rows.filter((row) => row.checkpoint.S !== 'SHARD_END');
  return { count: open.length, owners: open.map((row) => row.leaseOwner?.S ?? null) };
}

// Whether every lease has had the same owner for the time in which one that was asked for is handed over.
async function settledOwners(endpoint) {
  const before = (await owners(endpoint)).owners;
  await sleep(FAILOVER);
  const after = (await owners(endpoint)).owners;
  return after.every((name, i) => name !== null && name === before[i]);
}

async function stopCleanly(...workers) {
  for (const { run } of workers) run.kill('SIGTERM');
  for (const { run } of workers) {
    await run.waitForExit(8);
    assert.deepEqual(run.ended, { code: 0, signal: null }, run.lastWords());
    assertSummary(run);
  }
}

scenario(
  'three workers, one killed, one stopped beyond its leases, one late: nothing is lost, nothing written too late',
  async (stage) => {
    const endpoint = await stand(stage);
    const a = await startWorker(stage, endpoint);
    const b = await startWorker(stage, endpoint);
    const writing = keepWriting(endpoint, { keys: KEYS, perSecond: 200 });
    const shared = async () => {
      const now = await owners(endpoint);
      return now.count === SHARDS && now.owners.every(Boolean) && new Set(now.owners).size === 2;
    };
    await until(shared, 30, 'both workers have leases');
    await until(() => acquired(a).length >= SHARDS / 2 && acquired(b).length >= SHARDS / 2, 30, 'both read');

    const killedAt = Date.now();
    a.run.kill('SIGKILL');
    const owner = () => owners(endpoint).then((now) => new Set(now.owners).size === 1 && now.owners.every(Boolean));
    await until(owner, 30, 'the survivor has all leases');
    const tookMs = Math.max(...acquired(b, killedAt).map(({ at }) => at)) - killedAt;
    assert.ok(tookMs <= FAILOVER + POLL + SLACK, `fail-over took ${tookMs} ms`);

    const c = await startWorker(stage, endpoint);
    await until(shared, 30, 'the late worker has its share');

    b.run.kill('SIGSTOP');
    const takenOver = async () => new Set((await owners(endpoint)).owners).size === 1;
    await until(takenOver, 30, 'the leases of the stopped worker are taken');
    await sleep(FAILOVER); // the one that was late to the party has written by now
    const wokenAt = Date.now();
    b.run.kill('SIGCONT');
    const back = await until(() => acquired(b, wokenAt)[0], 30, 'the stopped worker has a lease again');
    const tooLate = b.proxy.writes.filter((at) => at >= wokenAt && at < back.at);
    assert.deepEqual(tooLate, [], 'writes of the woken worker before it had a lease');
    assert.ok(logOf(b).some(({ message, at }) => message === 'lease lost' && at >= wokenAt), 'it knows what it lost');

    await until(() => writing.changes() > 500, 60, 'enough was changed meanwhile');
    await writing.stop();
    await until(() => equalTables(endpoint), 30, 'target equals source');
    // A lease that one of them has just asked for would be handed to a worker that is gone.
    await until(() => settledOwners(endpoint), 30, 'nobody asks for a lease any more');
    await stopCleanly(b, c);
    const rows = await owners(endpoint);
    assert.ok(rows.owners.every((name) => name === null), `given up: ${rows.owners}`);
    assert.ok(await equalTables(endpoint));
  },
  { seconds: 180 },
);

scenario('a worker that is stopped as asked gives its leases up: the next takes them at once', async (stage) => {
  const endpoint = await stand(stage);
  const first = await startWorker(stage, endpoint, { failoverMs: 30_000 });
  await call(endpoint, 'PutItem', { TableName: 'Source', Item: { id: { S: 'a' } } });
  await until(() => equalTables(endpoint), 30, 'target equals source');
  await stopCleanly(first);

  await call(endpoint, 'PutItem', { TableName: 'Source', Item: { id: { S: 'b' } } });
  const second = await startWorker(stage, endpoint, { failoverMs: 30_000 });
  const begun = Date.now();
  await until(() => equalTables(endpoint), 20, 'target equals source');
  assert.ok(Date.now() - begun < 15_000, 'no fail-over time was waited out');
  await stopCleanly(second);
  const summary = assertSummary(second.run);
  assert.equal(summary.read, 1, 'only what came after the checkpoint');
});

scenario('a lease table that cannot be shared is refused with the reason', async (stage) => {
  const endpoint = await stand(stage);
  const key = (...names) => names.map((AttributeName, i) => ({ AttributeName, KeyType: ['HASH', 'RANGE'][i] }));
  const texts = (...names) => names.map((AttributeName) => ({ AttributeName, AttributeType: 'S' }));
  const make = async (TableName, ...names) => {
    await call(endpoint, 'CreateTable', {
      ...{ TableName, BillingMode: 'PAY_PER_REQUEST' },
      ...{ AttributeDefinitions: texts(...names), KeySchema: key(...names) },
    });
    const isActive = async () => (await call(endpoint, 'DescribeTable', { TableName })).Table.TableStatus === 'ACTIVE';
    await until(isActive, 10, `${TableName} is active`);
  };
  const refused = async (table) => {
    const run = await stage.run(['replicate', `${endpoint}/Source`, `${endpoint}/Target`, '--lease-table', table]);
    assert.notEqual(run.ended.code, 0);
    const said = complaints(run);
    assert.equal(said.length, 1, run.lastWords());
    return said[0];
  };
  await make('consumers', 'type', 'id'); // the table of the Kinesis client for Node.js
  assert.match(await refused('consumers'), /consumers.*leaseKey/);

  await make('assigned', 'leaseKey');
  await make('assigned-CoordinatorState', 'key');
  const Item = { key: { S: 'Migration3.0' }, cv: { S: 'CLIENT_VERSION_3X' }, mb: { S: 'w' }, mts: { N: '1' }, h: { L: [] } };
  await call(endpoint, 'PutItem', { TableName: 'assigned-CoordinatorState', Item });
  assert.match(await refused('assigned'), /assigned.*leader/);
});
