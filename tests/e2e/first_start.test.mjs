// SPDX-License-Identifier: Apache-2.0
// Goal: nobody brings a target back to older states by mistake. A start without a checkpoint on a target that holds items
// needs a word; one pair has one process on a machine; what has begun goes on without a word, however it was killed.
// Method: the binary between tables on DynamoDB Local, with several state files; the target is held against the source.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { assertClean, assertRefused } from './support/expect.mjs';
import { scenario, shared } from './support/stage.mjs';
import { createTable, itemsOf, put } from './support/tables.mjs';

const EXIT_STATE = 6;
const ONE_WORD = /the target holds items, and the state file knows nothing of this pair.*--start trim-horizon/;

const endpoints = shared('first start', async (stage) => {
  const [source, target] = await Promise.all([stage.dynamoDbLocal('source'), stage.dynamoDbLocal('target')]);
  return { source, target };
});

let tables = 0;

// A source whose only item has had two states, and an empty target.
async function pair() {
  const name = `Table${++tables}`;
  const [source, target] = [`${endpoints().source}/${name}`, `${endpoints().target}/${name}`];
  const from = await createTable(source, 'id:S');
  for (const v of ['1', '2']) await put(from, { id: { S: 'a' }, v: { N: v } });
  return { source, target, from, to: await createTable(target, 'id:S', { view: null }) };
}

const CATCH_UP = ['--stop-when-caught-up', '--idle-poll', '50ms', '--output', 'json'];

scenario('a second state file on a pair that is in step is refused until a word is said', async (stage) => {
  const { source, target, to } = await pair();
  const replicate = (state, ...more) =>
    stage.run(['replicate', source, target, '--state', stage.path(state), ...CATCH_UP, ...more]);
  assertClean(await replicate('a'));
  assertRefused(await replicate('b'), { code: EXIT_STATE, says: [ONE_WORD, target.split('/').pop()] });
  assert.deepEqual(await itemsOf(to), [{ id: { S: 'a' }, v: { N: '2' } }], 'untouched');
  assertRefused(await replicate('b'), { code: EXIT_STATE, says: [ONE_WORD] });
  assert.equal(assertClean(await replicate('a')).read, 0, 'the first one goes on');

  const dry = await replicate('b', '--dry-run');
  assertClean(dry);
  assert.match(dry.stderr, /warning the real run would be refused/);

  assert.equal(assertClean(await replicate('b', '--start', 'trim-horizon')).read, 2);
  assert.equal(assertClean(await replicate('b')).read, 0, 'the word is needed once');
  assert.equal(assertClean(await replicate('c', '--overwrite')).read, 2);
  assertClean(await replicate('d', '--initial-load', '--overwrite'));
}, { seconds: 300 });

scenario('a process that was killed before its first checkpoint goes on without a word', async (stage) => {
  const { source, target, to } = await pair();
  const args = ['replicate', source, target, '--state', stage.path('state'), '--idle-poll', '50ms', '--output', 'json'];
  const first = stage.dynamirror(args);
  while ((await itemsOf(to)).length === 0) assert.equal(first.ended, undefined, first.lastWords());
  first.kill('SIGKILL');
  await first.waitForExit(15);
  assertClean(await stage.run([...args, '--stop-when-caught-up']));
});

scenario('two processes on one pair do not run on one machine, whatever their state files', async (stage) => {
  const { source, target } = await pair();
  const args = ['replicate', source, target, '--idle-poll', '50ms', '--start', 'trim-horizon'];
  const first = stage.dynamirror([...args, '--state', stage.path('a')]);
  await first.waitUntil((self) => /info replicating/.test(self.stderr), 30, 'start');
  for (const state of [['--state', stage.path('b')], []]) {
    assertRefused(await stage.run([...args, ...state]), { code: EXIT_STATE, says: [`in use by process ${first.pid}`] });
  }
  first.kill('SIGTERM');
  assert.equal((await first.waitForExit(5)).code, 0);
});

scenario('an incremental backup that knows nothing of the objects there is refused until a word is said', async (stage) => {
  const { source } = await pair();
  const url = `file:${stage.path('bucket')}`;
  const backUp = (state, ...more) =>
    stage.run(['incremental-backup', source, url, '--state', stage.path(state), ...CATCH_UP, ...more]);
  assertClean(await backUp('a'));
  assertRefused(await backUp('b'), { code: EXIT_STATE, says: [ONE_WORD] });
  assert.equal(assertClean(await backUp('a')).read, 0);
  assert.equal(assertClean(await backUp('b', '--start', 'trim-horizon')).read, 2);
  assert.ok(existsSync(stage.path('b')));
});
