// SPDX-License-Identifier: Apache-2.0
// Goal: whole tables on Spark come out as from one process, also when an executor is killed, within one budget.
// Method: Spark's own local-cluster mode, whose executors are processes, started once for all tests; DynamoDB Local, to
// which writes go through a proxy that notes what they consumed; tables are compared by a tool of its own.
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { consumptionProxy } from './support/aws_servers.mjs';
import { runOrThrow } from './support/python_packages.mjs';
import { inPython, isRunning, liveSegments, parseAll, SparkSession } from './support/spark.mjs';
import { scenario, shared } from './support/stage.mjs';
import { createTable, put, remove } from './support/tables.mjs';
import { until } from './support/until.mjs';

const EXIT = { ok: 0, different: 1, usage: 2, notReady: 3 };
const CHANGES = 1200;
const BUDGET = 120; // write units a second
const SECONDS = 300; // where much else runs on the machine
const TABLE = 'Orders';

const play = shared('spark', async (stage) => {
  const spark = new SparkSession(stage);
  const server = await stage.dynamoDbLocal();
  const source = `${server}/${TABLE}`;
  const table = await createTable(source, 'id:S', { view: null });
  const workload = ['--target', source, '--changes', `${CHANGES}`, '--keys', `${CHANGES}`];
  await stage.runTool('workload', [...workload, '--seed', '5', '--batch', '25', '--large-rate', '0']);
  return { spark, server, source, table, binary: ['--binary', stage.binary] };
});

async function assertEqual(stage, source, target) {
  const result = await stage.runTool('compare', ['--source', source, '--target', target], { accept: [0, 1] });
  assert.equal(result.differences, 0, JSON.stringify(result));
  assert.ok(result.source_items > 0);
  return result.source_items;
}

// Kills a process that works on a segment, and sees that the binary goes with it: it would write beside the one that
// takes its place.
async function killOf(spark, role, option, budget) {
  const live = () => liveSegments(spark.process.pid).filter((segment) => isRunning(segment[role]));
  const victim = await until(() => live()[0], SECONDS, 'a segment under way');
  const share = victim.words[victim.words.indexOf(option) + 1];
  assert.equal(Number(share), budget / 2, 'the budget is divided');
  process.kill(victim[role], 'SIGKILL');
  // By itself it would go on for seconds.
  await until(() => !isRunning(victim.binary), 1, `end of the binary of the killed ${role}`);
}

scenario('a copy survives the kill of an executor, within one budget for all', async (stage) => {
  const { spark, server, source, binary } = play();
  const proxy = await consumptionProxy(stage, { to: server });
  const words = [...binary, '--segments', '3', 'copy-table', source, `${proxy.endpoint}/Copied`, '--create-target'];
  const copy = spark.start([...words, '--max-write-units', `${BUDGET}`], SECONDS);
  await until(() => proxy.units() > BUDGET / 2, SECONDS, 'items written');
  await killOf(spark, 'worker', '--max-write-units', BUDGET);
  await until(() => proxy.units() > BUDGET, SECONDS, 'items written');
  await killOf(spark, 'executor', '--max-write-units', BUDGET);

  const { code, summary, lines } = await copy.ended;
  assert.equal(code, EXIT.ok, JSON.stringify(summary));
  assert.deepEqual(lines, []);
  const items = await assertEqual(stage, source, `${server}/Copied`);
  assert.equal(summary.written, items, 'each segment counts once');
  assert.equal(summary.error, null);
  const spread = { segments: 3, segments_done: 3, at_once: 2, done_again: 2, lines_left_out: 0 };
  assert.deepEqual(summary.spark, spread);
  assert.ok(proxy.units() >= items, `${proxy.units()} units for ${items} items`);
  // Every process, so also each that takes a killed one's place, may begin with half a second's share.
  assert.ok(proxy.highestRate(8) <= 1.1 * BUDGET, `${proxy.highestRate(8)} units a second`);
}, { seconds: SECONDS });

scenario('a comparison finds exactly what was changed, and repairs it', async (stage) => {
  const { spark, server, source, table, binary } = play();
  const replica = await createTable(`${server}/Replica`, 'id:S', { view: null });
  const copied = await spark.run([...binary, '--segments', '2', 'copy-table', source, `${server}/Replica`]);
  assert.equal(copied.code, EXIT.ok, JSON.stringify(copied.summary));
  const [changed, missing, ...rest] = await (async () => {
    for await (const page of table.scanPages()) return page;
    return [];
  })();
  assert.ok(rest.length > 0);
  await put(replica, { ...changed, only_here: { BOOL: true } });
  await remove(replica, { id: missing.id });
  await put(replica, { id: { S: 'nowhere else' } });

  const words = [...binary, '--at-once', '2', '--segments', '3', 'diff-tables', source, `${server}/Replica`, '--settle', '100ms'];
  const { code, summary, lines } = await spark.run(words);
  assert.equal(code, EXIT.different, JSON.stringify(summary));
  const byKind = Object.fromEntries(lines.map(({ difference, key }) => [difference, key.id.S]));
  assert.equal(lines.length, 3, JSON.stringify(lines));
  assert.deepEqual(byKind, { different: changed.id.S, missing: missing.id.S, extraneous: 'nowhere else' });
  const { discrepancies, primary_items, replica_items } = summary;
  assert.deepEqual({ discrepancies, primary_items, replica_items }, {
    discrepancies: 3,
    primary_items: copied.summary.written,
    replica_items: copied.summary.written,
  });
  const repaired = await spark.run([...words, '--repair']);
  assert.equal(repaired.code, EXIT.ok, JSON.stringify(repaired.summary));
  assert.deepEqual([repaired.summary.put, repaired.summary.deleted], [2, 1]);
  await assertEqual(stage, source, `${server}/Replica`);
}, { seconds: SECONDS });

// A zip as `./dev package lambda` makes it, with a `bootstrap` that starts the binary.
function bundled(stage) {
  writeFileSync(stage.path('bootstrap'), `#!/bin/sh\nexec ${stage.binary} "$@"\n`, { mode: 0o755 });
  runOrThrow('zip', ['-q', '-X', 'bundle.zip', 'bootstrap'], { cwd: stage.folder });
  return stage.path('bundle.zip');
}

scenario('a backup is one dump with one manifest, and is restored, by a binary in a zip', async (stage) => {
  const { spark, server, source } = play();
  const binary = ['--binary', bundled(stage)];
  const url = `file:${stage.path('dumps')}`;
  const budget = ['--max-read-units', '4'];
  const backup = spark.start([...binary, '--segments', '3', 'backup-table', source, url, '--jobid', 'all', ...budget]);
  await killOf(spark, 'worker', ...budget);
  const dumped = await backup.ended;
  assert.equal(dumped.code, EXIT.ok, JSON.stringify(dumped.summary));
  assert.equal(dumped.summary.spark.done_again, 1);
  assert.deepEqual(readdirSync(stage.path('dumps')).sort(), ['all', 'all.manifest.json', 'all.table.json']);
  assert.deepEqual(readdirSync(stage.path('dumps/all')).sort(), ['0', '1', '2']);

  const words = [...binary, '--segments', '2', 'restore-table', `${url}/all`, `${server}/Restored`, '--create-target'];
  const restored = await spark.run(words);
  assert.equal(restored.code, EXIT.ok, JSON.stringify(restored.summary));
  assert.equal(restored.summary.written, await assertEqual(stage, source, `${server}/Restored`));
  assert.equal(dumped.summary.items, restored.summary.written);

  const again = await spark.run(words);
  assert.equal(again.code, EXIT.notReady);
  assert.match(again.summary.error, /the table is not empty/);
}, { seconds: SECONDS });

scenario('a segment that cannot be done ends the job with its code and words, and is not tried again', async (stage) => {
  const { spark, source, binary } = play();
  const words = [...binary, 'backup-table', source.replace(TABLE, 'Absent'), `file:${stage.path('dumps')}`];
  const job = spark.start(words);
  const { code, summary } = await job.ended;
  assert.equal(code, EXIT.notReady);
  assert.match(summary.error, /segment \d of 8: .*there is no such table/);
  assert.equal(summary.spark.segments_done, 0);
  const line = `dynamirror_spark: ${summary.error}\n`;
  await spark.process.waitUntil(() => job.said().includes(line), SECONDS, 'the line for the user');
  assert.doesNotMatch(job.said(), /Lost task/);
});

scenario('a segment that ends before its burst is paid for delays the next one of its slot', async () => {
  const pause = `def one(command, budgets, summary, seconds):
    job = {"command": command, "budgets": budgets, "at_once": 2, "segments": 8}
    return driver.Slots(None, job).overdrawn({"summary": summary, "seconds": seconds})`;
  const copied = { consumed_read_units: 10, consumed_write_units: 90 };
  const budgets = { '--max-read-units': 100, '--max-write-units': 120 };
  const compared = { primary_read_units: 50, replica_read_units: 80, write_units: 0 };
  assert.deepEqual(
    inPython(pause, [
      ['copy-table', budgets, copied, 1],
      ['copy-table', budgets, copied, 2],
      ['copy-table', {}, copied, 0],
      ['diff-tables', budgets, compared, 1],
    ]),
    [0.5, 0, 0, 0.6000000000000001],
  );
});

const SAMPLE = {
  TARGET_DYNAMODB_NAME: 'Replica',
  TARGET_AWS_ACCOUNT_NUMBER: '111122223333',
  TARGET_ROLE_NAME: 'loader',
  TARGET_REGION: 'us-east-1',
  SOURCE_DYNAMODB_NAME: TABLE,
  WORKER_TYPE: 'G.1X',
  NUM_WORKERS: '11',
};
const glueWords = (parameters) => Object.entries(parameters).flatMap(([name, value]) => [`--${name}`, value]);

scenario('a Glue job takes the parameters of the cross-account sample', async () => {
  const glue = ['--job-bookmark-option', 'job-bookmark-disable', '--JOB_ID', 'j_1', 'true', '--JOB_RUN_ID', 'jr_1'];
  const more = { BINARY: 's3://code/dynamirror.zip', ARGUMENTS: '--max-write-units 400 --create-target' };
  const { TARGET_ROLE_NAME, ...without } = SAMPLE;
  const sized = (WORKER_TYPE, NUM_WORKERS) => [glueWords({ ...SAMPLE, WORKER_TYPE, NUM_WORKERS })];
  const [whole, small, large, standard, china, refused, other] = parseAll([
    [[...glue, ...glueWords({ ...SAMPLE, ...more })], { AWS_REGION: 'eu-west-1' }],
    sized('G.1X', '2'),
    sized('G.2X', '3'),
    sized('Standard', '3'),
    [glueWords({ ...SAMPLE, TARGET_REGION: 'cn-north-1' })],
    [glueWords(without)],
    [glueWords({ ARGUMENTS: 'diff-tables eu-west-1/Orders us-east-1/Orders --repair' })],
  ]);
  assert.deepEqual(whole, {
    binary: 's3://code/dynamirror.zip',
    at_once: 40,
    segments: 80,
    command: 'copy-table',
    arguments: [
      ...['eu-west-1/Orders', 'us-east-1/Replica', '--target-role-arn', 'arn:aws:iam::111122223333:role/loader'],
      '--create-target',
    ],
    budgets: { '--max-write-units': 400 },
  });
  const sizes = [small, large, standard].map(({ at_once, segments }) => [at_once, segments]);
  assert.deepEqual(sizes, [[4, 8], [16, 32], [12, 12]]);
  assert.ok(china.arguments.includes('arn:aws-cn:iam::111122223333:role/loader'));
  assert.deepEqual(refused, { refused: 'parameters are missing: --TARGET_ROLE_NAME' });
  assert.deepEqual([other.command, other.arguments.at(-1)], ['diff-tables', '--repair']);
});

scenario('what would stay on an executor, or is the driver\'s to say, is refused', async () => {
  const options = ['--segment', '--state', '--dead-letter', '--lease-table', '--output', '--sample'];
  const copy = (...words) => [['copy-table', 'a/b', 'c/d', ...words]];
  const [letters, nothing, ...refusals] = parseAll([
    copy('--on-error', 'dead-letter'),
    copy('--max-read-units=0'),
    ...options.map((option) => copy(option, 'x')),
  ]);
  assert.match(letters.refused, /--on-error/);
  assert.match(nothing.refused, /no number above 0/);
  options.forEach((option, i) => assert.match(refusals[i].refused, new RegExp(`^${option} `)));
});
