// SPDX-License-Identifier: Apache-2.0
// Goal: the zip for Lambda runs where there is nothing but the zip: no libraries, no loader, no shell, no certificates.
// Method: the zip, made from the build under test, is unpacked to /var/task of an empty root that is read-only like
// Lambda's, with /proc, /dev, /tmp and the resolv.conf that Lambda has, and runs there under chroot. Servers and a name
// server are scripted, on this machine's loopback.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { LambdaRuntime } from './support/lambda_runtime.mjs';
import { LOCAL_KEYS, ROOT, scenario, shared } from './support/stage.mjs';

const ISOLATE = `
  mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"
  mount --rbind /proc "$1/proc" && mount --rbind /dev "$1/dev" && mount -t tmpfs tmpfs "$1/tmp"
  exec chroot "$@"`;
const isolated = (root) => ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', ISOLATE, 'sh', root];

function why() {
  if (process.getuid() !== 0) return 'only root may chroot';
  const { status, stderr } = spawnSync('unshare', ['--mount', 'true'], { encoding: 'utf8' });
  return status === 0 ? undefined : `no mount namespace of its own: ${stderr}`;
}
const forbidden = why();

function runOrThrow(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${command} ${args.join(' ')}:\n${stdout}${stderr}`);
  return stdout;
}

function makeZip(stage, name) {
  runOrThrow(join(ROOT, 'deploy', 'lambda', 'make_zip'), [stage.binary, stage.path(name)]);
  const zips = readdirSync(stage.path(name)).filter((file) => file.endsWith('.zip'));
  assert.equal(zips.length, 1);
  return join(stage.path(name), zips[0]);
}

const zip = shared('the zip', async (stage) => makeZip(stage, 'package'));

// An empty root with the unpacked zip.
function makeRoot(stage) {
  const root = stage.path('root');
  for (const folder of ['proc', 'dev', 'tmp', 'etc', 'var/task']) mkdirSync(join(root, folder), { recursive: true });
  runOrThrow('unzip', ['-q', zip(), '-d', join(root, 'var', 'task')]);
  return root;
}

// Starts the bundle in `root`. LD_LIBRARY_PATH leads to something that is no library.
function start(stage, root, args, env) {
  mkdirSync(join(root, 'decoy'), { recursive: true });
  writeFileSync(join(root, 'decoy', 'libc.so.6'), 'no library\n');
  return stage.start('bootstrap', '/var/task/bootstrap', args, {
    wrapper: isolated(root),
    env: { ...LOCAL_KEYS, LD_LIBRARY_PATH: '/decoy', ...env },
  });
}

async function runIn(stage, root, args, env = {}) {
  const run = start(stage, root, args, env);
  await run.waitForExit(60);
  return run;
}

// A DNS server that knows every name as 127.0.0.1, at an address of its own since resolv.conf names no port.
async function nameServer(stage) {
  const socket = createSocket('udp4');
  const asked = [];
  socket.on('message', (query, { port, address }) => {
    const end = query.indexOf(0, 12) + 5;
    asked.push(query.toString('latin1', 12, end));
    const isIpv4 = query.readUInt16BE(end - 4) === 1;
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    const header = Buffer.from([query[0], query[1], 0x81, 0x80, 0, 1, 0, isIpv4 ? 1 : 0, 0, 0, 0, 0]);
    socket.send(Buffer.concat([header, query.subarray(12, end), ...(isIpv4 ? [answer] : [])]), port, address);
  });
  const address = `127.53.${process.pid >> 8 & 255}.${process.pid & 255 || 1}`;
  await new Promise((resolve, reject) => socket.once('error', reject).bind(53, address, resolve));
  stage.addCloser(() => new Promise((resolve) => socket.close(resolve)));
  return { address, asked };
}

// A DynamoDB without tables behind TLS, whose certificate an authority signed that nobody knows.
async function tlsServer(stage) {
  const [certificate, key] = [stage.path('certificate.pem'), stage.path('key.pem')];
  runOrThrow('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-subj', '/CN=authority', '-addext', 'subjectAltName=DNS:dynamodb.test', '-keyout', key, '-out', certificate]);
  let requests = 0;
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
    requests++;
    request.resume().on('end', () => {
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
      response.end('{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no such table"}');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stage.addCloser(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: server.address().port, certificate, requests: () => requests };
}

scenario('the zip holds executable files, and the same build makes the same bytes', async (stage) => {
  assert.deepEqual(readFileSync(makeZip(stage, 'again')), readFileSync(zip()));
  const folder = stage.path('unpacked');
  runOrThrow('unzip', ['-q', zip(), '-d', folder]);
  for (const name of ['bootstrap', 'bin/dynamirror', 'lib/ld.so']) {
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o755, name);
  }
  assert.ok(statSync(zip()).size < 50_000_000, 'Lambda takes no larger zip without S3');
  for (const library of readdirSync(join(folder, 'lib'))) assert.ok(statSync(join(folder, 'lib', library)).isFile());
});

scenario('in an empty root the bundle starts, whatever LD_LIBRARY_PATH says', async (stage, t) => {
  if (forbidden) return t.skip(forbidden);
  const run = await runIn(stage, makeRoot(stage), ['--version']);
  assert.deepEqual(run.ended, { code: 0, signal: null }, run.lastWords());
  assert.match(run.stdout, /^dynamirror \d+\.\d+\.\d+\n$/);
});

scenario('in an empty root names resolve, and TLS trusts AWS_CA_BUNDLE or the zip', async (stage, t) => {
  if (forbidden) return t.skip(forbidden);
  const root = makeRoot(stage);
  const [names, server] = [await nameServer(stage), await tlsServer(stage)];
  writeFileSync(join(root, 'etc', 'resolv.conf'), `nameserver ${names.address}\n`);
  // The modules named here exist on Lambda's images only.
  writeFileSync(join(root, 'etc', 'nsswitch.conf'), 'hosts: files dns myhostname\n');
  writeFileSync(join(root, 'etc', 'authority.pem'), readFileSync(server.certificate));
  const table = `https://dynamodb.test:${server.port}/Orders`;
  const request = (env) => runIn(stage, root, ['diff-record', table, table, '{"id":{"S":"a"}}'], env);

  const unknown = await request({});
  assert.match(unknown.stderr, /does not verify/);
  assert.equal(server.requests(), 0);
  assert.ok(names.asked.length > 0);

  const named = await request({ AWS_CA_BUNDLE: '/etc/authority.pem' });
  assert.match(named.stderr, /no such table/);
  assert.ok(server.requests() > 0);

  const before = server.requests();
  appendFileSync(join(root, 'var', 'task', 'certificates.pem'), readFileSync(server.certificate));
  const bundled = await request({});
  assert.match(bundled.stderr, /no such table/);
  assert.ok(server.requests() > before);
});

for (const [how, args, env] of [
  ['_HANDLER', [], { _HANDLER: 'dynamirror.replicate' }],
  ['its argument, as in a container image', ['dynamirror.replicate'], {}],
]) {
  scenario(`in an empty root, with the handler in ${how}, it asks Lambda for an event`, async (stage, t) => {
    if (forbidden) return t.skip(forbidden);
    const runtime = await LambdaRuntime.start(stage);
    const bootstrap = start(stage, makeRoot(stage), args, {
      AWS_LAMBDA_RUNTIME_API: runtime.address,
      AWS_LAMBDA_FUNCTION_NAME: 'mirror',
      AWS_REGION: 'eu-west-1',
      DYNAMIRROR_TARGET: 'eu-west-1/Orders',
      ...env,
    });
    await Promise.race([runtime.idle(), bootstrap.exited]);
    assert.equal(bootstrap.ended, undefined, bootstrap.lastWords());
    assert.deepEqual(runtime.faults, []);
  });
}
