// SPDX-License-Identifier: Apache-2.0
// Tools of Python, each in a virtual environment below build/, exactly as its lock file in tests/services names it. The
// copy of the lock file inside says what is installed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './stage.mjs';

export function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  assert.ifError(error);
  return { status, text: stdout + stderr, stdout };
}

export function runOrThrow(command, args) {
  const { status, text, stdout } = run(command, args);
  assert.equal(status, 0, `${command} ${args.join(' ')}:\n${text}`);
  return stdout;
}

// Installs what tests/services/FOLDER names, unless it is there; returns the folder of its programs.
// name: of the environment.
export function installPythonTool(name, folder = name) {
  const requirements = join(ROOT, 'tests', 'services', folder, 'requirements.txt');
  const environment = join(ROOT, 'build', name);
  const stamp = join(environment, 'installed-requirements.txt');
  const programs = join(environment, 'bin');
  if (existsSync(stamp) && readFileSync(stamp).equals(readFileSync(requirements))) return programs;
  rmSync(environment, { recursive: true, force: true });
  runOrThrow('/usr/bin/python3', ['-m', 'venv', environment]); // Debian's: another one in PATH may lack wheels
  const options = ['--quiet', '--disable-pip-version-check', '--require-hashes', '--only-binary', ':all:'];
  runOrThrow(join(programs, 'pip'), ['install', ...options, '--requirement', requirements]);
  copyFileSync(requirements, stamp);
  return programs;
}
