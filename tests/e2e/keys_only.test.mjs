// SPDX-License-Identifier: Apache-2.0
// Goal: a stream that tells the keys of changed items only (KEYS_ONLY, OLD_IMAGE) is replicated, and backed up, to the
// last change, by reading the items themselves.
// Method: live churn over few keys on DynamoDB Local, so that items change between their record and their read; a
// replication that is killed with SIGKILL again and again, and reads and writes through proxies that make faults; an
// independent comparison at the end.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../tools/lib/random.mjs';
import { assertClean, assertRefused } from './support/expect.mjs';
import { scenario, shared, statisticsOf } from './support/stage.mjs';
import { createTable, itemsOf, put, remove } from './support/tables.mjs';

const SEED = Number(process.env.DYNAMIRROR_E2E_SEED ?? Date.now() % 1_000_000);
const KEYS = 15;
const CHANGES = 1_500;
const KILLS = 8;
const KILL_MS = 1_500;
const SECONDS = 120;
const FAULTS = [
  'internal-error,unavailable-html,provisioned-throughput,throttling,unprocessed-some,unprocessed-all',
  'close-before,close-after,half-answer,wrong-crc,slow',
].join(',');

const endpoints = shared('keys-only', async (stage) => {
  const [source, target] = await Promise.all([stage.dynamoDbLocal('source'), stage.dynamoDbLocal('target')]);
  return { source, target };
});

async function churn(table, changes, random) {
  for (let i = 0; i < changes; i++) {
    const key = { id: { S: `key ${random.below(KEYS)}` } };
    const item = { ...key, n: { N: `${i}.50` }, text: { S: 'x'.repeat(random.below(2_000)) }, none: { M: {} } };
    await (random.below(4) === 0 ? remove(table, key) : put(table, item));
  }
}

async function through(stage, endpoint, operations) {
  const options = ['--seed', `${SEED}`, '--fault-rate', '0.2', '--kinds', FAULTS, '--operations', operations];
  return stage.faultProxy(['--target', endpoint, ...options]);
}

for (const view of ['KEYS_ONLY', 'OLD_IMAGE']) {
  scenario(`a stream of the view ${view} is replicated by reading the items (seed ${SEED})`, async (stage) => {
    const name = `Churn${view.replace('_', '')}`;
    const source = await createTable(`${endpoints().source}/${name}`, 'id:S', { view });
    const proxies = {
      source: await through(stage, endpoints().source, 'BatchGetItem,GetRecords'),
      target: await through(stage, endpoints().target, 'BatchWriteItem,PutItem,DeleteItem'),
    };
    const replicate = (...more) => stage.dynamirror([
      ...['replicate', `${proxies.source.endpoint}/${name}`, `${proxies.target.endpoint}/${name}`, '--create-target'],
      ...['--idle-poll', '50ms', '--state', stage.path('state'), '--output', 'json', ...more],
    ]);
    const random = new Random(SEED, 1);
    let writing = true;
    const workload = churn(source, CHANGES, new Random(SEED, 2)).finally(() => (writing = false));
    let kills = 0;
    while (writing || kills < KILLS) {
      const victim = replicate();
      await Promise.race([victim.exited, sleep(random.below(KILL_MS))]);
      victim.kill('SIGKILL');
      const { code, signal } = await victim.waitForExit(SECONDS);
      assert.equal(signal, 'SIGKILL', `ended by itself with ${code}:\n${victim.lastWords()}`);
      kills += 1;
    }
    await workload;
    await churn(source, KEYS, random); // something is left to be read, whatever the kills have let through
    const last = replicate('--stop-when-caught-up');
    await last.waitForExit(SECONDS);
    const summary = assertClean(last);
    assert.ok(summary.read > 0);
    assert.match(last.stderr, new RegExp(`keys of changed items only.*view_type=${view}`));
    assert.match(last.stderr, /items read by their keys.*read_units=[1-9]/);

    const args = ['--source', `${endpoints().source}/${name}`, '--target', `${endpoints().target}/${name}`];
    const compared = await stage.runTool('compare', args, { seconds: SECONDS, accept: [0, 1] });
    assert.equal(compared.differences, 0, JSON.stringify(compared));
    assert.ok(compared.source_items > 0);
    for (const side of Object.values(proxies)) {
      const { faults } = await statisticsOf(side);
      assert.ok(Object.values(faults).some((count) => count > 0), JSON.stringify(faults));
    }
  }, { seconds: 300 });
}

scenario('an incremental backup of a stream of keys holds the items as they are', async (stage) => {
  const source = await createTable(`${endpoints().source}/Kept`, 'id:S', { view: 'KEYS_ONLY' });
  await churn(source, 200, new Random(SEED, 3));
  const run = await stage.run([
    ...['incremental-backup', `${endpoints().source}/Kept`, `file:${stage.path('backup')}`, '--output', 'json'],
    ...['--idle-poll', '50ms', '--state', stage.path('state'), '--stop-when-caught-up', '--max-read-units', '500'],
  ]);
  assertClean(run);
  const folder = stage.path('backup/Kept');
  const objects = readdirSync(folder).filter((name) => /^[0-9a-f]{64}$/.test(name));
  const kept = objects.map((name) => JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')));
  const byKey = (items) => Object.fromEntries(items.map((item) => [item.id.S, item]).sort());
  assert.deepEqual(byKey(kept), byKey(await itemsOf(source)));
});

scenario('a stream of keys cannot be spooled, and is not when nothing is to be written', async (stage) => {
  const source = `${endpoints().source}/Spooled`;
  await createTable(source, 'id:S', { view: 'KEYS_ONLY' });
  await createTable(`${endpoints().target}/Spooled`, 'id:S', { view: null });
  const common = ['replicate', source, `${endpoints().target}/Spooled`, '--state', stage.path('state')];
  const refused = await stage.run([...common, '--initial-load', '--spool', stage.path('spool')]);
  assertRefused(refused, { code: 2, says: [/applied by reading its items/, /--spool/] });
  const dry = await stage.run([...common, '--dry-run', '--stop-when-caught-up', '--idle-poll', '50ms']);
  assert.equal(dry.ended.code, 0, dry.lastWords());
  assert.match(dry.stderr, /each changed key costs a consistent read.*mean_read_units=1/);
});
