// SPDX-License-Identifier: Apache-2.0
// Goal: an operator sees what becomes of leases, and what they do by hand reaches the leases they mean and no others.
// Method: lease tables on DynamoDB Local with rows as KCL's and our workers write them, some of them kept alive by a
// worker that is played here; the rows are read back with AWS's own SDK.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertRefused } from './support/expect.mjs';
import { LOCAL_KEYS, scenario, shared } from './support/stage.mjs';
import { createTable, itemsOf, put } from './support/tables.mjs';
import { UpdateItemCommand } from '../tools/lib/sdk.mjs';

const EXIT = { usage: 2, notReady: 3, state: 6, stoppedEarly: 10 };
const FAILOVER = ['--failover-time', '1s'];
const server = shared('lease commands', (stage) => stage.dynamoDbLocal());
let count = 0;

// A row as KCL 1.7.5 writes it.
const row = (key, { owner, checkpoint = 'TRIM_HORIZON', counter = 5, ...more } = {}) => ({
  leaseKey: { S: key },
  leaseCounter: { N: String(counter) },
  ownerSwitchesSinceCheckpoint: { N: '2' },
  checkpoint: { S: checkpoint },
  checkpointSubSequenceNumber: { N: '0' },
  ...(owner ? { leaseOwner: { S: owner } } : {}),
  ...more,
});

const FOREIGN = { leaseKey: { S: 'worker-1' }, entityType: { S: 'WORKER_METRIC_STATS' }, lut: { N: '17' } };

async function leaseTable(...rows) {
  const table = await createTable(`${server()}/leases${++count}`, 'leaseKey:S', { view: null });
  for (const each of rows) await put(table, each);
  return table;
}

async function rowsOf(table) {
  return Object.fromEntries((await itemsOf(table)).map((item) => [item.leaseKey.S, item]));
}

// Renews a lease as its owner does, until told to stop.
function keepAlive(table, key) {
  let going = true;
  const renewing = (async () => {
    while (going) {
      await table.send(
        new UpdateItemCommand({
          TableName: table.name,
          Key: { leaseKey: { S: key } },
          UpdateExpression: 'ADD leaseCounter :one',
          ConditionExpression: 'attribute_exists(leaseOwner)',
          ExpressionAttributeValues: { ':one': { N: '1' } },
        }),
      );
      await sleep(100);
    }
  })().catch(() => {}); // the lease was taken away
  return async () => {
    going = false;
    await renewing;
  };
}

async function succeed(stage, args, options) {
  const run = await stage.run(['leases', ...args], options);
  assert.deepEqual(run.ended, { code: 0, signal: null }, run.lastWords());
  return run;
}

const refused = async (stage, args, code, ...says) =>
  assertRefused(await stage.run(['leases', ...args]), { code, says });

scenario('list tells living owners from dead ones, and says what is whose', async (stage) => {
  const table = await leaseTable(
    row('shard-1', { owner: 'alive' }),
    row('shard-2', { owner: 'dead', checkpoint: '123' }),
    row('shard-3'),
    row('shard-4', { owner: 'alive', checkpoint: 'SHARD_END' }),
    row('shard-5', { owner: 'next', checkpointOwner: { S: 'alive' } }),
    FOREIGN,
  );
  const stop = keepAlive(table, 'shard-1');
  const run = await succeed(stage, ['list', table.url, ...FAILOVER, '--output', 'json']);
  const text = await succeed(stage, ['list', table.url, ...FAILOVER, '--watch-for', '1100ms']);
  await stop();
  const listing = run.json();
  const states = Object.fromEntries(listing.leases.map(({ key, state }) => [key, state]));
  assert.deepEqual(states, {
    'shard-1': 'running',
    'shard-2': 'silent',
    'shard-3': 'unowned',
    'shard-4': 'finished',
    'shard-5': 'handing over',
  });
  assert.deepEqual(listing.workers, { alive: 2, dead: 1 });
  assert.deepEqual([listing.unowned, listing.finished, listing.foreign_rows], [1, 1, 1]);
  assert.ok(listing.consumed_read_units > 0 && listing.watched_ms >= 333);
  const [first] = listing.leases;
  assert.ok(first.renewals >= 1 && first.owner_switches === 2 && first.lag === null, JSON.stringify(first));

  assert.match(text.stdout, /^shard-1 +alive +TRIM_HORIZON +running +\+\d/m);
  assert.match(text.stdout, /^shard-2 +dead +123 +expired +\+0/m);
  assert.match(text.stdout, /^shard-5 +alive +TRIM_HORIZON +handing over to next/m);
  assert.match(text.stdout, /: 5 leases: 2 of alive, 1 of dead, 1 unowned, 1 finished; rows that are no leases: 1; /);
});

scenario('list looks once when that is all there is to see', async (stage) => {
  const table = await leaseTable(row('shard-1'));
  const { leases, watched_ms: watched } = (await succeed(stage, ['list', table.url, '--output', 'json'])).json();
  assert.equal(watched, null);
  assert.equal(leases[0].renewals, null);
  const empty = await leaseTable();
  assert.match((await succeed(stage, ['list', empty.url])).stdout, /: 0 leases: 0 finished/);
});

scenario('list says how far leases are behind, from the stream', async (stage) => {
  const source = `${server()}/Streamed${++count}`;
  const streamed = await createTable(source, 'id:S');
  await createTable(`${source}Copy`, 'id:S', { view: null });
  await put(streamed, { id: { S: 'one' } });
  const leases = `${source}Leases`;
  const replicate = ['replicate', source, `${source}Copy`, '--lease-table', leases.split('/').pop(), '--no-cloudwatch'];
  const worker = await stage.run([...replicate, '--stop-when-caught-up', '--failover-time', '1s']);
  assert.equal(worker.ended.code, 0, worker.lastWords());

  const lags = async () => {
    const run = await succeed(stage, ['list', leases, '--stream-of', source, '--output', 'json']);
    return run.json().leases.map(({ lag }) => lag.state);
  };
  assert.deepEqual(await lags(), ['caught up']);
  await put(streamed, { id: { S: 'two' } });
  assert.deepEqual(await lags(), ['behind']);
  const text = await succeed(stage, ['list', leases, '--stream-of', source]);
  assert.match(text.stdout, /BEHIND\n.* unowned .*(ms|s|min)\n/);
});

scenario('a worker of ours is seen at work, and notices what is done to its lease', async (stage) => {
  const source = `${server()}/Lively${++count}`;
  const streamed = await createTable(source, 'id:S');
  const copy = await createTable(`${source}Copy`, 'id:S', { view: null });
  const leases = `${source}Leases`;
  const failover = ['--failover-time', '2s'];
  const replicate = ['replicate', source, copy.url, '--lease-table', leases.split('/').pop(), '--no-cloudwatch'];
  const worker = stage.dynamirror([...replicate, ...failover, '--idle-poll', '50ms', '--output', 'json']);
  const copied = async (...ids) => {
    while ((await itemsOf(copy)).length !== ids.length) await sleep(50);
  };
  const acquired = () => worker.stderr.match(/lease acquired/g)?.length ?? 0;
  await put(streamed, { id: { S: 'one' } });
  await copied('one');

  const list = ['list', leases, ...failover, '--stream-of', source, '--output', 'json'];
  let seen;
  do {
    seen = (await succeed(stage, list)).json(); // a checkpoint is written with a renewal, soon after the change
    assert.deepEqual(seen.leases.map(({ state }) => state), ['running']);
  } while (seen.leases[0].lag.state !== 'caught up');
  const [{ key, owner }] = seen.leases;
  assert.match(owner, /^dynamirror-/);
  await refused(stage, ['reset', leases, key, '--yes', ...failover], EXIT.state, owner);

  const had = acquired();
  await succeed(stage, ['release', leases, key, '--yes']);
  await worker.waitUntil(() => /lease lost/.test(worker.stderr) && acquired() > had, 30, 'the lease lost and taken again');
  await put(streamed, { id: { S: 'two' } });
  await copied('one', 'two');

  await succeed(stage, ['reset', leases, key, '--force', '--yes', ...failover]);
  await worker.waitUntil(() => acquired() > had + 1, 30, 'the lease taken once more');
  await worker.waitUntil((self) => self.stderr.match(/from=TRIM_HORIZON/g).length > 1, 30, 'a new beginning');
  await put(streamed, { id: { S: 'three' } });
  await copied('one', 'two', 'three');
  worker.kill('SIGTERM');
  await worker.waitForExit(10);
  assert.equal(worker.ended.code, 0, worker.lastWords());
  assert.ok(worker.json().read >= 5, 'one and two were read twice');
});

scenario('show prints a whole row and what it means', async (stage) => {
  const table = await leaseTable(
    row('shard-1', { owner: 'w', parentShardId: { SS: ['shard-0'] }, future: { M: { a: { N: '1' } } } }),
    FOREIGN,
  );
  const { stdout } = await succeed(stage, ['show', table.url, 'shard-1']);
  assert.match(stdout, /^leaseOwner \(S\) +w\n +the worker that has it/m);
  assert.match(stdout, /^parentShardId \(SS\) +\["shard-0"\]$/m);
  assert.match(stdout, /^future \(M\) +\{"a":\{"N":"1"\}\}\n +\(not known/m);
  const raw = (await succeed(stage, ['show', table.url, 'shard-1', '--output', 'json'])).json();
  assert.deepEqual(raw.item, (await rowsOf(table))['shard-1']);
  assert.equal(raw.is_lease, true);
  const foreign = await succeed(stage, ['show', table.url, 'worker-1']);
  assert.match(foreign.stdout, /^lut \(N\) +17/m);
  assert.match(foreign.stdout, /no lease/);
  await refused(stage, ['show', table.url, 'shard-9'], EXIT.notReady, 'shard-9', table.name, 'leases list');
  await refused(stage, ['show', table.url], EXIT.usage, 'KEY');
});

scenario('release takes owners off, and moves the counter so that they notice', async (stage) => {
  const before = [
    row('shard-1', { owner: 'a', future: { S: 'kept' } }),
    row('shard-2', { owner: 'a' }),
    row('shard-3', { owner: 'b' }),
    row('shard-4', { owner: 'a', checkpoint: 'SHARD_END' }),
    row('shard-5'),
  ];
  const table = await leaseTable(...before);
  const rehearsed = await succeed(stage, ['release', table.url, '--all', '--dry-run']);
  assert.equal(rehearsed.stdout.split('\n').filter((line) => /would be released/.test(line)).length, 3);
  assert.deepEqual(await rowsOf(table), Object.fromEntries(before.map((each) => [each.leaseKey.S, each])));

  const one = await succeed(stage, ['release', table.url, 'shard-1', '--yes']);
  assert.equal(one.stdout, "shard-1: released (was a's)\n");
  assert.match(one.stderr, /writes on until its next renewal/);
  const { leaseOwner, ...free } = before[0];
  assert.deepEqual((await rowsOf(table))['shard-1'], { ...free, leaseCounter: { N: '6' } });

  const owned = await succeed(stage, ['release', table.url, '--owner', 'a', '--yes', '--output', 'json']);
  assert.deepEqual(owned.json().leases, [{ key: 'shard-2', done: true, said: "released (was a's)" }]);
  const rows = await rowsOf(table);
  assert.equal(rows['shard-3'].leaseOwner.S, 'b');
  assert.equal(rows['shard-4'].leaseOwner.S, 'a', 'finished leases stay with their owner');
  assert.deepEqual(rows['shard-5'], before[4]);
  await refused(stage, ['release', table.url, '--owner', 'c', '--yes'], EXIT.notReady, 'c', table.name);
});

scenario('release takes a lease off an owner that renews it', async (stage) => {
  const table = await leaseTable(row('shard-1', { owner: 'a' }));
  const stop = keepAlive(table, 'shard-1');
  await succeed(stage, ['release', table.url, 'shard-1', '--yes']);
  await stop();
  assert.equal((await rowsOf(table))['shard-1'].leaseOwner, undefined);
});

scenario('reset sets checkpoints of leases whose owners are gone, and only of those', async (stage) => {
  const table = await leaseTable(
    row('shard-1', { owner: 'alive', checkpoint: '111' }),
    row('shard-2', { owner: 'dead', checkpoint: '222', pendingCheckpoint: { S: '333' } }),
    FOREIGN,
  );
  const stop = keepAlive(table, 'shard-1');
  const reset = (...args) => ['reset', table.url, ...args, ...FAILOVER];
  await refused(stage, reset('--all', '--yes'), EXIT.state, '1 of 2', 'alive', '--force');
  await refused(stage, reset('shard-1', '--yes', '--to', 'latest'), EXIT.state, 'alive');
  const one = await succeed(stage, reset('shard-2', '--to', '00000000000000000000444', '--yes'));
  assert.equal(one.stdout, "shard-2: set to 00000000000000000000444 (was dead's, at 222)\n");
  let rows = await rowsOf(table);
  assert.deepEqual(rows['shard-2'], {
    ...row('shard-2', { checkpoint: '00000000000000000000444', counter: 6 }),
    ownerSwitchesSinceCheckpoint: { N: '0' },
  });
  assert.equal(rows['shard-1'].checkpoint.S, '111');

  await succeed(stage, reset('shard-1', '--to', 'latest', '--force', '--yes'));
  await stop();
  rows = await rowsOf(table);
  assert.deepEqual([rows['shard-1'].checkpoint.S, rows['shard-1'].leaseOwner], ['LATEST', undefined]);

  await succeed(stage, reset('--all', '--yes'));
  rows = await rowsOf(table);
  assert.deepEqual([rows['shard-1'].checkpoint.S, rows['shard-2'].checkpoint.S], ['TRIM_HORIZON', 'TRIM_HORIZON']);
  assert.deepEqual(rows['worker-1'], FOREIGN);
});

scenario('reset --all --delete removes leases, and no other rows', async (stage) => {
  const table = await leaseTable(
    row('shard-1', { owner: 'dead', checkpointOwner: { S: 'dead, too' } }),
    row('copy/0123456789abcdef/4/1', { checkpoint: '{"id":{"S":"x"}}' }),
    FOREIGN,
  );
  await refused(stage, ['reset', table.url, '--all', '--yes', ...FAILOVER], EXIT.usage, 'copy/', '--delete');
  const rehearsed = await succeed(stage, ['reset', table.url, '--all', '--delete', '--dry-run', ...FAILOVER]);
  assert.match(rehearsed.stdout, /shard-1: would be removed/);
  assert.equal((await itemsOf(table)).length, 3);
  const once = ['reset', table.url, '--all', '--delete', '--yes', '--watch-for', '0s'];
  await refused(stage, once, EXIT.state, 'dead', '--force');
  const run = await succeed(stage, ['reset', table.url, '--all', '--delete', '--yes', ...FAILOVER, '--output', 'json']);
  assert.equal(run.json().done, 2);
  assert.deepEqual(await itemsOf(table), [FOREIGN]);
});

scenario('what changes leases asks at a terminal', async (stage) => {
  const table = await leaseTable(row('shard-1', { owner: 'a' }));
  const binary = stage.dynamirror(['--version']);
  const path = binary.name;
  await binary.waitForExit(20);
  const atTerminal = async (answer) => {
    const command = `printf '${answer}' | script -qec '${path} leases release ${table.url} shard-1' /dev/null`;
    const shell = stage.start('terminal', '/bin/sh', ['-c', command], { env: LOCAL_KEYS });
    await shell.waitForExit(30);
    assert.match(shell.stdout, /release 1 lease of .*, owned by a .*\? \[y\/N\]/);
    return shell;
  };
  assert.equal((await atTerminal('n\\n')).ended.code, EXIT.stoppedEarly);
  assert.equal((await rowsOf(table))['shard-1'].leaseOwner.S, 'a');
  assert.equal((await atTerminal('y\\n')).ended.code, 0);
  assert.equal((await rowsOf(table))['shard-1'].leaseOwner, undefined);
});

scenario('leases in a file are looked after in the same way', async (stage) => {
  const source = `${server()}/Filed${++count}`;
  await put(await createTable(source, 'id:S'), { id: { S: 'one' } });
  await createTable(`${source}Copy`, 'id:S', { view: null });
  const file = `file:${join(stage.folder, 'leases.db')}`;
  const worker = ['replicate', source, `${source}Copy`, '--lease-table', file, '--stop-when-caught-up'];
  assert.equal((await stage.run(worker)).ended.code, 0);
  const { leases, consumed_read_units: units } = (await succeed(stage, ['list', file, '--output', 'json'])).json();
  assert.deepEqual([leases.length, leases[0].state, units], [1, 'unowned', null]);
  assert.match((await succeed(stage, ['show', file, leases[0].key])).stdout, /^checkpoint \(S\) +\d+$/m);
  await succeed(stage, ['reset', file, leases[0].key, '--yes']);
  const again = await succeed(stage, ['list', file, '--output', 'json']);
  assert.equal(again.json().leases[0].checkpoint, 'TRIM_HORIZON');
  await refused(stage, ['list', 'file:/nowhere/leases.db'], EXIT.notReady, '/nowhere/leases.db');
});

scenario('what is wrong with the command line or the table is one line', async (stage) => {
  const table = await leaseTable(row('shard-1', { owner: 'a' }));
  const other = await createTable(`${server()}/NoLeases${++count}`, 'id:S', { view: null });
  const node = await createTable(`${server()}/OfNode${++count}`, 'type:S,id:S', { view: null });
  await refused(stage, ['list', `${server()}/Missing`], EXIT.notReady, 'Missing');
  await refused(stage, ['list', other.url], EXIT.usage, other.name, 'leaseKey');
  await refused(stage, ['list', node.url], EXIT.usage, 'node.js');
  await refused(stage, ['list', 'OnlyAName'], EXIT.usage, 'OnlyAName', '--lease-region');
  await refused(stage, ['list'], EXIT.usage, 'TABLE');
  await refused(stage, ['list', table.url, '--source', `${server()}/A`], EXIT.usage, '--target');
  await refused(stage, ['list', table.url, '--watch-for', 'soon'], EXIT.usage, '--watch-for', 'soon');
  await refused(stage, ['list', table.url, '--stream-of', other.url], EXIT.notReady, 'stream');
  await refused(stage, ['release', table.url, '--all'], EXIT.usage, '--yes');
  await refused(stage, ['release', table.url, '--yes'], EXIT.usage, 'KEY, --owner or --all');
  await refused(stage, ['release', table.url, 'shard-1', '--all', '--yes'], EXIT.usage, 'one of');
  await refused(stage, ['release', table.url, 'shard-9', '--yes'], EXIT.notReady, 'shard-9');
  await refused(stage, ['reset', table.url, 'shard-1'], EXIT.usage, '--yes');
  await refused(stage, ['reset', table.url, 'shard-1', '--to', '12x', '--yes'], EXIT.usage, '12x', 'sequence number');
  await refused(stage, ['reset', table.url, '--all', '--to', '12', '--yes'], EXIT.usage, 'KEY');
  await refused(stage, ['reset', table.url, 'shard-1', '--delete', '--yes'], EXIT.usage, '--all');
  assert.deepEqual(await rowsOf(table), { 'shard-1': row('shard-1', { owner: 'a' }) });
});

scenario("the table of awslabs' tool is found by the tables it replicates", async (stage) => {
  // MD5 of "localOrderslocalCopies": servers of their own are in the region "local".
  const name = 'DynamoDBCrossRegionReplicatione24efd2c12c8bffd7586adf85d307764';
  const table = await createTable(`${server()}/${name}`, 'leaseKey:S', { view: null });
  await put(table, row('shard-1', { owner: 'worker' }));
  const tables = ['--source', `${server()}/Orders`, '--target', `${server()}/Copies`];
  const { leases } = (await succeed(stage, ['list', ...tables, '--watch-for', '0s', '--output', 'json'])).json();
  assert.deepEqual(leases.map(({ key, state }) => [key, state]), [['shard-1', 'owned']]);
  assert.match((await succeed(stage, ['show', 'shard-1', ...tables])).stdout, /leaseOwner \(S\) +worker/);
  await succeed(stage, ['release', 'shard-1', ...tables, '--yes']);
  await refused(stage, ['list', table.url, ...tables], EXIT.usage, 'not both');
});
