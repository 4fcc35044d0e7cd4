// SPDX-License-Identifier: Apache-2.0
// Goal: after catching up, target and source are equal by an independent comparison, and no change is counted twice or
// not at all, whatever happens on the way.
// Method: a seeded workload of puts, updates, deletes and re-inserts with values of every type changes a table on
// DynamoDB Local. Three replications follow that one stream while it grows, each with a state file and a target of its
// own, and then each catches up:
//   plain    is stopped with SIGTERM when the workload ends;
//   killed   is killed with SIGKILL at 20 random moments, and started again each time;
//   faulty   reads and writes through proxies that make every fault a client must survive.
//
// DYNAMIRROR_E2E_CHANGES is the number of changes over all tables (default 8000, at a tenth of as many keys). The full
// size, 200,000 changes over 20,000 keys, is `./dev test --full`.
// DYNAMIRROR_E2E_SEED repeats the workload, the moments of the kills and the faults of an earlier run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../tools/lib/random.mjs';
import { expiringProxy } from './support/aws_servers.mjs';
import { assertClean, assertSummary } from './support/expect.mjs';
import { scenario, statisticsOf } from './support/stage.mjs';
import { createTable } from './support/tables.mjs';

const CHANGES = Number(process.env.DYNAMIRROR_E2E_CHANGES ?? 8_000);
const SEED = Number(process.env.DYNAMIRROR_E2E_SEED ?? Date.now() % 1_000_000);
const TABLES = [
  { name: 'a hash-only table', schema: 'id:N' },
  { name: 'a composite table', schema: 'pk:S,sk:B' },
];
const CHANGES_PER_TABLE = Math.ceil(CHANGES / TABLES.length);
const RATE = 250; // changes a second, which leaves DynamoDB Local time for its readers
const EXIT_STOPPED_EARLY = 10;
const STOP_SECONDS = 5;
// Bounds, not durations: DynamoDB Local on two busy cores may take as long.
const WORK_SECONDS = 120 + CHANGES_PER_TABLE / 20;

const KILLS = 20;
// Every other kill counts from the start of the process, the rest from the start of its reading and over the interval
// between two checkpoints, which is a second. A long workload is killed all along.
const KILL_EARLY_MS = 1_200;
const KILL_LATE_MS = Math.max(2_500, Math.ceil((3_000 * CHANGES_PER_TABLE) / RATE / KILLS));

// Expired tokens come from a proxy of their own: two of them for one request would mean that the keys really expired.
const FAULTS = [
  'internal-error,unavailable-html,provisioned-throughput,throttling,limit-exceeded,unprocessed-some,unprocessed-all',
  'close-before,close-after,half-answer,wrong-crc,expired-iterator,empty-page,slow',
].join(',');
const ENOUGH_FOR_EVERY_FAULT = 8_000; // changes
const EXPIRE_EVERY_MS = 2_000;
const FAULTY = {
  source: { rate: '0.25', operations: 'GetRecords,GetShardIterator,DescribeStream' },
  target: { rate: '0.25', operations: 'BatchWriteItem,PutItem,DeleteItem' },
};
const happened = {}; // kind -> how often, over all tables and both sides

function replicate(stage, { source, target, state }, more = []) {
  return stage.dynamirror([
    ...['replicate', source, target, '--create-target', '--idle-poll', '50ms'],
    ...['--state', stage.path(state), '--output', 'json', '--log-format', 'json', ...more],
  ]);
}

async function catchUp(stage, side, more = []) {
  const run = replicate(stage, side, ['--stop-when-caught-up', ...more]);
  await run.waitForExit(WORK_SECONDS);
  const summary = assertClean(run);
  assert.equal(summary.caught_up, true);
  return summary;
}

// Runs until the workload has ended; resolves to the summary. A target that fails may make the stop an early one.
async function runLive(stage, side, workload, { mayStopEarly = false } = {}) {
  const live = replicate(stage, side);
  await Promise.race([workload, live.exited]);
  live.kill('SIGTERM');
  await live.waitForExit(STOP_SECONDS);
  return mayStopEarly && live.ended.code === EXIT_STOPPED_EARLY ? assertSummary(live) : assertClean(live);
}

async function runAndKill(stage, side, workload) {
  const random = new Random(SEED, 1);
  for (let kill = 1; kill <= KILLS; kill++) {
    const late = kill % 2 === 0;
    const victim = replicate(stage, side);
    if (late) await victim.waitUntil((self) => self.stderr.includes('"replicating"'), WORK_SECONDS, 'start');
    await Promise.race([victim.exited, sleep(random.below(late ? KILL_LATE_MS : KILL_EARLY_MS))]);
    victim.kill('SIGKILL');
    const { code, signal } = await victim.waitForExit(STOP_SECONDS);
    assert.equal(signal, 'SIGKILL', `start ${kill} ended by itself with ${code}:\n${victim.lastWords()}`);
  }
  await workload;
}

// Resolves to the same side, but reached through faults, and `faults()`, which ends the proxies and counts their faults.
async function throughFaults(stage, { source, target, state }) {
  const spoil = async (url, { rate, operations }, seed) => {
    const { origin, pathname } = new URL(url);
    const expiring = await expiringProxy(stage, { to: origin, everyMs: EXPIRE_EVERY_MS });
    const options = ['--seed', `${seed}`, '--fault-rate', rate, '--operations', operations, '--kinds', FAULTS];
    const proxy = await stage.faultProxy(['--target', expiring.endpoint, ...options]);
    const faults = async () => ({ ...(await statisticsOf(proxy)).faults, 'expired-token': expiring.expired });
    return { url: proxy.endpoint + pathname, faults };
  };
  const [from, to] = await Promise.all([spoil(source, FAULTY.source, SEED), spoil(target, FAULTY.target, SEED + 1)]);
  const faults = async () => ({ source: await from.faults(), target: await to.faults() });
  return { side: { source: from.url, target: to.url, state }, faults };
}

async function assertEqualTables(stage, { source, target }) {
  const args = ['--source', source, '--target', target];
  const compared = await stage.runTool('compare', args, { seconds: WORK_SECONDS, accept: [0, 1] });
  assert.equal(compared.differences, 0, `${target}: ${JSON.stringify(compared)}`);
  assert.ok(compared.source_items > 0);
  return compared;
}

for (const { name, schema } of TABLES) {
  scenario(
    `the targets of ${name} equal it after live changes, after ${KILLS} kills, and after faults of every kind`,
    async (stage, t) => {
      t.diagnostic(`repeat with DYNAMIRROR_E2E_CHANGES=${CHANGES} DYNAMIRROR_E2E_SEED=${SEED}`);
      const [from, to] = await Promise.all([stage.dynamoDbLocal('source'), stage.dynamoDbLocal('target')]);
      const source = `${from}/Changes`;
      const side = (target) => ({ source, target: `${to}/${target}`, state: `${target}.state` });
      const [plain, killed, direct] = [side('Plain'), side('Killed'), side('Faulty')];
      await createTable(source, schema);
      const { side: faulty, faults } = await throughFaults(stage, direct);

      const workload = stage.runTool(
        'workload',
        [
          ...['--target', source, '--changes', `${CHANGES_PER_TABLE}`, '--seed', `${SEED}`],
          ...['--keys', `${Math.ceil(CHANGES_PER_TABLE / 10)}`, '--rate', `${RATE}`],
          ...['--batch', '4', '--large-rate', '0.002'],
        ],
        { seconds: WORK_SECONDS },
      );
      const [made, plainLive, faultyLive] = await Promise.all([
        workload,
        runLive(stage, plain, workload),
        runLive(stage, faulty, workload, { mayStopEarly: true }),
        runAndKill(stage, killed, workload),
      ]);
      t.diagnostic(`workload: ${JSON.stringify(made)}`);

      const plainRest = await catchUp(stage, plain);
      const killedRest = await catchUp(stage, killed);
      const faultyRest = await catchUp(stage, faulty);
      const counts = await faults();
      t.diagnostic(`faults: ${JSON.stringify(counts)}; retries ${faultyLive.retries + faultyRest.retries}`);
      for (const side of Object.values(counts)) {
        for (const [kind, count] of Object.entries(side)) happened[kind] = (happened[kind] ?? 0) + count;
      }

      for (const each of [plain, killed, direct]) {
        const { source_items: items } = await assertEqualTables(stage, each);
        t.diagnostic(`equal: ${items} items in ${each.target}`);
      }

      const { read: total } = await catchUp(stage, { ...plain, state: 'none' }, ['--dry-run']);
      assert.ok(plainLive.applied > 0 && faultyLive.applied > 0, 'they worked beside the workload');
      assert.equal(plainLive.read + plainRest.read, total, 'a clean stop makes nobody read a change twice or never');
      assert.ok(faultyLive.read + faultyRest.read >= total, 'faults make nobody leave out a change');
      assert.ok(killedRest.read < total, 'after kills, the last start goes on from a checkpoint');
    },
    { seconds: 6 * WORK_SECONDS },
  );
}

test('every kind of fault did happen on the way', (t) => {
  if (CHANGES < ENOUGH_FOR_EVERY_FAULT) return t.skip('too few changes');
  for (const kind of [...FAULTS.split(','), 'expired-token']) assert.ok(happened[kind] > 0, kind);
});
