// SPDX-License-Identifier: Apache-2.0
// cfn-lint, and what it reads of a template.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { installPythonTool, run, runOrThrow } from './python_tool.mjs';
import { ROOT } from './stage.mjs';

const FOLDER = join(ROOT, 'build', 'cfn-lint');
const DECODE = `
import json, sys
from cfnlint.decode import decode
template, matches = decode(sys.argv[1])
assert not matches, matches
print(json.dumps(template))`;

export function installCfnLint() {
  installPythonTool('cfn-lint', 'cfn_lint');
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
