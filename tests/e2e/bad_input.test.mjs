// SPDX-License-Identifier: Apache-2.0
// Goal: whatever is wrong with what the user gave, the program ends with the documented exit code (docs/exit-codes.md)
// and one line on stderr that names the thing and the remedy, and with nothing on stdout.
// Method: the binary against tables on DynamoDB Local that lack one thing each, files that are no state files,
// endpoints where nobody listens, and a scripted DynamoDB that refuses the caller. No command is told to stop when it
// has caught up: that it ends at all is part of the promise.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { assertRefused, complaints } from './support/expect.mjs';
import { scenario, shared } from './support/stage.mjs';
import { createTable, put } from './support/tables.mjs';

const EXIT = { usage: 2, notReady: 3, access: 4, unreachable: 5, state: 6 };

// A replication that works, and tables that each lack one thing.
const at = shared('bad input', async (stage) => {
  const endpoint = await stage.dynamoDbLocal();
  const url = (table) => `${endpoint}/${table}`;
  await put(await createTable(url('Source'), 'id:S'), { id: { S: 'one' } });
  await createTable(url('Target'), 'id:S', { view: null });
  await createTable(url('Other'), 'id:S', { view: null });
  await createTable(url('NumberKey'), 'id:N', { view: null });
  await createTable(url('Composite'), 'id:S,at:N', { view: null });
  await createTable(url('NoStream'), 'id:S', { view: null });
  await createTable(url('KeysOnly'), 'id:S', { view: 'KEYS_ONLY' });
  return url;
});

// A test of one bad command line. `args(url, stage)` gives what follows `dynamirror`, `says` what the line must hold.
function refuses(name, { args, code, says, env, seconds = 60 }) {
  scenario(`${name}: exit code ${code}`, async (stage) => {
    const options = env ? { env: await env(stage) } : {};
    const run = await stage.run(await args(at(), stage), { seconds, ...options });
    assertRefused(run, { code, says: typeof says === 'function' ? says(at(), stage) : says });
  });
}

const replicate = (url, source, target, ...more) => ['replicate', url(source), url(target), ...more];

// ---- tables --------------------------------------------------------------------------------------------------------

refuses('a source that does not exist', {
  args: (url) => replicate(url, 'Missing', 'Target'),
  code: EXIT.notReady,
  says: (url) => [url('Missing'), 'there is no such table', /check its name, region/],
});
refuses('a target that does not exist', {
  args: (url) => replicate(url, 'Source', 'Missing'),
  code: EXIT.notReady,
  says: (url) => [url('Missing'), 'there is no such table', '--create-target'],
});
refuses('a target whose key has another type', {
  args: (url) => replicate(url, 'Source', 'NumberKey'),
  code: EXIT.notReady,
  says: (url) => [url('Source'), url('NumberKey'), /key/, /must be equal/],
});
refuses('a target with a range key more', {
  args: (url) => replicate(url, 'Source', 'Composite'),
  code: EXIT.notReady,
  says: (url) => [url('Composite'), /key/, /at/],
});
refuses('a table onto itself', {
  args: (url) => replicate(url, 'Source', 'Source'),
  code: EXIT.notReady,
  says: ['the same table'],
});
refuses('a source without a stream', {
  args: (url) => replicate(url, 'NoStream', 'Target'),
  code: EXIT.notReady,
  says: (url) => [url('NoStream'), /stream/, '--enable-stream'],
});
refuses('a spool for a stream that tells keys only', {
  args: (url) => [...replicate(url, 'KeysOnly', 'Target'), '--initial-load', '--spool', '.'],
  code: EXIT.usage,
  says: (url) => [url('KeysOnly'), '--spool', 'applied by reading its items'],
});

scenario('two faults are said in two lines', async (stage) => {
  const url = at();
  const run = await stage.run(replicate(url, 'NoStream', 'Missing'));
  assert.equal(run.ended.code, EXIT.notReady);
  const lines = complaints(run);
  assert.equal(lines.length, 2, run.stderr);
  assert.match(lines[0], /NoStream/);
  assert.match(lines[1], /Missing/);
});

// ---- the command line ----------------------------------------------------------------------------------------------

const WRONG_TABLES = {
  'an ARN with too few parts': ['arn:aws:dynamodb:eu-west-1:123456789012', /too few parts/],
  'an ARN of another service': ['arn:aws:s3:eu-west-1:123456789012:table/Orders', /not one of DynamoDB/],
  'an ARN with a bad account': ['arn:aws:dynamodb:eu-west-1:1234:table/Orders', /12 digits/],
  'an ARN whose region is in another partition': [
    'arn:aws-cn:dynamodb:eu-west-1:123456789012:table/Orders',
    /partition/,
  ],
  'the ARN of a stream': [
    'arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2024-01-01T00:00:00.000',
    /not the table/,
  ],
  'a name without a place': ['Orders', /no region or endpoint/],
  'a region that is none': ['nowhere/Orders', /not a region/],
  'a name that is too short': ['eu-west-1/ab', /not a table name/],
  'another scheme': ['ftp://127.0.0.1:21/Orders', /only http and https/],
  'plain http to another machine': ['http://dynamodb.example.com:8000/Orders', /--allow-insecure/],
  'host and port of another machine': ['dynamodb.example.com:8000/Orders', /--allow-insecure/],
};
for (const [name, [table, says]] of Object.entries(WRONG_TABLES)) {
  const expected = { code: EXIT.usage, says: [table, says] };
  refuses(`${name} as the source`, { args: (url) => ['replicate', table, url('Target')], ...expected });
  refuses(`${name} as the target`, { args: (url) => ['replicate', url('Source'), table], ...expected });
}

const WRONG_OPTIONS = {
  'no command': [[], /subcommand/i],
  'an unknown command': [['copy'], /copy|subcommand/],
  'no tables': [['replicate'], /SOURCE/],
  'an unknown option': [['--fast'], /--fast/],
  'a duration without unit': [['--idle-poll', '50'], /--idle-poll/],
  'a duration that is none': [['--stall-timeout', 'soon'], /--stall-timeout/],
  'an unknown choice': [['--start', 'yesterday'], /--start/],
  'no budget': [['--max-write-units', '0'], /--max-write-units/],
  'too many writes': [['--max-writes', '100000'], /--max-writes/],
  'an unknown log level': [['--log-level', 'loud'], /--log-level/],
};
for (const [name, [more, says]] of Object.entries(WRONG_OPTIONS)) {
  const whole = /command|tables/.test(name);
  refuses(`${name} on the command line`, {
    args: (url) => (whole ? more : replicate(url, 'Source', 'Target', ...more)),
    code: EXIT.usage,
    says: [says, '--help'],
  });
}
refuses('an external id without a role', {
  args: (url) => replicate(url, 'Source', 'Target', '--target-external-id', '4711'),
  code: EXIT.usage,
  says: [/external id/, /role/],
});
refuses('a profile that does not exist', {
  args: (url) => replicate(url, 'Source', 'Target', '--source-profile', 'prod'),
  code: EXIT.usage,
  says: ['prod', /config/, /credentials/],
});

// DynamoDB Local takes the name out of an ARN and leaves the rest.
const FOREIGN = 'arn:aws:dynamodb:eu-west-1:999999999999:table/Source';
for (const args of [
  (url) => ['replicate', FOREIGN, url('Target')],
  (url) => ['copy-table', url('NoStream'), FOREIGN, '--overwrite'],
  (url) => ['diff-tables', url('NoStream'), FOREIGN, '--repair'],
  () => ['backup-table', FOREIGN, 'file:/nowhere/backup'],
]) {
  refuses(`${args(String)[0]} with a table whose ARN is another's`, {
    args,
    env: () => ({
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL: new URL(at()('Source')).origin,
    }),
    code: EXIT.usage,
    says: [FOREIGN, 'table/Source', /check account, region and endpoint/],
  });
}

// ---- access and reach ----------------------------------------------------------------------------------------------

refuses('a CA bundle of a profile that does not exist', {
  args: (url) => replicate(url, 'Source', 'Target', '--target-profile', 'prod'),
  env: (stage) => {
    const config = stage.path('my-config');
    writeFileSync(config, '[profile prod]\nca_bundle = /nowhere/ca.pem\n');
    return { AWS_CONFIG_FILE: config, AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };
  },
  code: EXIT.usage,
  says: ['/nowhere/ca.pem'],
});

refuses('no credentials anywhere', {
  args: (url) => replicate(url, 'Source', 'Target'),
  env: () => ({}),
  code: EXIT.access,
  says: [/none found/, 'AWS_ACCESS_KEY_ID', 'AWS_EC2_METADATA_DISABLED', /name a profile/],
});
refuses('an endpoint where nobody listens', {
  args: async (url) => ['replicate', 'http://127.0.0.1:1/Source', url('Target')],
  code: EXIT.unreachable,
  says: [/127\.0\.0\.1:\d+/, /refused/i],
});
refuses('a host name that does not exist', {
  args: (url) => ['replicate', url('Source'), 'https://dynamodb.invalid/Target'],
  code: EXIT.unreachable,
  says: ['dynamodb.invalid'],
});
const ELSEWHERE = 'http://192.0.2.1:4566';
const ROLE = ['--source-role-arn', 'arn:aws:iam::123456789012:role/replica'];
const PLAIN_HTTP = {
  AWS_ENDPOINT_URL: () => ['diff-tables', 'eu-west-1/Source', 'eu-west-1/Target'],
  AWS_ENDPOINT_URL_DYNAMODB_STREAMS: (url) => replicate(url, 'Source', 'Target'),
  AWS_ENDPOINT_URL_STS: (url) => replicate(url, 'Source', 'Target', ...ROLE),
  AWS_ENDPOINT_URL_CLOUDWATCH: (url) => ['backup-table', url('Source'), 'file:/nowhere/backup', '--metric', 'Backups'],
  AWS_ENDPOINT_URL_S3: (url) => ['backup-table', url('Source'), 's3://bucket/backup'],
};
for (const [variable, args] of Object.entries(PLAIN_HTTP)) {
  refuses(`plain http to another machine by ${variable}`, {
    args,
    env: () => ({
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_REGION: 'eu-west-1',
      [variable]: ELSEWHERE,
    }),
    code: EXIT.usage,
    says: [ELSEWHERE, /plain http/, '--allow-insecure'],
  });
}
refuses('a CA bundle that does not exist', {
  args: (url) => replicate(url, 'Source', 'Target'),
  env: () => ({ AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', AWS_CA_BUNDLE: '/nowhere/ca.pem' }),
  code: EXIT.usage,
  says: ['/nowhere/ca.pem'],
});

const STAND_IN_KEYS = { AWS_ACCESS_KEY_ID: 'AKIDE2E', AWS_SECRET_ACCESS_KEY: 'e2e-secret' };
const STAND_IN = [
  ...['--access-key', STAND_IN_KEYS.AWS_ACCESS_KEY_ID, '--secret-key', STAND_IN_KEYS.AWS_SECRET_ACCESS_KEY],
  ...['--table', 'Source:id', '--table', 'Target:id'],
];

// The same caller asks for both sides of one server, so both sides fail alike, and one line must do.
function refusedByService(name, { standIn = [], keys = {}, says }) {
  scenario(`${name}: exit code ${EXIT.access}`, async (stage) => {
    const { endpoint } = await stage.standIn([...STAND_IN, ...standIn]);
    const run = await stage.run(['replicate', `${endpoint}/Source`, `${endpoint}/Target`], {
      env: { ...STAND_IN_KEYS, ...keys },
    });
    assert.equal(run.ended.code, EXIT.access, run.stderr);
    const lines = complaints(run);
    assert.ok(lines.length >= 1 && lines.length <= 2, `a line for each side at most:\n${run.stderr}`);
    for (const line of lines) for (const part of says) assert.match(line, part);
    assert.equal(run.stdout, '');
  });
}
refusedByService('expired credentials', {
  standIn: ['--fault-rate', '1', '--kinds', 'expired-token'],
  says: [/ExpiredToken/, /expired/i, /Source|Target/],
});
refusedByService('denied access', {
  standIn: ['--fault-rate', '1', '--kinds', 'access-denied'],
  says: [/AccessDenied/, /Source|Target/],
});
refusedByService('a wrong secret', { keys: { AWS_SECRET_ACCESS_KEY: 'wrong' }, says: [/signature/i, /Source|Target/] });
refusedByService('an unknown access key', { keys: { AWS_ACCESS_KEY_ID: 'AKIDNOBODY' }, says: [/token|key/i] });

// ---- the state file ------------------------------------------------------------------------------------------------

const withState = (file) => (url, stage) => replicate(url, 'Source', 'Target', '--state', stage.path(file));

refuses('a state file that is a folder', {
  args: (url, stage) => {
    mkdirSync(stage.path('folder'));
    return withState('folder')(url, stage);
  },
  code: EXIT.state,
  says: (url, stage) => [stage.path('folder'), /is a folder/, '--state'],
});
refuses('a state file that is something else', {
  args: (url, stage) => {
    writeFileSync(stage.path('notes.txt'), 'Milk, bread, butter\n'.repeat(200));
    return withState('notes.txt')(url, stage);
  },
  code: EXIT.state,
  says: (url, stage) => [stage.path('notes.txt'), /not a dynamirror state file/, '--state'],
});
refuses('a state file in a folder that does not exist and cannot be made', {
  args: (url) => replicate(url, 'Source', 'Target', '--state', '/proc/nowhere/state'),
  code: EXIT.state,
  says: ['/proc/nowhere', '--state'],
});
refuses('a dead-letter file in a folder that cannot be made', {
  args: (url, stage) => [...withState('state')(url, stage), '--dead-letter', '/proc/nowhere/letters'],
  code: EXIT.state,
  says: ['/proc/nowhere', '--dead-letter'],
});

async function caughtUp(stage, url, target, state, seconds = 60) {
  const args = replicate(url, 'Source', target, '--state', state, '--stop-when-caught-up', '--idle-poll', '50ms',
    '--start', 'trim-horizon');
  const run = await stage.run(args, { seconds });
  assert.equal(run.ended.code, 0, run.stderr);
}

// Root may read everything, unless it gives that up.
const WITHOUT_ROOT_RIGHTS =
  process.getuid() === 0 ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search,-fowner'] : [];

scenario(`a state file that may not be read: exit code ${EXIT.state}`, async (stage) => {
  const state = stage.path('state');
  writeFileSync(state, '', { mode: 0o000 });
  const run = await stage.run(replicate(at(), 'Source', 'Target', '--state', state), { wrapper: WITHOUT_ROOT_RIGHTS });
  assertRefused(run, { code: EXIT.state, says: [state, /Permission denied/, '--state'] });
});

scenario(`a state file that is cut off: exit code ${EXIT.state}, and it stays as it is`, async (stage) => {
  const state = stage.path('state');
  await caughtUp(stage, at(), 'Target', state);
  writeFileSync(state, readFileSync(state).subarray(0, 5_000));
  const before = readFileSync(state);
  const run = await stage.run(replicate(at(), 'Source', 'Target', '--state', state));
  assertRefused(run, { code: EXIT.state, says: [state, /damaged/, /remove it|restore/] });
  assert.deepEqual(readFileSync(state), before);
});

scenario(`a state file of another replication: exit code ${EXIT.state}, and it stays as it is`, async (stage) => {
  const state = stage.path('state');
  await caughtUp(stage, at(), 'Target', state);
  copyFileSync(state, stage.path('copy'));
  const run = await stage.run(replicate(at(), 'Source', 'Other', '--state', state));
  assertRefused(run, { code: EXIT.state, says: [state, at()('Target'), at()('Other'), '--state'] });
  assert.deepEqual(readFileSync(state), readFileSync(stage.path('copy')));
});

scenario(`a second process on one state file: exit code ${EXIT.state}, and the first goes on`, async (stage) => {
  const state = stage.path('state');
  const args = replicate(at(), 'Source', 'Target', '--state', state, '--start', 'trim-horizon');
  const first = stage.dynamirror(args);
  await first.waitUntil((self) => /replicating/.test(self.stderr), 60, 'start');
  assertRefused(await stage.run(args), { code: EXIT.state, says: ['/Target', /in use by process \d+/, /stop/] });
  assert.equal(first.ended, undefined);
  first.kill('SIGTERM');
  assert.equal((await first.waitForExit(5)).code, 0);
});

// ---- dead letters --------------------------------------------------------------------------------------------------

const replay = (file, url, ...more) => ['dead-letters', 'replay', file, url('Target'), ...more];

refuses('a replay of a file that does not exist', {
  args: (url, stage) => replay(stage.path('letters.jsonl'), url),
  code: EXIT.state,
  says: (url, stage) => [stage.path('letters.jsonl'), /no such file/],
});
refuses('a replay of a folder', {
  args: (url, stage) => replay(stage.path('home'), url),
  code: EXIT.state,
  says: (url, stage) => [stage.path('home')],
});
refuses('a replay of a file that holds no dead letters', {
  args: (url, stage) => {
    writeFileSync(stage.path('letters.jsonl'), '{"key":{"id":{"S":"one"}},"image":nothing}\n{}\n');
    return replay(stage.path('letters.jsonl'), url);
  },
  code: EXIT.state,
  says: (url, stage) => [stage.path('letters.jsonl'), /line 1|entry 1|1/],
});
refuses('a replay onto a table that does not exist', {
  args: (url, stage) => {
    writeFileSync(stage.path('letters.jsonl'), '');
    return ['dead-letters', 'replay', stage.path('letters.jsonl'), url('Missing')];
  },
  code: EXIT.notReady,
  says: ['Missing', /no such table/],
});
refuses('a replay without a target', {
  args: () => ['dead-letters', 'replay', 'letters.jsonl'],
  code: EXIT.usage,
  says: ['TARGET', '--help'],
});

scenario(`a replay of a file that a replication writes: exit code ${EXIT.state}`, async (stage) => {
  const letters = stage.path('letters.jsonl');
  const args = ['--state', stage.path('state'), '--dead-letter', letters, '--start', 'trim-horizon'];
  const replication = stage.dynamirror(replicate(at(), 'Source', 'Target', ...args));
  await replication.waitUntil((self) => /replicating/.test(self.stderr), 60, 'start');
  assert.ok(existsSync(letters) || existsSync(`${letters}.lock`));
  writeFileSync(letters, '', { flag: 'a' });
  assertRefused(await stage.run(replay(letters, at())), { code: EXIT.state, says: [letters, /use/] });
});

