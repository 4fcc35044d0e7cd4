#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// What lease keeping costs: our process's CPU time on an idle stream of many shards, with a state file and with leases.
//
// usage: leases.mjs [SHARDS] [SECONDS]      (default 100 shards, 30 s each)
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = join(root, 'build/release');
const [SHARDS = 100, SECONDS = 30] = process.argv.slice(2).map(Number);
const SETTLE_MS = 5000; // shards found, leases taken
const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux that Debian runs on

const folder = mkdtempSync(join(tmpdir(), 'dynamirror-bench-'));
const env = { ...process.env, AWS_ACCESS_KEY_ID: 'bench', AWS_SECRET_ACCESS_KEY: 'bench', AWS_EC2_METADATA_DISABLED: 'true' };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const standIn = spawn(
  join(build, 'tests/dynamodb_standin'),
  ['--no-signature', '--region', 'local', '--shards', String(SHARDS), '--table', 'Source:id', '--table', 'Target:id'],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const hello = await new Promise((resolve) => standIn.stdout.once('data', resolve));
const endpoint = `http://127.0.0.1:${JSON.parse(hello).port}`;

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

async function measure(name, args) {
  const run = spawn(
    join(build, 'dynamirror'),
    ['replicate', `${endpoint}/Source`, `${endpoint}/Target`, '--log-level', 'warning', ...args],
    { env, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  await sleep(SETTLE_MS);
  const before = cpuSeconds(run.pid);
  await sleep(SECONDS * 1000);
  const percent = ((cpuSeconds(run.pid) - before) / SECONDS) * 100;
  run.kill('SIGTERM');
  await new Promise((resolve) => run.once('exit', resolve));
  console.log(`${name.padEnd(12)} ${percent.toFixed(2)} % of one core, ${SHARDS} idle shards`);
  return percent;
}

try {
  const alone = await measure('state file', ['--state', join(folder, 'state')]);
  const shared = await measure('leases', ['--lease-table', 'leases', '--no-cloudwatch']);
  console.log(`lease keeping: ${(shared - alone).toFixed(2)} % of one core`);
} finally {
  standIn.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
