// SPDX-License-Identifier: Apache-2.0
// Child processes that never outlive the demo: killed when it ends in any way, by the kernel if need be.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const running = new Set();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
  process.on(signal, () => process.exit(code)); // runs the handler above
}

// Takes over a child that was started elsewhere.
export function own(child) {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

// Starts COMMAND with its output in a log file and returns at once.
// onLine: called with each line of standard error, which then goes to the log as well.
// Returns {child, exited: Promise<{code, signal}>, stdout: () => string, log}.
export function start(command, args, { log, env, onLine }) {
  const stdoutFile = `${log}.out`;
  const out = openSync(stdoutFile, 'w');
  const err = openSync(`${log}.log`, 'w');
  // pdeathsig: the child goes, too, when the demo itself is killed with SIGKILL.
  const tied = existsSync('/usr/bin/setpriv') ? ['setpriv', '--pdeathsig', 'KILL', command] : [command];
  const stdio = ['ignore', out, onLine ? 'pipe' : err];
  const child = own(spawn(tied[0], [...tied.slice(1), ...args], { stdio, env }));
  closeSync(out);
  closeSync(err);
  if (onLine) createInterface({ input: child.stderr }).on('line', onLine);
  const exited = new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: -1, signal: null, error }));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return { child, exited, stdout: () => readFileSync(stdoutFile, 'utf8'), log: `${log}.log` };
}

// Resolves to how `process` ended, or fails when it takes longer.
export async function waitForExit(process, seconds, what) {
  const late = new AbortController();
  const ended = await Promise.race([
    process.exited,
    sleep(seconds * 1000, null, { signal: late.signal }).catch(() => null),
  ]);
  late.abort();
  if (!ended) throw new Error(`${what} did not end within ${seconds} s; see ${process.log}`);
  return ended;
}

// The last line of standard output that is a JSON object.
export function lastJson(text) {
  const line = text.trim().split('\n').reverse().find((candidate) => candidate.startsWith('{'));
  if (!line) throw new Error('no result was printed');
  return JSON.parse(line);
}
