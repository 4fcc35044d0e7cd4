// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { installPackages, run, runOrThrow } from './python_packages.mjs';

const DECODE = `
import json, sys
from cfnlint.decode import decode
template, matches = decode(sys.argv[1])
assert not matches, matches
print(json.dumps(template))`;

let folder;

export function installCfnLint() {
  folder = installPackages('cfn_lint');
}

// What it finds, in its words; empty when there is nothing.
export function lint(files) {
  const { status, text } = run(join(folder, 'bin', 'cfn-lint'), ['--', ...files]);
  assert.equal(status === 0, text === '', text);
  return text;
}

// The template as CloudFormation's JSON.
export function readTemplate(file) {
  return JSON.parse(runOrThrow(join(folder, 'bin', 'python'), ['-c', DECODE, file]));
}
