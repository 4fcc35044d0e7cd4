// SPDX-License-Identifier: Apache-2.0
// What dynamirror promises on its outputs, as assertions: docs/replicate.md and docs/exit-codes.md.
import assert from 'node:assert/strict';

const COUNTERS = ['applied', 'superseded', 'filtered', 'dead_lettered', 'released', 'in_flight'];
const SUMMARY_TYPES = {
  source: 'string',
  target: 'string',
  dry_run: 'boolean',
  read: 'count',
  applied: 'count',
  superseded: 'count',
  filtered: 'count',
  dead_lettered: 'count',
  released: 'count',
  in_flight: 'count',
  retries: 'count',
  lag_p50_ms: 'count',
  lag_p99_ms: 'count',
  consumed_write_units: 'number',
  requests: 'count',
  caught_up: 'boolean',
  duration_seconds: 'number',
  exit_code: 'count',
};

// Of tables that are written on several sides; null of others.
function assertVersions(versions) {
  assert.notEqual(versions, undefined);
  if (versions === null) return;
  const { conflicts, ...counts } = versions;
  assert.deepEqual(Object.keys(counts).sort(), ['sent', 'stamped', 'waited', 'waiting']);
  for (const count of [...Object.values(counts), ...Object.values(conflicts)]) assert.ok(Number.isInteger(count) && count >= 0);
}

// Standard output is one JSON object with every documented member, and its counters add up. Returns it.
export function assertSummary(run) {
  const lines = run.stdout.split('\n').filter(Boolean);
  assert.equal(lines.length, 1, `one line on stdout, not:\n${run.stdout}\n${run.stderr}`);
  const summary = JSON.parse(lines[0]);
  for (const [name, type] of Object.entries(SUMMARY_TYPES)) {
    const value = summary[name];
    const fits = type === 'count' ? Number.isInteger(value) && value >= 0 : typeof value === type;
    assert.ok(fits, `${name} is a ${type}, not ${JSON.stringify(value)}`);
  }
  assert.ok(summary.error === null || typeof summary.error === 'string');
  const sum = COUNTERS.reduce((total, name) => total + summary[name], 0);
  assert.equal(summary.read, sum, `read = ${COUNTERS.join(' + ')}: ${lines[0]}`);
  const byRule = Object.values(summary.filtered_by).reduce((total, count) => total + count, 0);
  assert.equal(summary.filtered, byRule, `filtered is the sum of filtered_by: ${lines[0]}`);
  assertVersions(summary.multi_master);
  if (!summary.leases) assert.equal(summary.released, 0, 'only leases go to other workers');
  assert.equal(summary.exit_code, run.ended.code);
  return summary;
}

// A run that did all it was asked to. Returns its summary.
export function assertClean(run) {
  assert.deepEqual(run.ended, { code: 0, signal: null }, run.lastWords());
  const summary = assertSummary(run);
  assert.equal(summary.error, null);
  assert.equal(summary.in_flight, 0);
  assert.equal(summary.dead_lettered, 0);
  return summary;
}

export function complaints(run) {
  return run.stderr.split('\n').filter((line) => line.startsWith('dynamirror: '));
}

// The run failed with one line for the user that holds each of `says` (strings or patterns), and nothing on stdout but,
// with `--output json`, the object that says the same to programs.
export function assertRefused(run, { code, says }) {
  const [line, ...more] = complaints(run);
  assert.ok(line, `a line for the user, not:\n${run.stderr}`);
  assert.deepEqual(more, [], 'one failure is one line');
  for (const part of says) {
    const found = part instanceof RegExp ? part.test(line) : line.includes(part);
    assert.ok(found, `"${part}" is not in: ${line}`);
  }
  assert.equal(run.ended.code, code, line);
  if (run.stdout === '') return;
  assert.deepEqual(JSON.parse(run.stdout), { exit_code: code, error: line.slice('dynamirror: '.length) });
}
