// SPDX-License-Identifier: Apache-2.0
// What DynamoDB Local has not: a DynamoDB that knows identities, STS, a container agent, and instance metadata. Each
// is stricter than the real one: what it does not expect it refuses, and remembers in `complaints`.
import { randomUUID } from 'node:crypto';
import { Agent, createServer, request as httpRequest } from 'node:http';
import { verifySignature } from './sigv4.mjs';

const LISTEN = '127.0.0.1';
const agent = new Agent({ keepAlive: true });

// Serves `handle(request, body)`, which resolves to {status, headers, body}; resolves to its endpoint.
async function listen(stage, handle) {
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', async () => {
      const answer = await handle(request, Buffer.concat(chunks));
      response.writeHead(answer.status ?? 200, answer.headers ?? {});
      response.end(answer.body ?? '');
    });
  });
  await new Promise((resolve) => server.listen(0, LISTEN, resolve));
  stage.addCloser(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://${LISTEN}:${server.address().port}`;
}

function forward(endpoint, { headers }, body) {
  return new Promise((resolve, reject) => {
    const request = httpRequest(endpoint, { method: 'POST', headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.once('error', reject);
    request.end(body);
  });
}

function refusal(code) {
  const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': randomUUID() };
  const error = { __type: `com.amazon.coral.service#${code}`, message: `stand-in: ${code}` };
  return { status: 400, headers, body: JSON.stringify(error) };
}

// A proxy that passes everything on, and remembers as whom it was asked: `accessKeys`, a Set.
export async function recordingProxy(stage, { to }) {
  const proxy = { accessKeys: new Set() };
  proxy.endpoint = await listen(stage, (request, body) => {
    proxy.accessKeys.add(/Credential=([^/]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? 'nobody');
    return forward(to, request, body);
  });
  return proxy;
}

// A proxy that passes everything on, and notes what answers say that they consumed, and when.
export async function consumptionProxy(stage, { to }) {
  const consumed = []; // {at: seconds, units}
  const unitsOf = ({ ConsumedCapacity }) =>
    [ConsumedCapacity ?? []].flat().reduce((sum, { CapacityUnits }) => sum + CapacityUnits, 0);
  const endpoint = await listen(stage, async (request, body) => {
    const answer = await forward(to, request, body);
    const units = request.headers['x-amz-target']?.includes('Write') ? unitsOf(JSON.parse(answer.body)) : 0;
    if (units > 0) consumed.push({ at: performance.now() / 1000, units });
    return answer;
  });
  const units = () => consumed.reduce((sum, entry) => sum + entry.units, 0);
  // Units a second, of the busiest stretch of so many seconds.
  const highestRate = (seconds) => {
    let [first, within, highest] = [0, 0, 0];
    for (const { at, units: more } of consumed) {
      within += more;
      while (consumed[first].at <= at - seconds) within -= consumed[first++].units;
      highest = Math.max(highest, within);
    }
    return highest / seconds;
  };
  return { endpoint, units, highestRate };
}

// A DynamoDB that tells a table's changes to a stream of Kinesis, when it is asked to: it is ENABLING for some looks, and
// then what `end` says. `enabled`: the bodies that asked for it.
export async function kinesisDestinationProxy(stage, { to, looksUntilActive, end = 'ACTIVE' }) {
  const proxy = { enabled: [], complaints: [] };
  let looks = 0;
  const destination = () => {
    const { StreamArn } = proxy.enabled[0];
    return { StreamArn, DestinationStatus: looks > looksUntilActive ? end : 'ENABLING' };
  };
  proxy.endpoint = await listen(stage, (request, body) => {
    const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': randomUUID() };
    const operation = request.headers['x-amz-target']?.split('.')[1];
    const asked = body.length > 0 ? JSON.parse(body) : {};
    if (operation === 'EnableKinesisStreamingDestination') {
      if (proxy.enabled.length > 0) proxy.complaints.push('enabled twice');
      proxy.enabled.push(asked);
      return { headers, body: JSON.stringify({ TableName: asked.TableName, ...destination() }) };
    }
    if (operation !== 'DescribeKinesisStreamingDestination') return forward(to, request, body);
    if (proxy.enabled.length > 0) looks += 1;
    const KinesisDataStreamDestinations = proxy.enabled.length > 0 ? [destination()] : [];
    return { headers, body: JSON.stringify({ TableName: asked.TableName, KinesisDataStreamDestinations }) };
  });
  return proxy;
}

// A proxy that answers one request every `everyMs` with ExpiredTokenException and passes on the others. Counts them in
// `expired`.
export async function expiringProxy(stage, { to, everyMs }) {
  const proxy = { expired: 0 };
  let next = Date.now() + everyMs;
  proxy.endpoint = await listen(stage, async (request, body) => {
    if (Date.now() < next) return forward(to, request, body);
    next = Date.now() + everyMs;
    proxy.expired++;
    return refusal('ExpiredTokenException');
  });
  return proxy;
}

// A new set of keys. name: to tell it from others in messages.
export function newIdentity(name, { temporary = true } = {}) {
  const id = randomUUID().replaceAll('-', '').toUpperCase();
  return {
    accessKeyId: `AKID${name.toUpperCase()}${id.slice(0, 8)}`,
    secret: `secret-of-${name}-${id}`,
    ...(temporary ? { token: `token-of-${name}-${id}` } : {}),
  };
}

export function keysInEnvironment({ accessKeyId, secret, token }) {
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secret,
    ...(token ? { AWS_SESSION_TOKEN: token } : {}),
  };
}

class Identities {
  constructor(identities) {
    this.known = new Map();
    this.expired = new Set();
    this.deleted = new Set();
    this.used = new Set(); // access key ids of good requests
    this.complaints = [];
    for (const identity of identities) this.add(identity);
  }

  add(identity) {
    this.known.set(identity.accessKeyId, identity);
    return identity;
  }

  expire({ accessKeyId }) {
    this.expired.add(accessKeyId);
  }

  delete({ accessKeyId }) {
    this.deleted.add(accessKeyId);
  }

  // Nothing, or the AWS error code to answer.
  refusal(request, body, service) {
    const { accessKeyId, wrong } = verifySignature(request, body, this.known, service);
    if (wrong) {
      this.complaints.push(`${accessKeyId ?? 'somebody'}: ${wrong}`);
      return 'UnrecognizedClientException';
    }
    if (this.deleted.has(accessKeyId)) return 'UnrecognizedClientException';
    if (this.expired.has(accessKeyId)) return 'ExpiredTokenException';
    this.used.add(accessKeyId);
    return undefined;
  }
}

// A scripted DynamoDB with a streamed table Source and a table Target (key id:S), for these identities only.
export async function guardedDynamoDb(stage, identities, { items = [] } = {}) {
  const { endpoint: inner } = await stage.standIn(['--no-signature', '--table', 'Source:id', '--table', 'Target:id']);
  const guard = new Identities(identities);
  guard.endpoint = await listen(stage, async (request, body) => {
    const code = guard.refusal(request, body, 'dynamodb');
    return code ? refusal(code) : forward(inner, request, body);
  });
  // Past the guard, as the owner of the tables.
  guard.call = async (operation, message) => {
    const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `DynamoDB_20120810.${operation}` };
    const answer = await forward(inner, { headers }, JSON.stringify(message));
    if (answer.status !== 200) throw new Error(`${operation}: ${answer.body}`);
    return JSON.parse(answer.body);
  };
  guard.put = (id) => guard.call('PutItem', { TableName: 'Source', Item: { id: { S: id } } });
  guard.targetIds = async () => {
    const { Items } = await guard.call('Scan', { TableName: 'Target' });
    return Items.map(({ id }) => id.S).sort();
  };
  for (const id of items) await guard.put(id);
  return guard;
}

function stsAnswer(operation, { accessKeyId, secret, token }, expires) {
  return {
    headers: { 'content-type': 'text/xml' },
    body: `<${operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${operation}Result><Credentials>
<AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secret}</SecretAccessKey>
<SessionToken>${token}</SessionToken><Expiration>${expires.toISOString()}</Expiration>
</Credentials></${operation}Result><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata>
</${operation}Response>`,
  };
}

function stsRefusal(code, message) {
  return {
    status: 403,
    headers: { 'content-type': 'text/xml' },
    body: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>${code}</Code><Message>${message}</Message></Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`,
  };
}

// STS. callers: who may assume. roles: ARN -> {externalId, webToken, issue: () => identity, lifetimeSeconds}.
export async function sts(stage, { callers = [], roles }) {
  const guard = new Identities(callers);
  guard.calls = [];
  guard.endpoint = await listen(stage, async (request, body) => {
    const form = Object.fromEntries(new URLSearchParams(body.toString()));
    const role = roles[form.RoleArn];
    guard.calls.push(form);
    const byToken = form.Action === 'AssumeRoleWithWebIdentity';
    if (byToken ? request.headers.authorization !== undefined : form.Action !== 'AssumeRole') {
      guard.complaints.push(`unexpected ${form.Action}`);
      return stsRefusal('InvalidAction', 'stand-in: not expected');
    }
    const code = byToken ? undefined : guard.refusal(request, body, 'sts');
    if (code) return stsRefusal(code, 'stand-in: unknown caller');
    if (!role || form.ExternalId !== role.externalId || form.WebIdentityToken !== role.webToken) {
      return stsRefusal('AccessDenied', `not authorized to perform: sts:${form.Action} on resource: ${form.RoleArn}`);
    }
    return stsAnswer(form.Action, role.issue(), new Date(Date.now() + (role.lifetimeSeconds ?? 3_600) * 1_000));
  });
  return guard;
}

function credentialsJson({ accessKeyId, secret, token }, lifetimeSeconds) {
  const Expiration = new Date(Date.now() + lifetimeSeconds * 1_000).toISOString();
  return { AccessKeyId: accessKeyId, SecretAccessKey: secret, Token: token, Expiration };
}

// The agent of ECS and EKS, which wants `token` as the Authorization header.
export async function containerAgent(stage, { token, issue, lifetimeSeconds = 3_600 }) {
  const agent = { calls: 0, complaints: [] };
  agent.endpoint = await listen(stage, async (request) => {
    agent.calls++;
    const expected = request.method === 'GET' && request.url === '/v1/credentials';
    if (!expected || request.headers.authorization !== token) {
      agent.complaints.push(`${request.method} ${request.url} with ${request.headers.authorization}`);
      return { status: 403 };
    }
    return { body: JSON.stringify(credentialsJson(issue(), lifetimeSeconds)) };
  });
  return agent;
}

// EC2 instance metadata, version 2: nothing without a session token.
export async function instanceMetadata(stage, { role, issue, lifetimeSeconds = 3_600 }) {
  const session = randomUUID();
  const service = { calls: [], complaints: [] };
  const paths = {
    '/latest/meta-data/iam/security-credentials/': () => role,
    [`/latest/meta-data/iam/security-credentials/${role}`]: () =>
      JSON.stringify({ Code: 'Success', Type: 'AWS-HMAC', ...credentialsJson(issue(), lifetimeSeconds) }),
  };
  service.endpoint = await listen(stage, async ({ method, url, headers }) => {
    service.calls.push(`${method} ${url}`);
    if (method === 'PUT' && url === '/latest/api/token' && headers['x-aws-ec2-metadata-token-ttl-seconds']) {
      return { body: session };
    }
    if (method !== 'GET' || headers['x-aws-ec2-metadata-token'] !== session || !paths[url]) {
      service.complaints.push(`${method} ${url}`);
      return { status: paths[url] ? 401 : 404 };
    }
    return { body: paths[url]() };
  });
  return service;
}
