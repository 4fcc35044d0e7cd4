// SPDX-License-Identifier: Apache-2.0
// Goal: whichever place the credentials of a side come from, they are found, sign every request, and are renewed while
// the replication runs; and no other place is asked.
// Method: the binary against a scripted DynamoDB that verifies each signature and tells identities apart, with scripted
// STS, container agent and instance metadata that issue keys only that DynamoDB knows. All on this machine's loopback.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  containerAgent,
  guardedDynamoDb,
  instanceMetadata,
  keysInEnvironment,
  newIdentity,
  sts,
} from './support/aws_servers.mjs';
import { assertClean, assertRefused } from './support/expect.mjs';
import { scenario } from './support/stage.mjs';

const ROLE = 'arn:aws:iam::123456789012:role/replica';
const ITEMS = ['a', 'b', 'c'];
const EXIT_ACCESS = 4;

const between = (source, target) => ['replicate', `${source.endpoint}/Source`, `${target.endpoint}/Target`];

// Runs until caught up with both sides at `dynamodb`, and checks that `identity` alone did everything.
async function assertReplicatesAs(stage, dynamodb, identity, { env, more = [], tables = between(dynamodb, dynamodb) }) {
  const args = [...tables, '--state', stage.path('state'), '--output', 'json'];
  const run = await stage.run([...args, '--stop-when-caught-up', '--idle-poll', '50ms', ...more], { env });
  assert.equal(assertClean(run).read, ITEMS.length);
  assert.deepEqual(await dynamodb.targetIds(), ITEMS);
  assert.deepEqual([...dynamodb.used], [identity.accessKeyId]);
  assert.deepEqual(dynamodb.complaints, []);
  return run;
}

function writeAwsFile(stage, name, text) {
  mkdirSync(stage.path('home/.aws'), { recursive: true });
  writeFileSync(stage.path(`home/.aws/${name}`), text, { mode: 0o600 });
}

function keysInFile({ accessKeyId, secret, token }) {
  const lines = [`aws_access_key_id = ${accessKeyId}`, `aws_secret_access_key=${secret}`];
  if (token) lines.push(`aws_session_token = ${token}`);
  return `${lines.join('\n')}\n`;
}

// ---- the places ----------------------------------------------------------------------------------------------------

for (const temporary of [false, true]) {
  scenario(`keys in the environment, ${temporary ? 'with' : 'without'} a session token`, async (stage) => {
    const identity = newIdentity('env', { temporary });
    const dynamodb = await guardedDynamoDb(stage, [identity], { items: ITEMS });
    await assertReplicatesAs(stage, dynamodb, identity, { env: keysInEnvironment(identity) });
  });
}

scenario('keys in the default profile of the credentials file', async (stage) => {
  const identity = newIdentity('file', { temporary: false });
  const dynamodb = await guardedDynamoDb(stage, [identity], { items: ITEMS });
  writeAwsFile(stage, 'credentials', `# comment\n[default]\n${keysInFile(identity)}\n[other]\naws_access_key_id = X\n`);
  await assertReplicatesAs(stage, dynamodb, identity, { env: {} });
});

scenario('keys in the profile that AWS_PROFILE names, in files that the environment names', async (stage) => {
  const identity = newIdentity('profile');
  const dynamodb = await guardedDynamoDb(stage, [identity], { items: ITEMS });
  writeFileSync(stage.path('my-config'), `[profile prod]\nregion = eu-west-1\n${keysInFile(identity)}`);
  const env = { AWS_PROFILE: 'prod', AWS_CONFIG_FILE: stage.path('my-config') };
  await assertReplicatesAs(stage, dynamodb, identity, { env });
});

scenario('keys and endpoints of a profile, written the other ways that the AWS CLI reads', async (stage) => {
  const identity = newIdentity('profile', { temporary: false });
  const dynamodb = await guardedDynamoDb(stage, [identity], { items: ITEMS });
  const keys = keysInFile(identity).replace(/^/gm, '  ').replace(' = ', ': ');
  const services = ['dynamodb', 'dynamodb_streams'].map((name) => `${name} =\n  endpoint_url = ${dynamodb.endpoint}\n`);
  writeAwsFile(stage, 'config', `[profile prod]\n${keys}\n  services = own\n[services own]\n${services.join('')}`);
  const tables = ['replicate', 'eu-west-1/Source', 'eu-west-1/Target'];
  await assertReplicatesAs(stage, dynamodb, identity, { env: { AWS_DEFAULT_PROFILE: 'prod' }, tables });
});

scenario('a credential_process', async (stage) => {
  const identity = newIdentity('process');
  const dynamodb = await guardedDynamoDb(stage, [identity], { items: ITEMS });
  const answer = {
    Version: 1,
    AccessKeyId: identity.accessKeyId,
    SecretAccessKey: identity.secret,
    SessionToken: identity.token,
  };
  writeFileSync(stage.path('answer.json'), JSON.stringify(answer));
  writeFileSync(stage.path('give keys.sh'), '#!/bin/sh\ncat "$1"\n');
  chmodSync(stage.path('give keys.sh'), 0o755);
  const command = `"${stage.path('give keys.sh')}" ${stage.path('answer.json')}`;
  writeAwsFile(stage, 'config', `[profile helper]\ncredential_process = ${command}\n`);
  const more = ['--source-profile', 'helper', '--target-profile', 'helper'];
  await assertReplicatesAs(stage, dynamodb, identity, { env: {}, more });
});

scenario('a role of a profile, assumed with the keys of another profile and an external id', async (stage) => {
  const base = newIdentity('base', { temporary: false });
  const assumed = newIdentity('assumed');
  const dynamodb = await guardedDynamoDb(stage, [assumed], { items: ITEMS });
  const roles = { [ROLE]: { externalId: '47 11', issue: () => assumed } };
  const service = await sts(stage, { callers: [base], roles });
  const profile = `role_arn = ${ROLE}\nsource_profile = base\nexternal_id = 47 11\nrole_session_name = night\n`;
  writeAwsFile(stage, 'config', `[profile prod]\n${profile}\n[profile base]\n${keysInFile(base)}`);
  const env = { AWS_PROFILE: 'prod', AWS_ENDPOINT_URL_STS: service.endpoint };
  await assertReplicatesAs(stage, dynamodb, assumed, { env });
  assert.deepEqual(service.complaints, []);
  for (const call of service.calls) assert.equal(call.RoleSessionName, 'night');
});

scenario('web identity, as in EKS', async (stage) => {
  const assumed = newIdentity('web');
  const dynamodb = await guardedDynamoDb(stage, [assumed], { items: ITEMS });
  const service = await sts(stage, { roles: { [ROLE]: { webToken: 'ey.J+/=.x', issue: () => assumed } } });
  writeFileSync(stage.path('web-token'), 'ey.J+/=.x');
  const env = {
    AWS_WEB_IDENTITY_TOKEN_FILE: stage.path('web-token'),
    AWS_ROLE_ARN: ROLE,
    AWS_ENDPOINT_URL_STS: service.endpoint,
  };
  await assertReplicatesAs(stage, dynamodb, assumed, { env });
  assert.deepEqual(service.complaints, []);
});

scenario('the container agent, with the token from a file', async (stage) => {
  const identity = newIdentity('container');
  const dynamodb = await guardedDynamoDb(stage, [identity], { items: ITEMS });
  const agent = await containerAgent(stage, { token: 'Bearer pod', issue: () => identity });
  writeFileSync(stage.path('pod-token'), 'Bearer pod\n');
  const env = {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.endpoint}/v1/credentials`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: stage.path('pod-token'),
  };
  await assertReplicatesAs(stage, dynamodb, identity, { env });
  assert.deepEqual(agent.complaints, []);
});

scenario('the role of an EC2 instance, by metadata version 2 only', async (stage) => {
  const identity = newIdentity('instance');
  const dynamodb = await guardedDynamoDb(stage, [identity], { items: ITEMS });
  const metadata = await instanceMetadata(stage, { role: 'replica-role', issue: () => identity });
  const env = { AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.endpoint };
  await assertReplicatesAs(stage, dynamodb, identity, { env });
  assert.deepEqual(metadata.complaints, []);
  assert.equal(metadata.calls[0], 'PUT /latest/api/token');
});

scenario('what comes first in the chain is taken, and nobody else is asked', async (stage) => {
  const identity = newIdentity('first');
  const dynamodb = await guardedDynamoDb(stage, [identity], { items: ITEMS });
  const agent = await containerAgent(stage, { token: undefined, issue: () => newIdentity('second') });
  const metadata = await instanceMetadata(stage, { role: 'third', issue: () => newIdentity('third') });
  writeAwsFile(stage, 'credentials', `[default]\n${keysInFile(newIdentity('fourth'))}`);
  const env = {
    ...keysInEnvironment(identity),
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.endpoint}/v1/credentials`,
    AWS_EC2_METADATA_DISABLED: 'false',
    AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.endpoint,
  };
  await assertReplicatesAs(stage, dynamodb, identity, { env });
  assert.equal(agent.calls, 0);
  assert.deepEqual(metadata.calls, []);
});

// ---- two sides -----------------------------------------------------------------------------------------------------

scenario('source and target each have their own: a profile here, a role of another account there', async (stage) => {
  const reader = newIdentity('reader', { temporary: false });
  const base = newIdentity('base', { temporary: false });
  const writer = newIdentity('writer');
  const source = await guardedDynamoDb(stage, [reader], { items: ITEMS });
  const target = await guardedDynamoDb(stage, [writer]);
  const service = await sts(stage, { callers: [base], roles: { [ROLE]: { externalId: '4711', issue: () => writer } } });
  writeAwsFile(stage, 'credentials', `[prod]\n${keysInFile(reader)}`);
  const env = { ...keysInEnvironment(base), AWS_ENDPOINT_URL_STS: service.endpoint };
  const sides = ['--source-profile', 'prod', '--target-role-arn', ROLE, '--target-external-id', '4711'];
  const args = [...between(source, target), '--state', stage.path('state'), '--output', 'json', ...sides];
  assertClean(await stage.run([...args, '--stop-when-caught-up', '--idle-poll', '50ms'], { env }));
  assert.deepEqual(await target.targetIds(), ITEMS);
  assert.deepEqual([...source.used], [reader.accessKeyId]);
  assert.deepEqual([...target.used], [writer.accessKeyId]);
  assert.deepEqual([...source.complaints, ...target.complaints, ...service.complaints], []);
});

scenario('a wrong external id is said in one line, with exit code 4', async (stage) => {
  const base = newIdentity('base', { temporary: false });
  const dynamodb = await guardedDynamoDb(stage, [base], { items: ITEMS });
  const service = await sts(stage, { callers: [base], roles: { [ROLE]: { externalId: '4711', issue: () => base } } });
  const env = { ...keysInEnvironment(base), AWS_ENDPOINT_URL_STS: service.endpoint };
  const side = ['--target-role-arn', ROLE, '--target-external-id', '4712'];
  const run = await stage.run([...between(dynamodb, dynamodb), '--state', stage.path('state'), ...side], { env });
  assertRefused(run, { code: EXIT_ACCESS, says: [ROLE, 'AccessDenied', /not authorized to perform: sts:AssumeRole/] });
});

// ---- renewal -------------------------------------------------------------------------------------------------------

// Starts a replication whose keys `issue` makes, writes into its source until `done`, and checks that all arrived.
async function assertGoesOn(stage, dynamodb, { env, more = [], until, seconds = 45 }) {
  const args = [...between(dynamodb, dynamodb), '--state', stage.path('state'), '--output', 'json', ...more];
  const run = stage.dynamirror([...args, '--idle-poll', '50ms', '--log-level', 'debug'], { env });
  const written = [];
  for (const deadline = Date.now() + seconds * 1_000; !until(written.length); await sleep(100)) {
    assert.equal(run.ended, undefined, run.lastWords());
    assert.ok(Date.now() < deadline, `not within ${seconds} s`);
    written.push(`item ${String(written.length).padStart(4, '0')}`);
    await dynamodb.put(written.at(-1));
  }
  while ((await dynamodb.targetIds()).length < written.length) {
    assert.equal(run.ended, undefined, run.lastWords());
    await sleep(50);
  }
  run.kill('SIGTERM');
  await run.waitForExit(5);
  assert.equal(assertClean(run).read, written.length);
  assert.deepEqual(await dynamodb.targetIds(), written);
  assert.deepEqual(dynamodb.complaints, []);
}

scenario('keys are renewed before they expire, and as seldom as serves', async (stage) => {
  const base = newIdentity('base', { temporary: false });
  const dynamodb = await guardedDynamoDb(stage, []);
  const issue = () => dynamodb.add(newIdentity('renewed'));
  // Just beyond the last minute, in which everybody waits for the renewal.
  const roles = { [ROLE]: { externalId: '4711', lifetimeSeconds: 63, issue } };
  const service = await sts(stage, { callers: [base], roles });
  const side = (name) => [`--${name}-role-arn`, ROLE, `--${name}-external-id`, '4711'];
  const startedAt = Date.now();
  await assertGoesOn(stage, dynamodb, {
    env: { ...keysInEnvironment(base), AWS_ENDPOINT_URL_STS: service.endpoint },
    more: [...side('source'), ...side('target')],
    until: () => dynamodb.used.size >= 4, // two identities on each side
  });
  const fair = 2 * (2 + (Date.now() - startedAt) / 5_000);
  assert.ok(service.calls.length <= fair, `${service.calls.length} calls of STS, for ${dynamodb.used.size} keys used`);
});

scenario('keys that were rotated in the file are read anew when the old ones have been deleted', async (stage) => {
  const old = newIdentity('old', { temporary: false });
  const dynamodb = await guardedDynamoDb(stage, [old]);
  writeAwsFile(stage, 'credentials', `[default]\n${keysInFile(old)}`);
  let rotated = false;
  await assertGoesOn(stage, dynamodb, {
    env: {},
    until: (written) => {
      if (written >= 10 && !rotated) {
        rotated = true;
        const identity = dynamodb.add(newIdentity('new', { temporary: false }));
        writeAwsFile(stage, 'credentials', `[default]\n${keysInFile(identity)}`);
        dynamodb.delete(old);
      }
      return written >= 25;
    },
  });
  assert.equal(dynamodb.used.size, 2);
});

scenario('keys that the service calls expired are replaced, and the refused requests are made again', async (stage) => {
  const dynamodb = await guardedDynamoDb(stage, []);
  const issued = [];
  const issue = () => {
    issued.push(dynamodb.add(newIdentity('container')));
    return issued.at(-1);
  };
  const agent = await containerAgent(stage, { token: undefined, issue });
  let expired = 0;
  await assertGoesOn(stage, dynamodb, {
    env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.endpoint}/v1/credentials` },
    until: (written) => {
      const due = Math.floor(written / 10);
      if (due > expired && expired < 3) {
        expired++;
        for (const identity of issued) dynamodb.expire(identity);
      }
      return written >= 45;
    },
  });
  assert.equal(expired, 3);
  assert.ok(issued.length >= 1 + 3, `${issued.length} issued`);
});
