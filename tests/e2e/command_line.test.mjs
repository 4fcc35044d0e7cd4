// SPDX-License-Identifier: Apache-2.0
// Goal: whoever mistypes something is told what, in words of ours, and what would be right; and programs get an object
// after every failure.
// Method: the binary with command lines that are wrong or name endpoints where nobody listens. No service is needed.
import assert from 'node:assert/strict';
import { complaints } from './support/expect.mjs';
import { scenario } from './support/stage.mjs';

const USAGE = 2;
const UNREACHABLE = 5;
const nobody = (table) => `http://127.0.0.1:1/${table}`;

const WRONG = [
  [['replicat', 'a/b', 'a/c'], 'there is no command "replicat"; did you mean replicate? (see dynamirror --help)'],
  [['leases', 'lst', 'x'], 'there is no command "lst"; did you mean list? (see dynamirror leases --help)'],
  [['copy-table', 'a/b', 'a/c', '--dry-rum'], 'copy-table has no option --dry-rum; did you mean --dry-run? (see dynamirror copy-table --help)'],
  [['copy-table', 'a/b', 'a/c', '--quite-other=1'], 'copy-table has no option --quite-other (see dynamirror copy-table --help)'],
  [['copy-table', 'a/b', 'a/c', '--output', 'yaml'], '--output: "yaml" is none of json, text (see dynamirror copy-table --help)'],
  [['backup-table', 'a/b', 's3://c/d', '--compression', 'zip'], '--compression: "zip" is none of gzip, none (see dynamirror backup-table --help)'],
  [['copy-table', 'a/b', 'a/c', '--max-write-units', '1k'], '--max-write-units: "1k" is no number above 0, such as 500 or 0.5 (see dynamirror copy-table --help)'],
  [['diff-tables', 'a/b', 'a/c', '--max-read-units', '-1'], '--max-read-units: "-1" is no number above 0, such as 500 or 0.5 (see dynamirror diff-tables --help)'],
];
for (const [args, says] of WRONG) {
  scenario(`${args.join(' ')}: says what is wrong`, async (stage) => {
    const run = await stage.run(args);
    assert.equal(run.ended.code, USAGE);
    assert.deepEqual(complaints(run), [`dynamirror: ${says}`]);
    assert.equal(run.stdout, '');
    const json = await stage.run([...args, '--output=json']);
    if (!args.includes('--output')) assert.deepEqual(json.json(), { exit_code: USAGE, error: says });
  });
}

scenario('every command tells its version', async (stage) => {
  for (const args of [[], ['replicate'], ['backup-table'], ['leases', 'list']]) {
    const run = await stage.run([...args, '--version']);
    assert.equal(run.ended.code, 0, args.join(' '));
    assert.match(run.stdout, /^dynamirror \d+\.\d+\.\d+\n$/);
  }
});

scenario('help says to which addresses the name of the table is added', async (stage) => {
  const help = async (command) => (await stage.run([command, '--help'])).stdout.replace(/\s+/g, ' ');
  for (const command of ['incremental-backup', 'incremental-backfill', 'incremental-record-history']) {
    assert.match(await help(command), /without the table's name: the objects are at S3URL\/TABLE\//, command);
  }
  for (const command of ['incremental-snapshot', 'restore-table', 'restore-record']) {
    assert.match(await help(command), /with the table's name/, command);
  }
  assert.match(await help('backup-table'), /below it under its job id/);
});

scenario('after every failure there is an object for programs', async (stage) => {
  const at = `file:${stage.path('backup')}`;
  const state = ['--state', stage.path('state')];
  const commands = [
    ['replicate', nobody('Xxx'), nobody('Yyy'), ...state],
    ['copy-table', nobody('Xxx'), nobody('Yyy'), ...state],
    ['diff-tables', nobody('Xxx'), nobody('Yyy')],
    ['diff-record', nobody('Xxx'), nobody('Yyy'), '{"id":"a"}'],
    ['replicate-record', nobody('Xxx'), nobody('Yyy'), '{"id":"a"}'],
    ['backup-table', nobody('Xxx'), at],
    ['incremental-backup', nobody('Xxx'), at, ...state],
    ['incremental-backfill', nobody('Xxx'), at],
    ['incremental-diff-record', nobody('Xxx'), at, '{"id":"a"}'],
    ['incremental-backup-record', nobody('Xxx'), at, '{"id":"a"}'],
    ['restore-record', `${at}/Xxx`, nobody('Xxx'), '{"id":"a"}'],
    ['leases', 'list', 'Xxx', '--lease-endpoint', 'http://127.0.0.1:1'],
  ];
  for (const args of commands) {
    const run = await stage.run([...args, '--output', 'json']);
    assert.equal(run.ended.code, UNREACHABLE, `${args[0]}: ${run.lastWords()}`);
    const said = run.json();
    assert.equal(said.exit_code, UNREACHABLE, args[0]);
    assert.ok(complaints(run).some((line) => line === `dynamirror: ${said.error}`), `${args[0]}: ${said.error}`);
  }
});
