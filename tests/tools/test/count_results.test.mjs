// SPDX-License-Identifier: Apache-2.0
// Goal: no failure is lost between a test program and the last line of ./dev test.
// Method: result folders as ctest and GoogleTest write them, also those of programs that crash.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { countResults } from '../count_results.mjs';

function count(files) {
  const folder = mkdtempSync(join(tmpdir(), 'count-results-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    return countResults(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const listing = (...programs) =>
  `<testsuite tests="${programs.length}">${programs
    .map(([name, status]) => `<testcase name="${name}" classname="${name}" time="1" status="${status}"></testcase>`)
    .join('\n')}</testsuite>`;
const program = (tests, failures, skipped = 0) =>
  `<testsuites tests="${tests}" failures="${failures}" disabled="0" errors="0" time="1">` +
  `<testsuite>${'<testcase><skipped message=""/></testcase>'.repeat(skipped)}</testsuite></testsuites>`;

test('single tests are counted, skipped ones are not', () => {
  const files = { 'release/ctest.xml': listing(['unit', 'run']), 'release/unit.xml': program(10, 0, 2) };
  assert.deepEqual(count(files), { passed: 8, failed: 0 });
});

test('failed tests of a program are counted one by one', () => {
  const files = { 'release/ctest.xml': listing(['unit', 'fail']), 'release/unit.xml': program(10, 3) };
  assert.deepEqual(count(files), { passed: 7, failed: 3 });
});

test('a program that dies without results, or with cut-off ones, is one failure', () => {
  const ctest = listing(['unit', 'fail'], ['sim', 'fail'], ['other', 'run']);
  const files = { 'asan/ctest.xml': ctest, 'asan/sim.xml': '<?xml version="1.0"?>' };
  assert.deepEqual(count(files), { passed: 1, failed: 2 });
});

test('a sanitizer report after the last test is a failure', () => {
  const files = { 'asan/ctest.xml': listing(['unit', 'fail']), 'asan/unit.xml': program(10, 0) };
  assert.deepEqual(count(files), { passed: 10, failed: 1 });
});

test('a build whose tests never ran is a failure', () => {
  assert.deepEqual(count({ 'tsan/other.txt': '' }), { passed: 0, failed: 1 });
});

const tap = (pass, fail, cancelled = 0) =>
  `TAP version 13\n1..1\n# tests 1\n# pass ${pass}\n# fail ${fail}\n# cancelled ${cancelled}\n# skipped 0\n`;

test('tests of node:test are counted from what it printed', () => {
  const files = { 'e2e/lag.tap': tap(2, 0), 'e2e/bad_input.tap': `${tap(60, 3, 1)}# exit code 1\n` };
  assert.deepEqual(count(files), { passed: 62, failed: 4 });
});

test('a run of node:test that failed without a failed test, or was cut short, is one failure', () => {
  const files = { 'e2e/lag.tap': `${tap(2, 0)}# exit code 7\n`, 'e2e/operations.tap': 'TAP version 13\n# Subtest: a\n' };
  assert.deepEqual(count(files), { passed: 2, failed: 2 });
});

test('checks count beside the builds', () => {
  const files = {
    checks: 'passed include check\nfailed fuzz page_fuzz for 10 s\n',
    'release/ctest.xml': listing(['unit', 'run']),
    'release/unit.xml': program(4, 0),
  };
  assert.deepEqual(count(files), { passed: 5, failed: 1 });
});
