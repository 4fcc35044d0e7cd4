#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Runs kinesalite (Kinesis Data Streams in memory, with splits and merges) for tests, under a clock that can be moved.
//
// Promise: one line {"port":N} when it listens, on the loopback interface alone; nothing is downloaded at run time; it
// ends with its standard input, or at a signal.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';

const USAGE = `usage: kinesalite.mjs

Prints {"port":N} when it listens, and ends when its standard input does. A line "advance MS" on standard input moves its
clock: iterators and pages of lists expire, records grow old. It is answered with {"advanced":MS}, the sum.`;

if (process.argv.length > 2) {
  console.error(USAGE);
  process.exit(2);
}

let advanced = 0;
const realNow = Date.now;
Date.now = () => realNow() + advanced;

const kinesalite = createRequire(import.meta.url)('kinesalite');
const short = { createStreamMs: 20, deleteStreamMs: 20, updateStreamMs: 20 };
const server = kinesalite({ shardLimit: 100, ...short });
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const [word, milliseconds] = line.split(' ');
  if (word !== 'advance' || !(Number(milliseconds) >= 0)) return console.error(`not understood: ${line}`);
  advanced += Number(milliseconds);
  console.log(JSON.stringify({ advanced }));
});
lines.on('close', () => process.exit(0));
