// SPDX-License-Identifier: Apache-2.0
// Goal: what the strict stand-in for Lambda's runtime interface shows holds for AWS's own emulator of it, too.
// Method: the emulator starts the binary; invocations, errors, time-outs and a start that fails.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { before } from 'node:test';
import { installEmulator, noEmulator, startEmulator } from './support/lambda_emulator.mjs';
import { scanAll } from './support/raw_dynamodb.mjs';
import { scenario } from './support/stage.mjs';
import { streamRecord } from './support/stream_events.mjs';

const missing = noEmulator();
const DONE = { batchItemFailures: [] };
const sequence = (i) => 100000000000000000000n + BigInt(i);
const record = (i, id) => streamRecord('Orders', sequence(i), { key: { id: { S: id } }, image: { id: { S: id }, n: { N: `${i}` } } });

before(() => missing ?? installEmulator());

const target = async (stage) => (await stage.standIn(['--no-signature', '--table', 'Target:id'])).endpoint;

async function silentServer(stage) {
  const open = new Set();
  const server = createServer((socket) => open.add(socket.on('error', () => {}).resume()));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stage.addCloser(() => {
    for (const socket of open) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${server.address().port}`;
}

scenario('under AWS\'s emulator events are applied, and what is none is an error', async (stage, t) => {
  if (missing) return t.skip(missing);
  const endpoint = await target(stage);
  const env = { DYNAMIRROR_TARGET: `${endpoint}/Target` };
  const { invoke, process } = await startEmulator(stage, { handler: 'dynamirror.replicate', env, seconds: 10 });
  assert.deepEqual(await invoke({ Records: [record(1, 'a'), record(2, 'b'), record(3, 'a')] }), DONE, process.lastWords());
  const error = await invoke({ key1: 'value1' });
  assert.equal(error.errorType, 'Dynamirror.Invalid');
  assert.match(error.errorMessage, /no Records/);
  for (let i = 4; i < 50; i++) assert.deepEqual(await invoke({ Records: [record(i, 'c')] }), DONE);
  const items = await scanAll(endpoint, 'Target');
  const numbers = Object.fromEntries(items.map(({ id, n }) => [id.S, n.N]));
  assert.deepEqual(numbers, { a: '3', b: '2', c: '49' });
});

scenario('under it an answer comes in time, and after a time-out the next event is answered again', async (stage, t) => {
  if (missing) return t.skip(missing);
  const env = { DYNAMIRROR_TARGET: `${await silentServer(stage)}/Target` };
  const { invoke, children } = await startEmulator(stage, { handler: 'dynamirror.replicate', env, seconds: 2 });
  const notDone = { batchItemFailures: [{ itemIdentifier: `${sequence(1)}` }] };
  const event = { Records: [record(1, 'a'), record(2, 'b')] };
  assert.deepEqual(await invoke(event), notDone);
  const [first, ...more] = children();
  assert.deepEqual(more, []);
  process.kill(first, 'SIGSTOP'); // it cannot answer
  assert.match(String(await invoke(event)), /timed out after 2/);
  assert.deepEqual(await invoke(event), notDone);
  assert.notEqual(children()[0], first, 'Lambda ends a process that was late');
});

scenario('under it a configuration that cannot work is an error of the start', async (stage, t) => {
  if (missing) return t.skip(missing);
  const { invoke } = await startEmulator(stage, { handler: 'dynamirror.replicate', env: {}, seconds: 2 });
  const { errorType, errorMessage } = await invoke({ Records: [record(1, 'a')] });
  assert.equal(errorType, 'Dynamirror.Invalid');
  assert.match(errorMessage, /DYNAMIRROR_TARGET/);
});
