// SPDX-License-Identifier: Apache-2.0
// Goal: every command that has objects at one end does its work on a real S3 server, with versions, temporary
// credentials and old scripts' names, and says in one line what is wrong when it cannot.
// Method: Ceph's object gateway and DynamoDB Local; buckets are read with AWS's own SDK, tables compared by a tool that
// shares no code with dynamirror.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, request as httpRequest } from 'node:http';
import { symlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { complaints } from './support/expect.mjs';
import { bodyOf, keysIn, makeBucket, S3, startGateway, unfinishedUploads, versionBucket } from './support/buckets.mjs';
import { LOCAL_KEYS, scenario, shared } from './support/stage.mjs';
import { createTable, itemsOf, put, remove } from './support/tables.mjs';
import { Table } from '../tools/lib/table.mjs';

const EXIT_ACCESS = 4;
const EXIT_NOT_READY = 3;
const EXIT_UNREACHABLE = 5;
const servers = shared('s3', async (stage) => {
  const [rgw, local, other] = await Promise.all([startGateway(stage), stage.dynamoDbLocal(), stage.dynamoDbLocal('other')]);
  return { rgw, local, other };
});
let count = 0;
const newName = (word) => `${word}${++count}`;
const newBucket = async (options) => {
  const bucket = newName('bucket-');
  await makeBucket(servers().rgw, bucket, options);
  return bucket;
};

// DynamoDB Local takes any keys, so both sides can use those of the gateway.
const environment = () => ({ ...servers().rgw.keys, AWS_ENDPOINT_URL_S3: servers().rgw.endpoint, AWS_REGION: 'us-east-1' });

async function succeed(stage, args, env = environment()) {
  const run = await stage.run(args, { env });
  assert.deepEqual(run.ended, { code: 0, signal: null }, run.lastWords());
  return run;
}

async function refused(stage, args, { code, says, env = environment() }) {
  const run = await stage.run(args, { env });
  assert.equal(run.ended.code, code, run.lastWords());
  const [line, ...more] = complaints(run);
  assert.match(line ?? '', says);
  assert.deepEqual(more, []);
  return run;
}

async function filledTable(stage, { key = 'pk:S,sk:B', changes = 300 } = {}) {
  const source = `${servers().local}/${newName('Source')}`;
  const table = await createTable(source, key, { view: null });
  if (changes > 0) {
    await stage.runTool('workload', ['--target', source, '--changes', `${changes}`, '--keys', '120', '--seed', '5']);
  }
  return { source, table };
}

async function assertEqual(stage, source, target) {
  const result = await stage.runTool('compare', ['--source', source, '--target', target], { accept: [0, 1] });
  assert.equal(result.differences, 0, JSON.stringify(result));
  return result.source_items;
}

function objectId(key) {
  return createHash('sha256').update(JSON.stringify(key)).digest('hex');
}

scenario('a dump made with temporary credentials of an assumed role is restored', async (stage) => {
  const { rgw } = servers();
  const bucket = await newBucket();
  const { source } = await filledTable(stage);
  const env = { ...environment(), AWS_ENDPOINT_URL_STS: rgw.endpoint };
  const role = ['--s3-role-arn', rgw.role];
  const run = await succeed(stage, ['backup-table', source, `s3://${bucket}/dumps`, '--jobid', 'j1', ...role, '--output', 'json'], env);
  assert.deepEqual(await keysIn(rgw, bucket), ['dumps/j1.manifest.json', 'dumps/j1.table.json', 'dumps/j1/0']);
  const lines = gunzipSync(await bodyOf(rgw, bucket, 'dumps/j1/0')).toString().trimEnd().split('\n');
  assert.equal(lines.length, run.json().items);
  assert.ok(run.json().requests >= 6, 'DescribeTable, its settings, Scan, and three objects');
  const target = `${servers().other}/${newName('Restored')}`;
  await succeed(stage, ['restore-table', `s3://${bucket}/dumps/j1`, target, '--create-target', ...role], env);
  assert.equal(await assertEqual(stage, source, target), lines.length);
});

scenario('a dump of many parts is uploaded in parts and restored', async (stage) => {
  const { rgw } = servers();
  const bucket = await newBucket();
  const source = `${servers().local}/${newName('Large')}`;
  const table = await createTable(source, 'id:N', { view: null });
  // What does not compress: 60 items of 390 KB are 23 MB.
  const noise = (i) => createHash('shake256', { outputLength: 195_000 }).update(`${i}`).digest('hex');
  for (let i = 0; i < 60; i++) await put(table, { id: { N: `${i}` }, noise: { S: noise(i) } });
  await succeed(stage, ['backup-table', source, `s3://${bucket}`, '--jobid', 'large', '--compression', 'none']);
  assert.deepEqual(await unfinishedUploads(rgw, bucket), []);
  const target = `${servers().other}/${newName('Restored')}`;
  await succeed(stage, ['restore-table', `s3://${bucket}/large`, target, '--create-target']);
  assert.equal(await assertEqual(stage, source, target), 60);
});

scenario('an incremental backup keeps every state: history, snapshot, and the table as of a moment', async (stage) => {
  const { rgw } = servers();
  const bucket = await newBucket({ versioned: true });
  const source = `${await stage.dynamoDbLocal('streamed')}/Streamed`;
  const table = await createTable(source, 'id:N,at:S');
  const url = `s3://${bucket}/backups`;
  const backUp = () =>
    succeed(stage, [
      ...['incremental-backup', source, url, '--state', stage.path('state'), '--idle-poll', '50ms'],
      ...['--stop-when-caught-up', '--output', 'json'],
    ]);
  const workload = ['--target', source, '--changes', '150', '--keys', '60', '--large-rate', '0'];
  await stage.runTool('workload', [...workload, '--seed', '1']);
  await backUp();
  const kept = `${servers().other}/${newName('Kept')}`;
  const copy = await createTable(kept, 'id:N,at:S', { view: null });
  for (const item of await itemsOf(table)) await put(copy, item);
  await sleep(1_100); // object versions are dated by the second
  const moment = new Date().toISOString();
  await sleep(1_100);
  await stage.runTool('workload', [...workload, '--seed', '2']);
  await backUp();

  const now = (await itemsOf(table)).map(({ id, at }) => `backups/Streamed/${objectId({ at, id })}`);
  assert.deepEqual(await keysIn(rgw, bucket, 'backups/Streamed/'), now.sort());
  const restored = `${servers().other}/${newName('AsOf')}`;
  await succeed(stage, ['restore-table', `${url}/Streamed`, restored, '--create-target', '--as-of', moment]);
  await assertEqual(stage, kept, restored);
  const newest = `${servers().other}/${newName('Newest')}`;
  await succeed(stage, ['restore-table', `${url}/Streamed`, newest, '--create-target']);
  await assertEqual(stage, source, newest);

  const joined = await succeed(stage, ['incremental-snapshot', `${url}/Streamed`, `s3://${bucket}/snapshots/now.gz`]);
  assert.match(joined.stdout, /, \d+ requests$/m);
  const snapshot = gunzipSync(await bodyOf(rgw, bucket, 'snapshots/now.gz')).toString().trimEnd().split('\n');
  assert.equal(snapshot.length, now.length);
}, { seconds: 240 });

scenario('the history of a record goes through 50 versions and its deletions, and one is brought back', async (stage) => {
  const { rgw } = servers();
  const bucket = await newBucket({ versioned: true });
  const { source, table } = await filledTable(stage, { key: 'id:S', changes: 0 });
  const key = { id: { S: 'a "b" \\ é' } };
  const Key = `p/${table.name}/${objectId(key)}`;
  const expected = [];
  for (let i = 0; i < 50; i++) {
    if (i % 10 === 9) {
      await rgw.client.send(new S3.DeleteObjectCommand({ Bucket: bucket, Key }));
      expected.unshift(null);
    } else {
      const item = { ...key, v: { N: `${i}` } };
      await rgw.client.send(new S3.PutObjectCommand({ Bucket: bucket, Key, Body: JSON.stringify(item) }));
      expected.unshift(item);
    }
  }
  const record = JSON.stringify({ id: 'a "b" \\ é' });
  const args = ['incremental-record-history', source, `s3://${bucket}/p`, record, '--output', 'json'];
  const states = (await succeed(stage, args)).stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(states.map(({ item }) => item), expected);
  assert.deepEqual(states.map(({ deleted }) => deleted), expected.map((item) => item === null));

  await sleep(1_100);
  const before = new Date().toISOString();
  await sleep(1_100);
  await rgw.client.send(new S3.PutObjectCommand({ Bucket: bucket, Key, Body: JSON.stringify({ ...key, v: { S: 'new' } }) }));
  await put(table, { ...key, v: { S: 'new' } });
  const restore = ['restore-record', `s3://${bucket}/p/${table.name}`, source, record, '--as-of', before];
  const shown = await succeed(stage, [...restore, '--dry-run']);
  assert.match(shown.stdout, /wanted: deleted/);
  assert.equal((await itemsOf(table)).length, 1);
  await refused(stage, restore, { code: 2, says: /not confirmed/ });
  await succeed(stage, [...restore, '--yes']);
  assert.equal((await itemsOf(table)).length, 0);
});

scenario('what was written before a bucket was versioned is a state like any other', async (stage) => {
  const { rgw } = servers();
  const bucket = await newBucket();
  const { source, table } = await filledTable(stage, { key: 'id:S', changes: 0 });
  const key = { id: { S: 'a' } };
  const item = (v) => ({ ...key, v: { N: v } });
  const Key = `p/${table.name}/${objectId(key)}`;
  const store = (v) => rgw.client.send(new S3.PutObjectCommand({ Bucket: bucket, Key, Body: JSON.stringify(item(v)) }));
  await store('1');
  await sleep(1_100); // object versions are dated by the second
  const before = new Date().toISOString();
  await sleep(1_100);
  await versionBucket(rgw, bucket);
  await store('2');
  const args = ['incremental-record-history', source, `s3://${bucket}/p`, '{"id":"a"}', '--output', 'json'];
  const states = (await succeed(stage, args)).stdout.trim().split('\n').map((line) => JSON.parse(line).item);
  assert.deepEqual(states, [item('2'), item('1')]);
  await succeed(stage, ['restore-table', `s3://${bucket}/p/${table.name}`, source, '--as-of', before]);
  assert.deepEqual(await itemsOf(table), [item('1')]);
});

scenario('a moment is no success where the bucket kept no versions of it, and what was made later is counted', async (stage) => {
  const { rgw } = servers();
  const bucket = await newBucket();
  const { source, table } = await filledTable(stage, { key: 'id:S', changes: 0 });
  const item = (id, v) => ({ id: { S: id }, v: { N: v } });
  const store = (id, v) => {
    const Key = `p/${table.name}/${objectId({ id: { S: id } })}`;
    return rgw.client.send(new S3.PutObjectCommand({ Bucket: bucket, Key, Body: JSON.stringify(item(id, v)) }));
  };
  await store('a', '1');
  await store('b', '1');
  await sleep(1_100); // object versions are dated by the second
  const first = new Date().toISOString();
  await sleep(1_100);
  await store('b', '2');
  const restore = ['restore-table', `s3://${bucket}/p/${table.name}`, source, '--output', 'json', '--as-of'];
  const lossy = await refused(stage, [...restore, first], { code: 2, says: /1 objects were written after that moment/ });
  assert.equal(lossy.json().not_known, 1);
  assert.match(lossy.stderr, /no object has versions/);
  assert.deepEqual(await itemsOf(table), [item('a', '1')], 'the others are restored');

  await versionBucket(rgw, bucket);
  await sleep(1_100);
  const second = new Date().toISOString();
  await sleep(1_100);
  await store('b', '3');
  await store('c', '3');
  const run = await succeed(stage, [...restore, second, '--overwrite']);
  assert.equal(run.json().not_there, 1);
  assert.match(run.stderr, /left out: made later, or expired objects=1/);
  const restored = (await itemsOf(table)).sort((x, y) => x.id.S.localeCompare(y.id.S));
  assert.deepEqual(restored, [item('a', '1'), item('b', '2')]);
});

scenario('old names and arguments work as they did, also for objects under their old name', async (stage) => {
  const { rgw } = servers();
  const bucket = await newBucket();
  const { source, table } = await filledTable(stage, { key: 'zz:B,aa:N', changes: 120 });
  const call = async (name, ...args) => {
    symlinkSync(resolve(process.env.DYNAMIRROR_BUILD ?? 'build/release', 'dynamirror'), stage.path(name));
    const run = stage.start(name, stage.path(name), args, { env: environment() });
    await run.waitForExit(60);
    assert.equal(run.ended.code, 0, run.lastWords());
    return run;
  };
  const items = await itemsOf(table);
  const { zz, aa } = items[0];
  const wire = { zz: { B: Buffer.from(zz.B).toString('base64') }, aa };
  const old = `inc/${table.name}/${objectId({ zz: wire.zz, aa })}`;
  const body = JSON.stringify({ ...wire, stale: { BOOL: true } });
  await rgw.client.send(new S3.PutObjectCommand({ Bucket: bucket, Key: old, Body: body }));
  const key = JSON.stringify(wire);
  const local = source.replace('http://', '');
  const history = await call('incremental-record-history', local, `s3://${bucket}/inc`, key);
  assert.match(history.stdout, /stale/);
  await call('incremental-backup-record', local, `s3://${bucket}/inc`, key);
  await call('incremental-diff-record', local, `s3://${bucket}/inc`, key);
  await call('incremental-backfill', local, `s3://${bucket}/inc`);
  const keys = await keysIn(rgw, bucket, `inc/${table.name}/`);
  assert.equal(keys.length, items.length);
  assert.ok(!keys.includes(old));
  await call('incremental-snapshot', `s3://${bucket}/inc/${table.name}`, `s3://${bucket}/snap`, '--retries', '3');
  await call('backup-table', local, `s3://${bucket}/dump`, '--jobid', 'x', '--segment', '0', '--segments', '1');
  const lines = (name) => bodyOf(rgw, bucket, name).then((bytes) => gunzipSync(bytes).toString().trimEnd().split('\n').sort());
  assert.deepEqual((await lines('snap')).length, (await lines('dump/x/0')).length);
});

scenario('a neighbour whose name begins alike is not taken into a snapshot', async (stage) => {
  const { rgw } = servers();
  const bucket = await newBucket();
  for (const Key of ['x/edge_k/1', 'x/edge_k_two/2']) {
    await rgw.client.send(new S3.PutObjectCommand({ Bucket: bucket, Key, Body: JSON.stringify({ id: { S: Key } }) }));
  }
  await succeed(stage, ['incremental-snapshot', `s3://${bucket}/x/edge_k`, `s3://${bucket}/snap`]);
  assert.equal(gunzipSync(await bodyOf(rgw, bucket, 'snap')).toString(), '{"id":{"S":"x/edge_k/1"}}\n');
});

scenario('wrong keys and a missing bucket are one line each', async (stage) => {
  const { source } = await filledTable(stage, { changes: 10 });
  const bucket = await newBucket();
  const wrong = { ...environment(), AWS_SECRET_ACCESS_KEY: 'wrong' };
  const args = (place) => ['backup-table', source, place, '--jobid', 'x'];
  await refused(stage, args(`s3://${bucket}/x`), { code: EXIT_ACCESS, says: /SignatureDoesNotMatch|AccessDenied/, env: wrong });
  await refused(stage, args('s3://nowhere-at-all/x'), { code: EXIT_NOT_READY, says: /nowhere-at-all.*NoSuchBucket: there is no such bucket; check its name/ });
  await refused(stage, ['restore-table', 's3://nowhere-at-all/x', source], { code: EXIT_NOT_READY, says: /nowhere-at-all/ });
  await refused(stage, args('s3:/typo'), { code: 2, says: /s3:\/\/bucket\/prefix/ });
});

// A proxy before the gateway that spoils some requests. `spoil(request, number)` gives a status, 'close', or nothing.
async function spoilingProxy(stage, spoil) {
  let number = 0;
  const target = new URL(servers().rgw.endpoint);
  const server = createServer((request, response) => {
    const trouble = spoil(request, ++number);
    if (trouble === 'close') return request.socket.destroy();
    if (trouble) {
      request.resume();
      request.on('end', () => {
        response.writeHead(trouble, { 'content-type': 'application/xml' });
        const code = trouble === 404 ? 'NoSuchKey' : 'SlowDown';
        response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>Said by the proxy.</Message></Error>`);
      });
      return undefined;
    }
    // The gateway checks the signature over the host that the client has named.
    const forwarded = httpRequest(
      { host: target.hostname, port: target.port, method: request.method, path: request.url, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      },
    );
    forwarded.on('error', () => request.socket.destroy());
    request.pipe(forwarded);
    return undefined;
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stage.addCloser(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${server.address().port}`;
}

scenario('SlowDown and broken connections are ridden out', async (stage) => {
  const { rgw } = servers();
  const bucket = await newBucket();
  const { source } = await filledTable(stage, { changes: 150 });
  const endpoint = await spoilingProxy(stage, (_, number) => (number % 5 === 2 ? 503 : number % 7 === 3 ? 'close' : undefined));
  const env = { ...environment(), AWS_ENDPOINT_URL_S3: endpoint };
  await succeed(stage, ['incremental-backfill', source, `s3://${bucket}/inc`], env);
  const { pathname } = new URL(source);
  const target = `${servers().other}/${newName('Restored')}`;
  await createTable(target, 'pk:S,sk:B', { view: null });
  await succeed(stage, ['restore-table', `s3://${bucket}/inc${pathname}`, target], env);
  await assertEqual(stage, source, target);
  assert.ok((await keysIn(rgw, bucket)).length > 0);
});

scenario('a snapshot counts the objects that went while it was made', async (stage) => {
  const { rgw } = servers();
  const bucket = await newBucket();
  for (const name of ['a', 'b', 'c']) {
    const Body = JSON.stringify({ id: { S: name } });
    await rgw.client.send(new S3.PutObjectCommand({ Bucket: bucket, Key: `x/k/${name}`, Body }));
  }
  const endpoint = await spoilingProxy(stage, ({ url }) => (url.endsWith('/x/k/b') ? 404 : undefined));
  const env = { ...environment(), AWS_ENDPOINT_URL_S3: endpoint };
  const args = ['incremental-snapshot', `s3://${bucket}/x/k`, `s3://${bucket}/snap`];
  const run = await succeed(stage, [...args, '--output', 'json'], env);
  const { items, gone } = run.json();
  assert.deepEqual({ items, gone }, { items: 2, gone: 1 });
  assert.match((await succeed(stage, args, env)).stdout, /: 2 items, 1 gone meanwhile, /);
});

scenario('an upload that breaks off leaves neither half an object nor an unfinished upload', async (stage) => {
  const { rgw } = servers();
  const bucket = await newBucket();
  const source = `${servers().local}/${newName('Large')}`;
  const table = await createTable(source, 'id:N', { view: null });
  const noise = (i) => createHash('shake256', { outputLength: 195_000 }).update(`${i}`).digest('hex');
  for (let i = 0; i < 60; i++) await put(table, { id: { N: `${i}` }, noise: { S: noise(i) } });
  const endpoint = await spoilingProxy(stage, ({ url }) => (/partNumber=2/.test(url) ? 503 : undefined));
  const env = { ...environment(), AWS_ENDPOINT_URL_S3: endpoint };
  const args = ['backup-table', source, `s3://${bucket}/x`, '--jobid', 'broken', '--compression', 'none'];
  const run = await stage.run(args, { env, seconds: 120 });
  assert.equal(run.ended.code, EXIT_UNREACHABLE, run.lastWords());
  assert.match(complaints(run)[0], /SlowDown/);
  assert.equal(complaints(run).length, 1);
  assert.deepEqual(await keysIn(rgw, bucket), ['x/broken.table.json'], 'which says that a dump was begun');
  assert.deepEqual(await unfinishedUploads(rgw, bucket), []);
  await remove(table, { id: { N: '0' } });
}, { seconds: 240 });
