#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// What one change costs on each of the ways that changes come and are written: images of a table's own stream; keys of a
// stream of Kinesis; the service's feed there, by key and with guarded images. The whole program runs against a server
// that answers from memory (canned_server), a process of its own.
//
// usage: changes.mjs [RECORDS] [BINARY...]   (default: 1000000 records; this build's binary. Several are measured beside
// one another, in turns.)
// CPU of a record is what a run of all records takes more than a run of a tenth: start, end and idle polls fall out. The
// rate is counted from the first read to the last write.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { lastJson, own } from '../demo/processes.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const words = process.argv.slice(2);
const RECORDS = Number(words.find((word) => /^\d+$/.test(word)) ?? 1_000_000);
const binaries = words.filter((word) => !/^\d+$/.test(word));
if (binaries.length === 0) binaries.push(join(root, 'build/release/dynamirror'));
const RECORDS_PER_PAGE = 1_000;
const SHARDS = 100; // a reader of Kinesis asks each shard four times a second at most
const ROUNDS = 3;

const KINESIS = ['--changes-from', 'STREAM', '--start', 'trim-horizon'];
const WAYS = [
  { name: "images of the table's stream", server: ['--form', 'stream'], args: [] },
  { name: 'Kinesis, keys only, by key', server: ['--form', 'keys'], args: KINESIS },
  { name: 'Kinesis, feed, by key', server: ['--form', 'feed'], args: KINESIS },
  { name: 'Kinesis, feed, --use-images', server: ['--form', 'feed', '--modifications'], args: [...KINESIS, '--use-images'] },
];
const REPEATS = 10; // changes of each key, which wait together
const COALESCED = { name: 'Kinesis, keys only, backlog', server: ['--form', 'keys', '--repeats', `${REPEATS}`], args: KINESIS };

const folder = mkdtempSync(join(tmpdir(), 'dynamirror-bench-'));
const env = { ...process.env, AWS_ACCESS_KEY_ID: 'bench', AWS_SECRET_ACCESS_KEY: 'bench', AWS_EC2_METADATA_DISABLED: 'true' };

// Resolves to {port, stop}; stop() resolves to what the server has counted. Its pages are rendered before it listens.
async function startServer(way, records) {
  const size = ['--pages', `${records / RECORDS_PER_PAGE}`, '--records-per-page', `${RECORDS_PER_PAGE}`];
  const server = own(
    spawn(join(root, 'build/release/tests/canned_server'), [...way.server, ...size, '--shards', `${SHARDS}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  let text = '';
  const listening = new Promise((resolve) => server.stdout.on('data', (more) => (text += more).includes('\n') && resolve()));
  const ended = new Promise((resolve) => server.once('close', resolve));
  await Promise.race([listening, ended]);
  const stop = async () => {
    server.kill('SIGTERM');
    await ended;
    return lastJson(text);
  };
  return { port: JSON.parse(text.split('\n')[0]).port, stop };
}

// One run to its end: {cpu, in seconds, and what the server has counted}.
async function run(binary, way, records) {
  const server = await startServer(way, records);
  const url = `http://127.0.0.1:${server.port}`;
  const state = mkdtempSync(join(folder, 'state-'));
  const args = [
    ...['replicate', `${url}/source`, `${url}/target`, ...way.args.map((word) => (word === 'STREAM' ? `${url}/stream` : word))],
    ...['--state', join(state, 'state'), '--stop-when-caught-up', '--output', 'json', '--log-level', 'warning'],
  ];
  const timed = 'TIMEFORMAT="%U %S"; time "$@" >"$0/out" 2>"$0/log"';
  const ended = spawnSync('bash', ['-c', timed, state, binary, ...args], { encoding: 'utf8', env });
  const counted = await server.stop();
  if (ended.status !== 0) throw new Error(`${way.name}: exit code ${ended.status}\n${readFileSync(join(state, 'log'), 'utf8')}`);
  const summary = lastJson(readFileSync(join(state, 'out'), 'utf8'));
  if (summary.read < records) throw new Error(`${way.name}: ${JSON.stringify(summary)}`);
  rmSync(state, { recursive: true, force: true });
  const cpu = ended.stderr.trim().split(/\s+/).slice(-2).reduce((sum, word) => sum + Number(word), 0);
  return { ...counted, cpu, applied: summary.applied };
}

const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

// The median of several rounds, the binaries in turns.
async function measure(way) {
  const figures = binaries.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, binary] of binaries.entries()) {
      const few = await run(binary, way, RECORDS / 10);
      const all = await run(binary, way, RECORDS);
      figures[i].push({ ...all, micros: ((all.cpu - few.cpu) * 1e6) / (RECORDS * 0.9), rate: RECORDS / all.seconds });
    }
  }
  return figures.map((rounds) => ({
    ...rounds[0],
    micros: median(rounds.map(({ micros }) => micros)),
    rate: median(rounds.map(({ rate }) => rate)),
  }));
}

const fixed = (number, digits, width) => number.toFixed(digits).padStart(width);

function print(way, figures, first) {
  for (const [i, figure] of figures.entries()) {
    const name = binaries.length > 1 ? `${way.name} [${i + 1}]` : way.name;
    const reads = figure.batch_gets > 0 ? `, ${fixed(figure.read_keys / figure.batch_gets, 1, 5)} keys a read` : '';
    console.log(
      `${name.padEnd(34)} ${fixed(figure.rate, 0, 8)} records/s ${fixed(figure.micros, 2, 7)} us CPU a record ` +
        `(${fixed(figure.micros / first.micros, 2, 5)} times)  ${fixed(RECORDS / figure.get_records, 0, 4)} records a page, ` +
        `${fixed(figure.written_items / figure.writes, 1, 4)} items a write${reads}; server ${fixed(figure.cpu_seconds, 1, 4)} s CPU`,
    );
  }
}

try {
  console.log(`${RECORDS} records in ${SHARDS} shards, images of 600 bytes`);
  binaries.forEach((binary, i) => binaries.length > 1 && console.log(`[${i + 1}] ${binary}`));
  let first = null;
  for (const way of WAYS) {
    const figures = await measure(way);
    first ??= figures[0];
    print(way, figures, first);
  }
  for (const binary of binaries) {
    const { read_keys: reads, written_items: writes } = await run(binary, COALESCED, RECORDS);
    const keys = RECORDS / REPEATS;
    console.log(
      `${COALESCED.name}: ${RECORDS} changes, ${REPEATS} of each key: ${(reads / keys).toFixed(2)} reads and ` +
        `${(writes / keys).toFixed(2)} writes for each key`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
