// SPDX-License-Identifier: Apache-2.0
// cfn-lint in a virtual environment below build/, exactly as its lock file names it. The copy of the lock file inside
// says what is installed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './stage.mjs';

const REQUIREMENTS = join(ROOT, 'tests', 'services', 'cfn_lint', 'requirements.txt');
const FOLDER = join(ROOT, 'build', 'cfn-lint');
const STAMP = join(FOLDER, 'installed-requirements.txt');
const DECODE = `
import json, sys
from cfnlint.decode import decode
template, matches = decode(sys.argv[1])
assert not matches, matches
print(json.dumps(template))`;

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  assert.ifError(error);
  return { status, text: stdout + stderr, stdout };
}

function runOrThrow(command, args) {
  const { status, text, stdout } = run(command, args);
  assert.equal(status, 0, `${command} ${args.join(' ')}:\n${text}`);
  return stdout;
}

export function installCfnLint() {
  if (existsSync(STAMP) && readFileSync(STAMP).equals(readFileSync(REQUIREMENTS))) return;
  rmSync(FOLDER, { recursive: true, force: true });
  runOrThrow('/usr/bin/python3', ['-m', 'venv', FOLDER]); // Debian's: another one in PATH may lack wheels
  const options = ['--quiet', '--disable-pip-version-check', '--require-hashes', '--only-binary', ':all:'];
  runOrThrow(join(FOLDER, 'bin', 'pip'), ['install', ...options, '--requirement', REQUIREMENTS]);
  copyFileSync(REQUIREMENTS, STAMP);
}

// What it finds, in its words; empty when there is nothing.
export function lint(files) {
  const { status, text } = run(join(FOLDER, 'bin', 'cfn-lint'), ['--', ...files]);
  assert.equal(status === 0, text === '', text);
  return text;
}

// The template as CloudFormation's JSON.
export function readTemplate(file) {
  return JSON.parse(runOrThrow(join(FOLDER, 'bin', 'python'), ['-c', DECODE, file]));
}
