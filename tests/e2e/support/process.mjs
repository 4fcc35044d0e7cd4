// SPDX-License-Identifier: Apache-2.0
// A child process whose output is kept, in memory for assertions and on disk for whoever looks into a failure, and that
// never outlives the tests: it is killed when they end in any way, by the kernel if need be.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const running = new Set();
const tie = existsSync('/usr/bin/setpriv') ? ['setpriv', '--pdeathsig', 'KILL'] : [];

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
  process.on(signal, () => process.exit(code)); // runs the handler above
}

export class Process {
  // log: the path, without ending, of the two files that keep the output. env: the whole environment.
  // wrapper: a command to run this one with, e.g. ['setpriv', …]. input: true for a stdin that is written to, as
  // `child.stdin`.
  constructor(command, args, { log, env, wrapper = [], input = false }) {
    this.name = command;
    this.stdout = '';
    this.stderr = '';
    this.listeners_ = new Set();
    const [file, ...rest] = [...tie, ...wrapper, command, ...args];
    const child = spawn(file, rest, { env, stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'] });
    this.child = child;
    running.add(child);
    for (const stream of ['stdout', 'stderr']) this.keep_(stream, openSync(`${log}.${stream}`, 'w'));
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => resolve({ code: null, signal: null, error }));
      child.once('close', (code, signal) => resolve({ code, signal }));
    }).then((ended) => {
      running.delete(child);
      this.ended = ended;
      this.changed_();
      return ended;
    });
  }

  keep_(stream, file) {
    this.child[stream].setEncoding('utf8');
    this.child[stream].on('data', (text) => {
      this[stream] += text;
      writeSync(file, text);
      this.changed_();
    });
    this.child[stream].once('close', () => closeSync(file));
  }

  changed_() {
    for (const listener of [...this.listeners_]) listener();
  }

  get pid() {
    return this.child.pid;
  }

  kill(signal) {
    return this.child.kill(signal);
  }

  // Resolves to {code, signal}; fails, with the last words, when it takes longer.
  async waitForExit(seconds) {
    const limit = new AbortController();
    const late = sleep(seconds * 1000, 'late', { signal: limit.signal }).catch(() => null);
    const ended = await Promise.race([this.exited, late]);
    limit.abort();
    if (ended === 'late') throw new Error(`${this.name} did not end within ${seconds} s:\n${this.lastWords()}`);
    if (ended.error) throw new Error(`cannot run ${this.name}: ${ended.error.message}`);
    return ended;
  }

  // Resolves as soon as `condition(this)` is truthy, to what it returned; fails when the process ends first or is late.
  async waitUntil(condition, seconds, what) {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      const value = condition(this);
      if (value) return value;
      if (this.ended) throw new Error(`${this.name} ended before ${what}; it said:\n${this.lastWords()}`);
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`${this.name}: no ${what} within ${seconds} s; it said:\n${this.lastWords()}`);
      await this.change_(left);
    }
  }

  change_(milliseconds) {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.listeners_.delete(done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      this.listeners_.add(done);
    });
  }

  lastWords() {
    return `${this.stdout}\n${this.stderr}`.trim().split('\n').slice(-12).join('\n');
  }

  // The last line of standard output that is a JSON object.
  json() {
    const line = this.stdout.trim().split('\n').reverse().find((candidate) => candidate.startsWith('{'));
    if (!line) throw new Error(`${this.name} printed no JSON; it said:\n${this.lastWords()}`);
    return JSON.parse(line);
  }
}
