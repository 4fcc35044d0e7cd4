#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Whole tables: copy, compare, back up, restore, backfill and snapshot, each with its rate, our own process's CPU time for
// 100,000 items, its peak memory and the requests it made.
//
// usage: tables.mjs [ITEMS] [--local] [BINARY...]      (default 100000 items of about 400 bytes; this build's binary.
// Several are measured one after the other on the same tables.)
// The tables are on the scripted server of our tests, which answers faster than DynamoDB Local; --local takes that
// instead. Objects go to a local folder: what is measured is our side. After each step tables are compared.
import { spawn, spawnSync } from 'node:child_process';
import { Agent, request as httpRequest } from 'node:http';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { lastJson, start, waitForExit } from '../demo/processes.mjs';
import { startDynamoDbLocal, stopProcess } from '../tests/services/dynamodb_local.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const binaries = process.argv.slice(2).filter((word) => !/^(\d+|--local)$/.test(word));
if (binaries.length === 0) binaries.push(join(root, 'build/release/dynamirror'));
const local = process.argv.includes('--local');
const ITEMS = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 100_000);
const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux that Debian runs on
const HOURS = 3600;
const LANES = 8;
const FEW = Math.min(ITEMS, 5_000);

function usageOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
    return { cpu: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND, peak };
  } catch {
    return null;
  }
}

const env = { ...process.env, AWS_ACCESS_KEY_ID: 'bench', AWS_SECRET_ACCESS_KEY: 'bench', AWS_EC2_METADATA_DISABLED: 'true' };
const folder = mkdtempSync(join(tmpdir(), 'dynamirror-bench-'));
const servers = [];

async function startServer() {
  if (local) {
    const server = await startDynamoDbLocal({ logFile: join(folder, `local${servers.length}.log`) });
    servers.push(() => stopProcess(server.pid));
    return server.endpoint;
  }
  const server = spawn(join(root, 'build/release/tests/dynamodb_standin'), ['--no-signature', '--region', 'local'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  servers.push(() => server.kill('SIGKILL'));
  const text = await new Promise((resolve) => server.stdout.once('data', resolve));
  return `http://127.0.0.1:${JSON.parse(text).port}`;
}

const agent = new Agent({ keepAlive: true, maxSockets: LANES });

// One call with nothing but what the service needs: the scripted server refuses the SDK's own headers.
function call(endpoint, operation, body) {
  const text = JSON.stringify(body);
  const headers = {
    'content-type': 'application/x-amz-json-1.0',
    'content-length': Buffer.byteLength(text),
    'x-amz-target': `DynamoDB_20120810.${operation}`,
    'x-amz-date': new Date().toISOString().replace(/[-:]|\.\d+/g, ''),
    authorization:
      'AWS4-HMAC-SHA256 Credential=bench/20260101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
  };
  return new Promise((resolve, reject) => {
    const request = httpRequest(endpoint, { method: 'POST', agent, headers }, (response) => {
      let answer = '';
      response.on('data', (chunk) => (answer += chunk));
      response.on('end', () =>
        response.statusCode === 200 ? resolve(JSON.parse(answer)) : reject(new Error(`${operation}: ${answer}`)),
      );
    });
    request.once('error', reject);
    request.end(text);
  });
}

async function createTable(endpoint, TableName) {
  await call(endpoint, 'CreateTable', {
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  });
  while ((await call(endpoint, 'DescribeTable', { TableName })).Table.TableStatus !== 'ACTIVE');
}

// About 400 bytes of wire-form JSON; half of it compresses badly, as real data does.
function itemNumber(i) {
  const noise = Array.from({ length: 26 }, (_, k) => ((i * 2654435761 + k * 40503) >>> 0).toString(36)).join('');
  return {
    id: { S: `customer-${i % 997}#order-${i}` },
    status: { S: ['new', 'paid', 'sent', 'returned'][i % 4] },
    total: { N: `${(i * 7919) % 100_000}.${i % 100}` },
    created: { S: new Date(1_700_000_000_000 + i * 977).toISOString() },
    lines: { L: [{ M: { sku: { S: `sku-${i % 5_003}` }, count: { N: `${(i % 9) + 1}` } } }] },
    note: { S: noise },
    gift: { BOOL: i % 11 === 0 },
  };
}

async function load(endpoint, table, items = ITEMS) {
  let next = 0;
  const lane = async () => {
    while (next < items) {
      const begin = next;
      next += 25;
      const requests = [];
      for (let i = begin; i < Math.min(begin + 25, items); i++) requests.push({ PutRequest: { Item: itemNumber(i) } });
      let pending = { [table]: requests };
      while (Object.keys(pending ?? {}).length > 0) {
        pending = (await call(endpoint, 'BatchWriteItem', { RequestItems: pending })).UnprocessedItems;
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

// Runs a command to its end and prints its figures; accepts exit code 0 alone.
async function measure({ binary, number }, step, args, items = ITEMS) {
  const name = binaries.length > 1 ? `${step} [${number}]` : step;
  const run = start(binary, [...args, '--output', 'json', '--log-level', 'warning'], { log: join(folder, name), env });
  const begun = process.hrtime.bigint();
  let usage = { cpu: 0, peak: 0 };
  const timer = setInterval(() => {
    const now = usageOf(run.child.pid);
    if (now?.peak) usage = now;
  }, 20);
  const ended = await waitForExit(run, 2 * HOURS, name);
  clearInterval(timer);
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  if (ended.code !== 0) throw new Error(`${name} ended with code ${ended.code}; see ${run.log}`);
  const summary = lastJson(run.stdout());
  const perLakh = (usage.cpu * 100_000) / items;
  const requests = summary.requests === undefined ? '' : `  ${summary.requests} requests`;
  console.log(
    `${name.padEnd(16)} ${(items / seconds).toFixed(0).padStart(8)} items/s  ${perLakh.toFixed(2).padStart(6)} s CPU for ` +
      `100,000  ${usage.peak.toFixed(0).padStart(4)} MiB peak${requests}`,
  );
  return summary;
}

async function compareTables(measured, name, left, right) {
  const summary = await measure(measured, name, ['diff-tables', left, right]);
  if (JSON.stringify(summary).includes('"discrepancies":0') === false) throw new Error(`${name}: ${JSON.stringify(summary)}`);
}

try {
  const [from, to] = [await startServer(), await startServer()];
  const source = `${from}/Orders`;
  await createTable(from, 'Orders');
  await load(from, 'Orders');
  console.log(`${ITEMS} items on ${local ? 'DynamoDB Local' : 'the scripted server'}`);
  // A file and an fsync for each item: the disk's speed, so some of them are enough.
  await createTable(from, 'Few');
  await load(from, 'Few', FEW);
  for (const [i, binary] of binaries.entries()) {
    const measured = { binary, number: i + 1 };
    if (binaries.length > 1) console.log(`[${measured.number}] ${binary}`);
    const own = (name) => join(folder, `${name}${measured.number}`);
    const [copied, restored] = [`${to}/Copied${measured.number}`, `${to}/Restored${measured.number}`];
    await createTable(to, `Copied${measured.number}`);
    await createTable(to, `Restored${measured.number}`);
    const dumps = `file:${own('dumps')}`;
    await measure(measured, 'copy', ['copy-table', source, copied, '--state', own('copy.state')]);
    await compareTables(measured, 'diff', source, copied);
    await measure(measured, 'backup', ['backup-table', source, dumps, '--jobid', 'gzip']);
    await measure(measured, 'backup none', ['backup-table', source, dumps, '--jobid', 'plain', '--compression', 'none']);
    await measure(measured, 'restore', ['restore-table', `${dumps}/gzip`, restored]);
    await compareTables(measured, 'diff again', source, restored);
    await measure(measured, 'backfill', ['incremental-backfill', `${from}/Few`, `file:${own('items')}`], FEW);
    const snapshot = ['incremental-snapshot', `file:${own('items')}/Few`, `file:${own('snapshot')}`];
    await measure(measured, 'snapshot', snapshot, FEW);
  }
  const text = join(folder, 'dumps1/plain/0');
  const reference = spawnSync('bash', ['-c', `TIMEFORMAT='%U %S'; time gzip -6 -c "${text}" > "${text}.gz"`], { encoding: 'utf8' });
  const cpu = reference.stderr.trim().split(' ').reduce((sum, word) => sum + Number(word), 0);
  const bytes = statSync(text).size;
  console.log(
    `gzip -6 of the same ${bytes} bytes: ${((cpu * 100_000) / ITEMS).toFixed(2)} s CPU for 100,000 items, ` +
      `${statSync(`${text}.gz`).size} bytes; ours ${statSync(join(folder, 'dumps1/gzip/0')).size} bytes`,
  );
} finally {
  for (const stop of servers) await stop();
  rmSync(folder, { recursive: true, force: true });
}
