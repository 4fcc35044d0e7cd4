#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// End to end on DynamoDB Local: a backlog replicated from the oldest change on, then single writes on the idle table.
//
// The rate is DynamoDB Local's (some 300 batches a second); what counts is our own process's CPU time and peak memory,
// read from /proc while it runs, and the lag. usage: end_to_end.mjs [CHANGES]   (default 100000; 1000000 takes an hour)
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { lastJson, start, waitForExit } from '../demo/processes.mjs';
import { startDynamoDbLocal, stopProcess } from '../tests/services/dynamodb_local.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const binary = join(root, 'build/release/dynamirror');
const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux that Debian runs on
const HOURS = 3600;

// CPU seconds and peak resident MiB of a process so far, or null when it has gone.
function usageOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const peak = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
    return { cpu: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND, peak };
  } catch {
    return null;
  }
}

// Runs `dynamirror replicate` and answers {summary, usage}: usage as seen last, at most 100 ms before its end.
async function replicate(args, logs, env) {
  const run = start(binary, ['replicate', ...args, '--output', 'json'], { log: join(logs, 'replicate'), env });
  let usage = null;
  const timer = setInterval(() => {
    const now = usageOf(run.child.pid);
    if (now?.peak) usage = now; // a process that has just ended is still listed, without its memory
  }, 100);
  const ended = await waitForExit(run, 2 * HOURS, 'the replication');
  clearInterval(timer);
  if (ended.code !== 0) throw new Error(`the replication ended with code ${ended.code}; see ${run.log}`);
  return { summary: lastJson(run.stdout()), usage };
}

function tool(name, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn('node', [join(root, 'tests/tools', name), ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.once('close', (code) => (code === 0 ? resolve(lastJson(text)) : reject(new Error(`${name} failed`))));
  });
}

async function lag(source, target, idlePoll, logs, env) {
  const args = [source, target, '--state', join(logs, 'state'), '--idle-poll', idlePoll];
  const run = start(binary, ['replicate', ...args], { log: join(logs, `lag-${idlePoll}`), env });
  const figures = await tool('lag.mjs', ['--source', source, '--target', target, '--count', '100', '--jitter', '700'], env);
  run.child.kill('SIGTERM');
  await waitForExit(run, 10, 'the replication');
  return figures;
}

async function main(changes) {
  const env = { ...process.env, AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };
  const logs = mkdtempSync(join(tmpdir(), 'dynamirror-bench-'));
  const servers = [await startDynamoDbLocal({ heap: '2g' }), await startDynamoDbLocal({ heap: '2g' })];
  try {
    const [source, target] = servers.map((server) => `http://127.0.0.1:${server.port}/bench`);
    console.log(`filling the source with ${changes} changes`);
    await tool('workload.mjs', ['--target', source, '--create', 'id:S', '--changes', String(changes), '--keys',
      String(changes), '--batch', '25', '--large-rate', '0', '--progress-ms', '60000'], env);
    const state = join(logs, 'state');
    const { summary, usage } = await replicate([source, target, '--create-target', '--stop-when-caught-up', '--state', state], logs, env);
    const perLakh = (usage.cpu * 100_000) / summary.read;
    console.log(`backlog: ${summary.read} changes in ${summary.duration_seconds.toFixed(1)} s, ` +
      `${(summary.read / summary.duration_seconds).toFixed(0)}/s (the emulator's pace), ` +
      `${perLakh.toFixed(2)} s CPU per 100,000 changes, ${usage.peak.toFixed(0)} MiB peak`);
    for (const idlePoll of ['1s', '50ms']) {
      const figures = await lag(source, target, idlePoll, logs, env);
      console.log(`lag of single writes, --idle-poll ${idlePoll}: p50 ${figures.p50_ms} ms, p99 ${figures.p99_ms} ms`);
    }
  } finally {
    for (const server of servers) await stopProcess(server.pid);
    rmSync(logs, { recursive: true, force: true });
  }
}

await main(Number(process.argv[2] ?? 100_000));
