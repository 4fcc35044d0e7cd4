// SPDX-License-Identifier: Apache-2.0
// Programs from PyPI, each in a virtual environment of its own below build/, exactly as its lock file names them. The
// copy of the lock file inside says what is installed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './stage.mjs';

export function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', ...options });
  assert.ifError(error);
  return { status, text: stdout + stderr, stdout };
}

export function runOrThrow(command, args, options) {
  const { status, text, stdout } = run(command, args, options);
  assert.equal(status, 0, `${command} ${args.join(' ')}:\n${text}`);
  return stdout;
}

// Debian's Python: another one in PATH may lack wheels.
const INSTALL = `
cmp -s "$1" "$2/installed-requirements.txt" && exit
rm -rf "$2"
/usr/bin/python3 -m venv "$2"
"$2/bin/pip" install --quiet --disable-pip-version-check --require-hashes "\${@:3}" --requirement "$1"
cp "$1" "$2/installed-requirements.txt"`;

// Installs what tests/services/NAME/requirements.txt lists, if it is not there, and one at a time where several test
// files want it; returns the environment's folder. sources: it may be built from sources, which runs its own set-up.
export function installPackages(name, { sources = false } = {}) {
  const requirements = join(ROOT, 'tests', 'services', name, 'requirements.txt');
  const folder = join(ROOT, 'build', name.replaceAll('_', '-'));
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  const options = sources ? [] : ['--only-binary', ':all:'];
  runOrThrow('flock', [`${folder}.lock`, 'bash', '-ec', INSTALL, 'install', requirements, folder, ...options]);
  return folder;
}
