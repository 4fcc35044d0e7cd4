// SPDX-License-Identifier: Apache-2.0
// The command line of the test tools: options in, one JSON object on stdout, words on stderr, documented exit codes.
import { parseArgs } from 'node:util';

export class UsageError extends Error {}

// Exit codes that every tool shares; compare.mjs adds 1 for "different".
export const EXIT_OK = 0;
export const EXIT_TROUBLE = 2;

// Runs `body(values)` and exits with the number it resolves to (nothing means 0). Unknown options and UsageError print
// the usage text. options: as for node:util parseArgs.
export async function runTool(name, usage, options, body) {
  let code;
  try {
    code = (await body(parseOptions(usage, options))) ?? EXIT_OK;
  } catch (error) {
    console.error(`${name}: ${describe(error)}`);
    if (error instanceof UsageError) console.error(`try: ${name}.mjs --help`);
    code = EXIT_TROUBLE;
  }
  process.exit(code);
}

function parseOptions(usage, options) {
  let values;
  try {
    ({ values } = parseArgs({ options: { ...options, help: { type: 'boolean' } } }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  if (values.help) {
    console.log(usage);
    process.exit(EXIT_OK);
  }
  return values;
}

// One line: the AWS code where there is one, and the cause that a connection error hides.
export function describe(error) {
  const code = error.name && error.name !== 'Error' ? `${error.name}: ` : '';
  const cause = error.cause?.message ?? error.errors?.[0]?.message ?? '';
  return `${code}${error.message || cause || error.code || 'unknown error'}`;
}

export function required(values, name) {
  if (values[name] === undefined) throw new UsageError(`--${name} is missing`);
  return values[name];
}

// A number option within [minimum, maximum]; `fallback` when it was not given.
export function numberOption(values, name, { fallback, minimum = 0, maximum = Number.MAX_SAFE_INTEGER, whole = true }) {
  if (values[name] === undefined) return fallback;
  const number = Number(values[name]);
  if (values[name].trim() === '' || !(number >= minimum && number <= maximum) || (whole && !Number.isInteger(number))) {
    throw new UsageError(`--${name} must be a ${whole ? 'whole ' : ''}number from ${minimum} to ${maximum}`);
  }
  return number;
}

export function printResult(result) {
  console.log(JSON.stringify(result));
}

// Says how far a long job is, at most once every `everyMs`.
export class Progress {
  constructor(label, total, everyMs = 5_000) {
    this.label_ = label;
    this.total_ = total;
    this.everyMs_ = everyMs;
    this.startedAt_ = Date.now();
    this.saidAt_ = this.startedAt_;
    this.done_ = 0;
  }

  add(count) {
    this.done_ += count;
    const now = Date.now();
    if (now - this.saidAt_ < this.everyMs_) return;
    this.saidAt_ = now;
    const rate = Math.round((this.done_ * 1000) / (now - this.startedAt_));
    const of = this.total_ ? ` of ${this.total_}` : '';
    console.error(`${this.label_}: ${this.done_}${of}, ${rate}/s`);
  }
}

// p50, p99 and the ends of a list of milliseconds, by nearest rank; nothing is interpolated.
export function percentiles(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = (p) => sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)];
  const round = (ms) => Math.round(ms * 10) / 10;
  return { p50_ms: round(rank(50)), p99_ms: round(rank(99)), min_ms: round(sorted[0]), max_ms: round(sorted.at(-1)) };
}
