#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Adds up what ./dev test ran and prints "N passed, N failed". Reads, below the given folder: `checks` (one line
// "passed|failed NAME" each); for each build a folder with ctest.xml and the GoogleTest files that its programs left;
// and folders with the TAP files of node:test. ctest knows only programs, so their single tests are counted from the
// GoogleTest files; a program that failed without a failed test of its own (crash, sanitizer report at exit, timeout)
// counts as one failure.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

function attribute(tag, name) {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
}

function number(tag, name) {
  return Number(attribute(tag, name) ?? 0);
}

// The numbers of one GoogleTest program: tests that ran, minus those it skipped.
function countProgram(xml) {
  const root = /<testsuites [^>]*>/.exec(xml)?.[0];
  if (!root) return undefined; // cut short by a crash
  const skipped = (xml.match(/<skipped\b/g) ?? []).length;
  const failed = number(root, 'failures') + number(root, 'errors');
  return { passed: number(root, 'tests') - number(root, 'disabled') - skipped - failed, failed };
}

function countBuild(folder) {
  const total = { passed: 0, failed: 0 };
  const listing = join(folder, 'ctest.xml');
  const programs = existsSync(listing) ? readFileSync(listing, 'utf8').match(/<testcase [^>]*>/g) : null;
  if (!programs) return { passed: 0, failed: 1 }; // ctest itself did not run, or found nothing
  for (const program of programs) {
    const succeeded = attribute(program, 'status') === 'run';
    const file = join(folder, `${attribute(program, 'name')}.xml`);
    const counts = existsSync(file) ? countProgram(readFileSync(file, 'utf8')) : undefined;
    if (counts) {
      total.passed += counts.passed;
      total.failed += succeeded ? counts.failed : Math.max(1, counts.failed);
    } else {
      total[succeeded ? 'passed' : 'failed']++;
    }
  }
  return total;
}

// The numbers of one file of node:test; `./dev test` notes at its end when the run as a whole failed.
function countTap(text) {
  const numbers = (name) => [...text.matchAll(new RegExp(`^# ${name} (\\d+)$`, 'gm'))].map((match) => Number(match[1]));
  const passed = numbers('pass').at(-1) ?? 0;
  const failed = (numbers('fail').at(-1) ?? 0) + (numbers('cancelled').at(-1) ?? 0);
  const broken = numbers('exit code').length > 0 || numbers('pass').length === 0;
  return { passed, failed: broken ? Math.max(1, failed) : failed };
}

function countFolder(folder) {
  const taps = readdirSync(folder).filter((name) => name.endsWith('.tap'));
  if (taps.length === 0) return countBuild(folder);
  return add(taps.map((name) => countTap(readFileSync(join(folder, name), 'utf8'))));
}

function add(counts) {
  return counts.reduce((sum, { passed, failed }) => ({ passed: sum.passed + passed, failed: sum.failed + failed }));
}

function countChecks(file) {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').filter(Boolean) : [];
  const passed = lines.filter((line) => line.startsWith('passed ')).length;
  return { passed, failed: lines.length - passed };
}

export function countResults(folder) {
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return add([countChecks(join(folder, 'checks')), ...folders.map(({ name }) => countFolder(join(folder, name)))]);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { passed, failed } = countResults(process.argv[2]);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
