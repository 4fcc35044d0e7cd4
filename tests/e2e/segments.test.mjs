// SPDX-License-Identifier: Apache-2.0
// Goal: what a batch system needs to hand out a job over a whole table: one step that prepares, processes that each take
// a share and know of no other, and one step that finishes.
// Method: the binary on DynamoDB Local, a process for each share; tables are compared by a tool of its own.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { complaints } from './support/expect.mjs';
import { LOCAL_KEYS, scenario, shared } from './support/stage.mjs';
import { createTable, itemsOf } from './support/tables.mjs';
import { DescribeTimeToLiveCommand, UpdateTimeToLiveCommand } from '../tools/lib/sdk.mjs';
import { Table } from '../tools/lib/table.mjs';

const EXIT = { ok: 0, usage: 2, notReady: 3 };
const SHARES = 3;
const servers = shared('segments', async (stage) => ({ from: await stage.dynamoDbLocal(), to: await stage.dynamoDbLocal() }));
let count = 0;
const newName = (word) => `${word}${++count}`;

async function filledTable(stage) {
  const source = `${servers().from}/${newName('Source')}`;
  const table = await createTable(source, 'pk:S,sk:B', { view: null });
  await stage.runTool('workload', ['--target', source, '--changes', '400', '--keys', '150', '--seed', '11']);
  return { source, table };
}

async function run(stage, args, { code = EXIT.ok, env = {} } = {}) {
  const ended = await stage.run([...args, '--output', 'json'], { env: { ...LOCAL_KEYS, ...env } });
  assert.deepEqual(ended.ended, { code, signal: null }, ended.lastWords());
  return ended;
}

// The shares as an indexed Kubernetes job takes them, all at once; resolves to their summaries.
function runShares(stage, args, shares = SHARES) {
  const share = async (index) => {
    const env = { JOB_COMPLETION_INDEX: `${index}`, JOB_COMPLETIONS: `${shares}` };
    return (await run(stage, args, { env })).json();
  };
  return Promise.all(Array.from({ length: shares }, (_, index) => share(index)));
}

const sum = (summaries, name) => summaries.reduce((total, summary) => total + summary[name], 0);

async function assertEqual(stage, source, target) {
  const result = await stage.runTool('compare', ['--source', source, '--target', target], { accept: [0, 1] });
  assert.equal(result.differences, 0, JSON.stringify(result));
  assert.ok(result.source_items > 0);
  return result.source_items;
}

scenario('a copy by shares is prepared once, and only into an empty table', async (stage) => {
  const { source } = await filledTable(stage);
  const target = `${servers().to}/${newName('Target')}`;
  const copy = ['copy-table', source, target, '--create-target'];
  await run(stage, [...copy, '--prepare-only']);
  assert.deepEqual(await itemsOf(new Table(target)), [], 'the table is there, and empty');
  const summaries = await runShares(stage, [...copy, '--overwrite']);
  assert.equal(sum(summaries, 'written'), await assertEqual(stage, source, target));

  const refused = await run(stage, [...copy, '--prepare-only'], { code: EXIT.notReady });
  assert.match(complaints(refused)[0], /it holds items already/);
  await run(stage, [...copy, '--prepare-only', '--overwrite']);
});

scenario('a dump by shares is joined under one manifest, and restored by shares', async (stage) => {
  const { source, table } = await filledTable(stage);
  const TimeToLiveSpecification = { Enabled: true, AttributeName: 'expires' };
  await table.send(new UpdateTimeToLiveCommand({ TableName: table.name, TimeToLiveSpecification }));
  const url = `file:${stage.path('dumps')}`;
  const backUp = ['backup-table', source, url, '--jobid', 'all'];
  const missing = await run(stage, [...backUp, '--join-segments', `${SHARES}`], { code: EXIT.usage });
  assert.match(complaints(missing)[0], /segment 0 of 3 has no manifest/);

  const dumped = await runShares(stage, backUp);
  const joined = (await run(stage, [...backUp, '--join-segments', `${SHARES}`])).json();
  for (const name of ['items', 'bytes', 'stored_bytes']) assert.equal(joined[name], sum(dumped, name), name);
  assert.deepEqual(readdirSync(stage.path('dumps')).sort(), ['all', 'all.manifest.json', 'all.table.json']);

  const target = `${servers().to}/${newName('Restored')}`;
  const restore = ['restore-table', `${url}/all`, target, '--create-target'];
  await run(stage, [...restore, '--prepare-only']);
  const made = new Table(target);
  const timeToLive = async () =>
    (await made.send(new DescribeTimeToLiveCommand({ TableName: made.name }))).TimeToLiveDescription;
  assert.equal((await timeToLive()).TimeToLiveStatus, 'DISABLED', 'settings come with the items');
  // More shares than parts: some have nothing to do.
  const restored = await runShares(stage, [...restore, '--overwrite'], SHARES + 1);
  assert.equal(sum(restored, 'written'), await assertEqual(stage, source, target));
  assert.equal(restored.filter(({ written }) => written > 0).length, SHARES);
  assert.equal((await timeToLive()).AttributeName, 'expires');

  const refused = await run(stage, [...restore, '--prepare-only'], { code: EXIT.notReady });
  assert.match(complaints(refused)[0], /the table is not empty/);
});

scenario('an incremental folder is restored by shares', async (stage) => {
  const { source, table } = await filledTable(stage);
  const url = `file:${stage.path('items')}`;
  await run(stage, ['incremental-backfill', source, url]);
  const target = `${servers().to}/${newName('Restored')}`;
  await createTable(target, 'pk:S,sk:B', { view: null });
  const summaries = await runShares(stage, ['restore-table', `${url}/${table.name}`, target, '--overwrite']);
  assert.equal(sum(summaries, 'written'), await assertEqual(stage, source, target));
  assert.ok(summaries.every(({ written }) => written > 0));
});
