// SPDX-License-Identifier: Apache-2.0
// Goal: when a side of a replication does not answer for a while, one line of the log says which, since when and why,
// and one that it is back; what was missed meanwhile arrives.
// Method: a relay between the binary and DynamoDB Local that lets nothing through for a while, as a network does that
// has lost its route: connections are accepted, and nothing ever comes.
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { assertClean } from './support/expect.mjs';
import { scenario, shared } from './support/stage.mjs';
import { createTable, itemsOf, put } from './support/tables.mjs';

const GONE_SECONDS = 25; // ten of patience, and a busy machine

const endpoints = shared('outages', async (stage) => {
  const [source, target] = await Promise.all([stage.dynamoDbLocal('source'), stage.dynamoDbLocal('target')]);
  return { source, target };
});

// {endpoint, cut(), mend()}: what arrives while it is cut waits until it is mended.
async function relay(stage, to) {
  const sockets = new Set();
  let cut = false;
  const server = createServer((client) => {
    const behind = connect(Number(new URL(to).port), '127.0.0.1');
    for (const [from, other] of [[client, behind], [behind, client]]) {
      sockets.add(from);
      from.on('error', () => other.destroy());
      from.on('close', () => sockets.delete(from) && other.destroy());
      from.on('data', (bytes) => other.write(bytes));
      if (cut) from.pause();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stage.addCloser(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    endpoint: `http://127.0.0.1:${server.address().port}`,
    cut() {
      cut = true;
      for (const socket of sockets) socket.pause();
    },
    mend() {
      cut = false;
      for (const socket of sockets) socket.resume();
    },
  };
}

const lines = (run, pattern) => run.stderr.split('\n').filter((line) => pattern.test(line));

for (const side of ['source', 'target']) {
  scenario(`a ${side} that does not answer is said once, and once that it does again`, async (stage) => {
    const name = `Gone${side}`;
    const from = await createTable(`${endpoints().source}/${name}`, 'id:S');
    const to = await createTable(`${endpoints().target}/${name}`, 'id:S', { view: null });
    const between = await relay(stage, endpoints()[side]);
    const [source, target] = ['source', 'target'].map((one) =>
      `${one === side ? between.endpoint : endpoints()[one]}/${name}`);
    const run = stage.dynamirror([
      ...['replicate', source, target, '--state', stage.path('state'), '--idle-poll', '50ms', '--output', 'json'],
    ]);
    await put(from, { id: { S: 'before' } });
    while ((await itemsOf(to)).length < 1) assert.equal(run.ended, undefined, run.lastWords());
    between.cut();
    await put(from, { id: { S: 'meanwhile' } });
    const gone = /warning (source|target) \S+ does not answer/;
    await run.waitUntil((self) => gone.test(self.stderr), GONE_SECONDS, 'a word about the outage');
    between.mend();
    const back = /warning (source|target) \S+ answers again/;
    await run.waitUntil((self) => back.test(self.stderr), GONE_SECONDS, 'a word about its end');
    while ((await itemsOf(to)).length < 2) assert.equal(run.ended, undefined, run.lastWords());
    run.kill('SIGTERM');
    await run.waitForExit(5);
    assertClean(run);
    const told = [...lines(run, gone), ...lines(run, back)];
    assert.equal(told.length, 2, run.stderr);
    for (const line of told) assert.ok(line.includes(`warning ${side} `), line);
    assert.match(told[0], /since=\S*20\d\d-/);
    assert.match(told[0], /error="?no answer for 1\d s/);
    assert.match(told[1], /after="?1\d/);
  });
}
