// SPDX-License-Identifier: Apache-2.0
// Goal: copies and initial loads, killed with SIGKILL at random moments, leave a target that equals the source by an
// independent comparison, and what the program says about itself is true.
// Method: the binary on DynamoDB Local. A write budget makes a small table take long enough to be killed in mid-copy.
//
// DYNAMIRROR_E2E_SEED repeats the items and the moments of the kills.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../tools/lib/random.mjs';
import { assertClean, complaints } from './support/expect.mjs';
import { scenario } from './support/stage.mjs';
import { createTable, put } from './support/tables.mjs';

const SEED = Number(process.env.DYNAMIRROR_E2E_SEED ?? Date.now() % 1_000_000);
const KILLS = 5;
const SECONDS = 150;
const EXIT = { ok: 0, usage: 2, notReady: 3, state: 6, stoppedEarly: 10 };

function fill(stage, url, { changes, keys, rate }) {
  const args = ['--target', url, '--changes', `${changes}`, '--seed', `${SEED}`, '--keys', `${keys}`, '--batch', '4'];
  return stage.runTool('workload', rate ? [...args, '--rate', `${rate}`] : args, { seconds: SECONDS });
}

async function assertEqual(stage, source, target) {
  const args = ['--source', source, '--target', target];
  const compared = await stage.runTool('compare', args, { seconds: SECONDS, accept: [0, 1] });
  assert.equal(compared.differences, 0, JSON.stringify(compared));
  assert.ok(compared.source_items > 0);
  return compared.source_items;
}

// One JSON object on stdout whose counters add up.
function copySummary(run) {
  const summary = JSON.parse(run.stdout);
  const { read, written, superseded, dead_lettered, in_flight } = summary;
  assert.equal(read, written + superseded + dead_lettered + in_flight, run.stdout);
  assert.equal(summary.exit_code, run.ended.code);
  assert.ok(summary.requests > 0, run.stdout);
  return summary;
}

// What the last run says of its part of the load; null when the load had ended before.
function assertLoad(load) {
  if (load === null) return;
  assert.equal(load.phase, 'done');
  const { read, written, superseded, dead_lettered, in_flight } = load;
  assert.equal(read, written + superseded + dead_lettered + in_flight);
}

// Starts the command and kills it, KILLS times, so long after it has said that it is at work.
async function killOften(start, stream, { said, earliestMs, latestMs }) {
  const random = new Random(SEED, stream);
  for (let kill = 0; kill < KILLS; kill++) {
    const victim = start();
    await victim.waitUntil((self) => said.test(self.stderr), SECONDS, 'start');
    await Promise.race([victim.exited, sleep(earliestMs + random.below(latestMs - earliestMs))]);
    victim.kill('SIGKILL');
    const { signal, code } = await victim.waitForExit(10);
    assert.equal(signal, 'SIGKILL', `ended by itself with ${code}:\n${victim.lastWords()}`);
  }
}

scenario(
  'a copy that is killed again and again goes on where it was',
  async (stage, t) => {
    t.diagnostic(`repeat with DYNAMIRROR_E2E_SEED=${SEED}`);
    const endpoint = await stage.dynamoDbLocal();
    const [source, target] = [`${endpoint}/Source`, `${endpoint}/Target`];
    await createTable(source, 'pk:S,sk:N', { view: null });
    await fill(stage, source, { changes: 3_000, keys: 2_000 });
    const args = ['copy-table', source, target, '--create-target', '--state', stage.path('state'), '--output', 'json'];

    const planned = await stage.run([...args, '--dry-run']);
    assert.equal(planned.ended.code, EXIT.ok, planned.lastWords());
    assert.match(planned.stderr, /read units/);

    await killOften(() => stage.dynamirror([...args, '--max-write-units', '120']), 1, {
      said: /info state file/,
      earliestMs: 1_500, // a position is saved once a second
      latestMs: 2_500,
    });
    const last = await stage.run(args, { seconds: SECONDS });
    assert.equal(last.ended.code, EXIT.ok, last.lastWords());
    const summary = copySummary(last);
    assert.equal(summary.resumed, true);
    const items = await assertEqual(stage, source, target);
    assert.ok(summary.written < items, 'what was copied before is not copied again');
    assert.equal(summary.in_flight, 0);
  },
  { seconds: 2 * SECONDS },
);

scenario('a copy of tables that are being replicated keeps positions of its own', async (stage) => {
  const endpoint = await stage.dynamoDbLocal();
  const [source, target] = [`${endpoint}/Source`, `${endpoint}/Target`];
  await createTable(source, 'id:S');
  await fill(stage, source, { changes: 100, keys: 60 });
  const replicate = ['replicate', source, target, '--create-target', '--initial-load', '--stop-when-caught-up'];
  const loaded = await stage.run(replicate, { seconds: SECONDS });
  assert.equal(loaded.ended.code, EXIT.ok, loaded.lastWords());
  // The remedy after a gap in the stream. Both commands use their default files.
  const copied = await stage.run(['copy-table', source, target, '--overwrite'], { seconds: SECONDS });
  assert.equal(copied.ended.code, EXIT.ok, copied.lastWords());
  const again = await stage.run(replicate, { seconds: SECONDS });
  assert.equal(again.ended.code, EXIT.ok, again.lastWords());
  await assertEqual(stage, source, target);
});

scenario(
  'a copy refuses a target with items, segments that do not exist, and a resume with other segments',
  async (stage) => {
    const endpoint = await stage.dynamoDbLocal();
    const [source, target] = [`${endpoint}/Source`, `${endpoint}/Target`];
    await createTable(source, 'id:S', { view: null });
    await fill(stage, source, { changes: 300, keys: 200 });
    const there = await createTable(target, 'id:S', { view: null });
    await put(there, { id: { S: 'here before' } });
    const args = ['copy-table', source, target, '--state', stage.path('state'), '--output', 'json'];

    const filled = await stage.run(args);
    assert.equal(filled.ended.code, EXIT.notReady);
    assert.match(complaints(filled)[0], /holds items already.*--overwrite/);
    const outside = await stage.run([...args, '--segment', '2', '--segments', '2']);
    assert.equal(outside.ended.code, EXIT.usage);

    const slow = stage.dynamirror([...args, '--overwrite', '--max-write-units', '20']);
    await slow.waitUntil((self) => self.stderr.includes('copying'), 20, 'start');
    slow.kill('SIGTERM');
    await slow.waitForExit(10);
    assert.equal(slow.ended.code, EXIT.stoppedEarly, slow.lastWords());
    const other = await stage.run([...args, '--split', '3']);
    assert.equal(other.ended.code, EXIT.state);
    assert.match(complaints(other)[0], /split 16/);
    const done = await stage.run(args);
    assert.equal(done.ended.code, EXIT.ok, done.lastWords());
  },
  { seconds: 2 * SECONDS },
);

for (const spool of [false, true]) {
  scenario(
    `a replication with an initial load ${spool ? 'and a spool ' : ''}survives kills while the table changes`,
    async (stage, t) => {
      t.diagnostic(`repeat with DYNAMIRROR_E2E_SEED=${SEED}`);
      const [from, to] = await Promise.all([stage.dynamoDbLocal('source'), stage.dynamoDbLocal('target')]);
      const [source, target] = [`${from}/Source`, `${to}/Target`];
      await createTable(source, 'id:N');
      await fill(stage, source, { changes: 1_500, keys: 1_000 });
      const args = [
        ...['replicate', source, target, '--create-target', '--initial-load', '--idle-poll', '50ms'],
        ...['--state', stage.path('state'), '--output', 'json', '--max-write-units', '120'],
        ...(spool ? ['--spool', stage.path('spool')] : []),
      ];
      const changing = fill(stage, source, { changes: 1_500, keys: 1_500, rate: 150 });
      await killOften(() => stage.dynamirror(args), spool ? 2 : 3, {
        said: /info (initial load|loading|replicating)/,
        earliestMs: 0,
        latestMs: 2_500,
      });
      await changing;
      const plain = ['replicate', source, target, '--state', stage.path('state'), '--stop-when-caught-up'];
      const without = await stage.run(plain, { seconds: SECONDS });
      if (without.ended.code !== EXIT.ok) assert.match(complaints(without)[0], /--initial-load/);
      const last = await stage.run([...args, '--stop-when-caught-up'], { seconds: SECONDS });
      assertLoad(assertClean(last).initial_load);
      await assertEqual(stage, source, target);
    },
    { seconds: 2 * SECONDS },
  );
}
