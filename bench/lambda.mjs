#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Functions under AWS Lambda: what a cold start costs until the first event is asked for, and the processor time of a
// batch of 1,000 records, beside Python functions that do what the tools' functions do (bench/lambda), in one run.
//
// usage: lambda.mjs [STARTS] [SECONDS]      (default 10 starts, and 3 s of batches for each function)
// Everything else is played by this process: the runtime interface, DynamoDB and STS, which answer at once.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installCfnLint } from '../tests/e2e/support/cfn_lint.mjs';
import { LambdaRuntime } from '../tests/e2e/support/lambda_runtime.mjs';
import { streamRecord } from '../tests/e2e/support/stream_events.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [STARTS = 10, SECONDS = 3] = process.argv.slice(2).map(Number);
const RECORDS = 1_000;
const WARM_UP = 1;
const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux that Debian runs on

const closers = [];
const stage = { addCloser: (close) => closers.push(close) };

const ASSUMED = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>assumed</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`;

async function services() {
  const calls = { BatchWriteItem: 0, PutItem: 0, AssumeRole: 0 };
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const operation = request.headers['x-amz-target']?.split('.')[1] ?? 'AssumeRole';
      calls[operation] += 1;
      if (operation === 'AssumeRole') return response.writeHead(200, { 'content-type': 'text/xml' }).end(ASSUMED);
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(operation === 'BatchWriteItem' ? '{"UnprocessedItems":{}}' : '{}');
    });
  });
  server.keepAliveTimeout = 0;
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint: `http://127.0.0.1:${server.address().port}`, calls };
}

// boto3 is there for cfn-lint.
installCfnLint();
const PROGRAMS = {
  dynamirror: [join(root, 'build/release/dynamirror'), ['lambda']],
  'python3, boto3': [join(root, 'build/cfn-lint/bin/python'), [join(root, 'bench/lambda/runtime.py')]],
};
const HANDLERS = {
  'replicator.lambda_handler': { TARGET_REGION: 'us-west-2', TARGET_TABLE: 'Orders' },
  'ReplayFromStream.lambda_handler': {
    TARGET_AWS_ACCOUNT_NUMBER: '123456789012',
    TARGET_ROLE_NAME: 'replay',
    TARGET_DYNAMODB_NAME: 'Orders',
    TARGET_REGION: 'us-west-2',
  },
};

// Starts a function; resolves when it asks for its first event.
async function start(program, handler, endpoint) {
  const runtime = await LambdaRuntime.start(stage);
  const [command, args] = PROGRAMS[program];
  const env = {
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
    AWS_REGION: 'eu-west-1',
    AWS_DEFAULT_REGION: 'eu-west-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ENDPOINT_URL_DYNAMODB: endpoint,
    AWS_ENDPOINT_URL_STS: endpoint,
    AWS_LAMBDA_RUNTIME_API: runtime.address,
    _HANDLER: handler,
    ...HANDLERS[handler],
    ...(program === 'dynamirror' ? { DYNAMIRROR_LOG_LEVEL: 'error', DYNAMIRROR_METRICS: 'off' } : {}),
  };
  const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((done) => child.once('exit', done));
  const early = await Promise.race([runtime.idle(), ended.then(() => 'ended')]);
  if (early === 'ended') throw new Error(`${program} ended at its start`);
  return { runtime, pid: child.pid, end: () => (child.kill('SIGKILL'), ended) };
}

// Of the threads there are, to the nanosecond.
function cpuMsOfThreads(pid) {
  const ofThread = (thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + ofThread(thread), 0);
}

// Of those that have ended, too, to a tick.
function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1_000;
}

const memory = (pid, name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1_024;
const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function coldStarts(program, handler, endpoint) {
  const [cpu, resident] = [[], []];
  for (let i = 0; i < STARTS; i++) {
    const func = await start(program, handler, endpoint);
    cpu.push(cpuMsOfThreads(func.pid));
    resident.push(memory(func.pid, 'VmRSS'));
    await func.end();
  }
  return { cpu: median(cpu), resident: median(resident) };
}

const sequence = (i) => `${100000000000000000000n + BigInt(i)}`;
const event = JSON.stringify({
  Records: Array.from({ length: RECORDS }, (_, i) => {
    const key = { id: { S: `order-${String(i).padStart(8, '0')}` }, line: { N: `${i}` } };
    const text = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [name, { S: `${name} ${i} `.repeat(7) }]));
    return streamRecord('Orders', sequence(i), { key, image: { ...key, ...text, price: { N: `${i}.95` }, paid: { BOOL: true } } });
  }),
});

async function batches(program, handler, endpoint) {
  const func = await start(program, handler, endpoint);
  const invoke = async () => {
    const { answer, error } = await func.runtime.invoke(event, { seconds: 300 });
    if (error || (answer?.batchItemFailures ?? []).length > 0) throw new Error(error ?? JSON.stringify(answer));
  };
  for (let i = 0; i < WARM_UP; i++) await invoke();
  const [before, begun] = [cpuMs(func.pid), performance.now()];
  let done = 0;
  for (; done === 0 || performance.now() - begun < SECONDS * 1_000; done++) await invoke();
  const measured = {
    cpu: (cpuMs(func.pid) - before) / done,
    wall: (performance.now() - begun) / done,
    peak: memory(func.pid, 'VmHWM'),
  };
  await func.end();
  return measured;
}

async function beside(title, names, measure) {
  console.log(title);
  const results = {};
  for (const program of Object.keys(PROGRAMS)) {
    results[program] = await measure(program);
    const values = names.map(([name, unit]) => `${name} ${results[program][name].toFixed(1)} ${unit}`);
    console.log(`  ${program.padEnd(15)} ${values.join(', ')}`);
  }
  const [ours, theirs] = Object.values(results);
  console.log(`  ratio           ${names.map(([name]) => `${name} ${(theirs[name] / ours[name]).toFixed(1)}`).join(', ')}\n`);
}

try {
  const { endpoint, calls } = await services();
  for (const handler of Object.keys(HANDLERS)) {
    const start_ = [['cpu', 'ms'], ['resident', 'MiB']];
    await beside(`cold start of ${handler} (median of ${STARTS})`, start_, (program) => coldStarts(program, handler, endpoint));
    const batch = [['cpu', 'ms'], ['wall', 'ms'], ['peak', 'MiB']];
    await beside(`a batch of ${RECORDS} records of ${Math.round(event.length / RECORDS)} bytes by ${handler}`, batch, (program) =>
      batches(program, handler, endpoint),
    );
  }
  console.log(`requests served: ${JSON.stringify(calls)}`);
} finally {
  for (const close of closers) await close();
}
