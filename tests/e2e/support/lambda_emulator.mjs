// SPDX-License-Identifier: Apache-2.0
// AWS's own emulator of Lambda's runtime interface: a second opinion beside the strict stand-in. A module of Go, built
// below build/ where a current Go is there.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { ROOT } from './stage.mjs';
import { until } from './until.mjs';

const MODULE = 'github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie';
const VERSION = 'v0.0.0-20261030222936-bef5c4ba774d';
const NEEDS_GO = [1, 26];
const FOLDER = join(ROOT, 'build', 'lambda-emulator', VERSION);
const PROGRAM = join(FOLDER, 'aws-lambda-rie');
const INVOKE = '/2015-03-31/functions/function/invocations';

// Why it cannot be there, in one line; nothing when it can.
export function noEmulator() {
  const { stdout, error } = spawnSync('go', ['version'], { encoding: 'utf8' });
  if (error) return "AWS's emulator is a Go module, and there is no Go here";
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(stdout) ?? [];
  const current = Number(major) > NEEDS_GO[0] || (Number(major) === NEEDS_GO[0] && Number(minor) >= NEEDS_GO[1]);
  return current ? undefined : `AWS's emulator needs Go ${NEEDS_GO.join('.')}, and this is ${stdout.trim()}`;
}

export function installEmulator() {
  if (existsSync(PROGRAM)) return;
  mkdirSync(FOLDER, { recursive: true });
  const env = { ...process.env, GOBIN: FOLDER, GOFLAGS: '-modcacherw', GOTOOLCHAIN: 'local' };
  const { status, stderr } = spawnSync('go', ['install', `${MODULE}@${VERSION}`], { encoding: 'utf8', env });
  assert.equal(status, 0, stderr);
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

// Starts the binary under it, as `startFunction` does under the stand-in. seconds: the function's time.
export async function startEmulator(stage, { handler, env, seconds }) {
  const [api, port] = [await freePort(), await freePort()];
  const folder = stage.path(`emulated-${port}`);
  mkdirSync(folder);
  const bootstrap = join(folder, 'bootstrap');
  symlinkSync(resolve(process.env.DYNAMIRROR_BUILD ?? 'build/release', 'dynamirror'), bootstrap);
  const addresses = ['--runtime-api-address', `127.0.0.1:${api}`, '--runtime-interface-emulator-address', `127.0.0.1:${port}`];
  const process_ = stage.start('aws-lambda-rie', PROGRAM, [...addresses, bootstrap, handler], {
    env: {
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_REGION: 'eu-west-1',
      AWS_LAMBDA_FUNCTION_NAME: 'mirror',
      AWS_LAMBDA_FUNCTION_TIMEOUT: `${seconds}`,
      ...env,
    },
  });
  const url = `http://127.0.0.1:${port}${INVOKE}`;
  // Resolves to the function's answer, whatever it is: JSON, or the emulator's words.
  const invoke = async (event) => {
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(event) });
    const text = await response.text();
    return text.startsWith('{') ? JSON.parse(text) : text;
  };
  const listens = () => fetch(url, { method: 'GET' }).then(() => true, () => false);
  await until(listens, 20, 'the emulator');
  // The processes of the function.
  const children = () =>
    readdirSync(`/proc/${process_.pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${process_.pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  return { invoke, process: process_, children };
}
