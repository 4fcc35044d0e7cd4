// SPDX-License-Identifier: Apache-2.0
// Goal: whatever becomes of stdout and stderr, and whenever a signal comes, the process ends in good order with the
// documented exit code (docs/exit-codes.md), and results that are lost are not taken for complete.
// Method: the binary with a full disk, a pipe without a reader or nothing at all behind one of the two; with a signal
// that waits for it before main() begins; and with endpoints that accept connections and never answer.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { assertSummary, complaints } from './support/expect.mjs';
import { scenario, shared } from './support/stage.mjs';
import { createTable, put } from './support/tables.mjs';

const EXIT = { ok: 0, usage: 2, unreachable: 5, stoppedEarly: 10, output: 11 };

const with_ = (redirection) => ['sh', '-c', `exec "$@" ${redirection}`, 'sh'];
// Blocked signals stay so, and wait, through exec: what comes before the first instruction of main() is there already.
const TERMINATED_BEFORE_MAIN = [
  'perl', '-MPOSIX', '-e',
  'sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM)); kill("TERM", $$); exec { $ARGV[0] } @ARGV;',
];

const at = shared('outputs', async (stage) => {
  const endpoint = await stage.dynamoDbLocal();
  const url = (table) => `${endpoint}/${table}`;
  await createTable(url('Empty'), 'id:S');
  const filled = await createTable(url('Filled'), 'id:S');
  for (let i = 0; i < 20; ++i) await put(filled, { id: { S: `item ${i}` } });
  return url;
});

async function hole(stage) {
  const sockets = new Set();
  const server = createServer((socket) => sockets.add(socket.on('error', () => {})));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stage.addCloser(() => new Promise((resolve) => {
    for (const socket of sockets) socket.destroy();
    server.close(resolve);
  }));
  const connected = new Promise((resolve) => server.once('connection', resolve));
  return { endpoint: `http://127.0.0.1:${server.address().port}`, connected };
}

const nobody = (table) => `http://127.0.0.1:1/${table}`;

for (const redirection of ['2>/dev/full', '2>&-']) {
  scenario(`failures end with their own code when nobody hears them: ${redirection}`, async (stage) => {
    const wrapper = with_(redirection);
    const commands = [
      [['diff-record', nobody('Xxx'), nobody('Yyy'), '{"id":"a"}'], EXIT.unreachable],
      [['diff-tables', nobody('Xxx'), nobody('Yyy')], EXIT.unreachable],
      [['copy-table', nobody('Xxx'), nobody('Yyy'), '--log-format', 'json'], EXIT.unreachable],
      [['multilang', '--target', nobody('Yyy')], EXIT.usage], // stdin is no pipe
      [['no-such-command'], EXIT.usage],
    ];
    for (const [args, code] of commands) {
      const run = await stage.run(args, { wrapper });
      assert.deepEqual(run.ended, { code, signal: null }, args.join(' '));
    }
  });
}

scenario('a replication goes on when the reader of its log goes away', async (stage) => {
  const url = at();
  const args = ['replicate', url('Filled'), url('Empty'), '--state', stage.path('state'), '--output', 'json'];
  const run = stage.dynamirror(args);
  await run.waitUntil((self) => self.stderr.includes('replicating'), 30, 'the beginning of the replication');
  run.child.stderr.destroy();
  run.kill('SIGTERM');
  await run.waitForExit(15);
  assert.deepEqual(run.ended, { code: EXIT.ok, signal: null }, 'saying that it stops must not end it');
  assertSummary(run);
});

for (const redirection of ['>/dev/full', '>&-']) {
  scenario(`results that are lost are a failure: ${redirection}`, async (stage) => {
    const url = at();
    const wrapper = with_(redirection);
    const target = await createTable(url(`Lost${redirection.length}`), 'id:S');
    const commands = [
      ['--help'],
      ['--version'],
      ['diff-tables', '--help'],
      ['diff-tables', url('Filled'), target.url ?? url(`Lost${redirection.length}`), '--settle', '0s'],
      ['diff-tables', url('Filled'), url('Filled'), '--output', 'json'],
      ['copy-table', url('Filled'), url(`Lost${redirection.length}`), '--output', 'json', '--state', stage.path('s')],
    ];
    for (const args of commands) {
      const run = await stage.run(args, { wrapper });
      assert.deepEqual(run.ended, { code: EXIT.output, signal: null }, `${args.join(' ')}\n${run.stderr}`);
      assert.match(complaints(run).at(-1), /write results to standard output: (No space|Bad file)/);
    }
  });
}

scenario('a command that fails keeps its own code when its results are lost', async (stage) => {
  const run = await stage.run(['diff-tables', nobody('Xxx'), nobody('Yyy'), '--output', 'json'], { wrapper: with_('>/dev/full') });
  assert.equal(run.ended.code, EXIT.unreachable);
});

scenario('a stop before main() is taken', async (stage) => {
  const { endpoint } = await hole(stage);
  const args = ['replicate', `${endpoint}/Xxx`, nobody('Yyy'), '--state', stage.path('state')];
  const run = await stage.run(args, { wrapper: TERMINATED_BEFORE_MAIN, seconds: 4 });
  assert.deepEqual(run.ended, { code: EXIT.ok, signal: null }, run.lastWords());
});

scenario('a stop while the tables are looked at ends a command at once: nothing was begun', async (stage) => {
  const commands = [
    [(url) => ['replicate', url, nobody('Yyy'), '--state', stage.path('state')], EXIT.ok],
    [(url) => ['incremental-backup', url, `file:${stage.path('backup')}`, '--state', stage.path('state')], EXIT.ok],
    [(url) => ['copy-table', url, nobody('Yyy'), '--state', stage.path('state')], EXIT.stoppedEarly],
    [(url) => ['diff-record', url, nobody('Yyy'), '{"id":"a"}'], EXIT.stoppedEarly],
  ];
  for (const [argsFor, code] of commands) {
    const { endpoint, connected } = await hole(stage);
    const run = stage.dynamirror([...argsFor(`${endpoint}/Xxx`), '--output', 'json']);
    await connected;
    run.kill('SIGTERM');
    await run.waitForExit(3); // before its 4.8 s to end in good order
    assert.deepEqual(run.ended, { code, signal: null }, run.lastWords());
    assert.deepEqual(run.json(), { exit_code: code, error: null });
    assert.match(run.stderr, /stopped before anything was begun/);
    assert.doesNotMatch(run.stderr, /checkpoint/);
  }
});

scenario('names of attributes and keys cannot act on a terminal or forge a line', async (stage) => {
  const url = at();
  const hostile = 'a\n[discrepancies] 0\n\u001b[2J\u007f\u009b1m\u202e';
  const escaped = 'a\\u000a[discrepancies] 0\\u000a\\u001b[2J\\u007f\\u009b1m\\u202e';
  const first = await createTable(url('HostileA'), 'id:S');
  const second = await createTable(url('HostileB'), 'id:S');
  await put(first, { id: { S: '\u202ekey\u009b' }, [hostile]: { S: '1' } });
  await put(second, { id: { S: '\u202ekey\u009b' }, [hostile]: { S: '2' } });
  const args = ['diff-tables', url('HostileA'), url('HostileB'), '--settle', '0s'];
  const text = await stage.run(args);
  assert.equal(text.stdout.split('\n')[0], `[different] {"id":{"S":"\\u202ekey\\u009b"}} ${escaped}`);
  assert.match(text.stdout, /^\[discrepancies\] 1$/m);
  const json = await stage.run([...args, '--output', 'json']);
  const found = JSON.parse(json.stdout.split('\n')[0]);
  assert.deepEqual(found, { difference: 'different', key: { id: { S: '\u202ekey\u009b' } }, attributes: [hostile] });
  const record = await stage.run(['diff-record', url('HostileA'), url('HostileB'), JSON.stringify({ id: '\u202ekey\u009b' })]);
  for (const run of [text, json, record]) assert.doesNotMatch(run.stdout + run.stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]/);
});

scenario('a dead letter that is none is quoted as it may be read', async (stage) => {
  writeFileSync(stage.path('letters\u001b[2J.jsonl'), '\u001b]0;owned\u0007\u202e\n{}\n');
  const run = await stage.run(['dead-letters', 'replay', stage.path('letters\u001b[2J.jsonl'), at()('Empty')]);
  assert.equal(run.ended.code, 6);
  assert.doesNotMatch(run.stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]/);
  assert.match(run.stderr, /letters\\u001b\[2J/);
});

scenario('a copy that is refused prints no numbers', async (stage) => {
  const url = at();
  const args = ['copy-table', url('Filled'), url('Filled2'), '--state', stage.path('state')];
  await put(await createTable(url('Filled2'), 'id:S'), { id: { S: 'there' } });
  const run = await stage.run(args);
  assert.equal(run.stdout, '', run.stderr);
  assert.equal(complaints(run).length, 1);
  const json = await stage.run([...args, '--output', 'json']);
  assert.deepEqual(Object.keys(json.json()), ['exit_code', 'error']);
});
