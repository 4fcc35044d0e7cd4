// SPDX-License-Identifier: Apache-2.0
// Where one test plays: a folder of its own, the processes it started, and an environment from which nothing but this
// machine can be reached. A stage that ends well leaves nothing behind; otherwise its folder stays, below
// build/test-results/e2e/.
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startDynamoDbLocal, stopProcess } from '../../services/dynamodb_local.mjs';
import { Process } from './process.mjs';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
// Another build, e.g. one with sanitizers: DYNAMIRROR_BUILD=build/asan
const BUILD = resolve(ROOT, process.env.DYNAMIRROR_BUILD ?? join('build', 'release'));
const RESULTS = join(ROOT, 'build', 'test-results', 'e2e');
const START_SECONDS = 60;
const END_SECONDS = 15;

export const LOCAL_KEYS = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };

export class Stage {
  constructor(name) {
    this.folder = join(RESULTS, name.replace(/[^A-Za-z0-9]+/g, '-').toLowerCase().slice(0, 80));
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(join(this.folder, 'home'), { recursive: true });
    this.started_ = [];
    this.servers_ = [];
    this.closers_ = [];
    this.count_ = 0;
  }

  path(name) {
    return join(this.folder, name);
  }

  // Nothing of the caller's environment that could lead to an account, a proxy or a profile.
  environment(extra = {}) {
    const kept = ['PATH', 'LANG', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS'];
    const inherited = kept.filter((name) => process.env[name]).map((name) => [name, process.env[name]]);
    return {
      ...Object.fromEntries(inherited),
      HOME: this.path('home'),
      AWS_EC2_METADATA_DISABLED: 'true',
      ...extra,
    };
  }

  start(label, command, args, { env = {}, wrapper, input } = {}) {
    const log = this.path(`${String(++this.count_).padStart(3, '0')}-${label}`);
    const started = new Process(command, args, { log, env: this.environment(env), wrapper, input });
    this.started_.push(started);
    return started;
  }

  get binary() {
    return join(BUILD, 'dynamirror');
  }

  // Starts the program under test and returns at once.
  dynamirror(args, { env = LOCAL_KEYS, wrapper, input } = {}) {
    return this.start('dynamirror', this.binary, args, { env, wrapper, input });
  }

  // Runs it to its end.
  async run(args, { seconds = 60, ...options } = {}) {
    const started = this.dynamirror(args, options);
    await started.waitForExit(seconds);
    return started;
  }

  // Starts one of tests/tools.
  tool(name, args) {
    return this.start(name, process.execPath, [join(ROOT, 'tests', 'tools', `${name}.mjs`), ...args]);
  }

  // Runs one of tests/tools to its end and returns what it printed.
  async runTool(name, args, { seconds = 120, accept = [0] } = {}) {
    const started = this.tool(name, args);
    const { code } = await started.waitForExit(seconds);
    if (!accept.includes(code)) throw new Error(`${name} ended with ${code}:\n${started.lastWords()}`);
    return started.json();
  }

  // DynamoDB Local, with Streams. One streamed table per process that is written to: a second one makes it crawl.
  async dynamoDbLocal(label = 'dynamodb') {
    const server = await startDynamoDbLocal({ logFile: this.path(`${label}.log`), brief: true });
    this.servers_.push(server);
    return server.endpoint;
  }

  // Starts a program below tests/support.
  testProgram(name, args) {
    return this.start(name, join(BUILD, 'tests', name), args);
  }

  // One that prints {"port":N} once it listens, and what happened when it is stopped.
  async server_(name, args) {
    const server = this.testProgram(name, args);
    const { port } = await server.waitUntil((self) => self.stdout.includes('\n') && self.json(), START_SECONDS, 'port');
    return { endpoint: `http://127.0.0.1:${port}`, process: server };
  }

  // The scripted DynamoDB: unlike DynamoDB Local it verifies signatures and tells identities apart.
  standIn(args) {
    return this.server_('dynamodb_standin', ['--region', 'local', ...args]);
  }

  faultProxy(args) {
    return this.server_('fault_proxy', args);
  }

  // A server inside this process, closed with the stage.
  addCloser(close) {
    this.closers_.push(close);
  }

  // Ends every process. keep: leave the folder for whoever looks into the failure.
  async end({ keep = false } = {}) {
    for (const started of this.started_) if (!started.ended) started.kill('SIGKILL');
    await Promise.all(this.started_.map((started) => started.waitForExit(END_SECONDS)));
    await Promise.all([...this.servers_.map(({ pid }) => stopProcess(pid)), ...this.closers_.map((close) => close())]);
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
  }
}

// Stops a stand-in or proxy and returns the statistics that it prints at its end.
export async function statisticsOf(server) {
  server.process.kill('SIGTERM');
  await server.process.waitForExit(END_SECONDS);
  return server.process.json();
}

async function within(seconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the test took longer than ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// A test with a stage of its own. node:test's own time limit would leave the processes of a late test running.
export function scenario(name, body, { seconds = 120 } = {}) {
  test(name, async (t) => {
    const stage = new Stage(name);
    let passed = false;
    try {
      await within(seconds, body(stage, t));
      passed = true;
    } catch (error) {
      error.message += `\nlogs: ${relative(ROOT, stage.folder)}`;
      throw error;
    } finally {
      await stage.end({ keep: !passed });
    }
  });
}

// Servers that all tests of a file share, since a JVM takes seconds to start. `open(stage)` makes them before the first
// test; the returned function gives what it resolved to.
export function shared(name, open) {
  let stage;
  let opened;
  before(async () => {
    stage = new Stage(`${name} servers`);
    opened = await open(stage);
  });
  after(() => stage.end());
  return () => opened;
}
