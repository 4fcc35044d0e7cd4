// SPDX-License-Identifier: Apache-2.0
// Goal: as a function under AWS Lambda, dynamirror keeps objects as mapbox's function did, takes a role of another
// account once for many invocations, and leaves its dead letters in a bucket.
// Method: a strict stand-in for Lambda's runtime interface; Ceph's object gateway, seen with AWS's own SDK; a DynamoDB
// and an STS that know who may do what.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { guardedDynamoDb, keysInEnvironment, newIdentity, sts } from './support/aws_servers.mjs';
import { bodyOf, keysIn, makeBucket, startGateway } from './support/buckets.mjs';
import { metricsOf, startFunction } from './support/lambda_runtime.mjs';
import { scenario, shared } from './support/stage.mjs';
import { kinesisRecord, streamRecord } from './support/stream_events.mjs';
import { createTable, itemsOf, put } from './support/tables.mjs';

const ONE_OBJECT = `<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>own/Orders/x</Key><Size>1</Size>
<ETag>"e"</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>`;
const SLOW_DOWN = '<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>';
const DONE = { batchItemFailures: [] };
const servers = shared('lambda-targets', async (stage) => {
  const [rgw, local] = await Promise.all([startGateway(stage), stage.dynamoDbLocal()]);
  return { rgw, local };
});
let count = 0;
const newName = (word) => `${word}${++count}`;
const sequence = (i) => 100000000000000000000n + BigInt(i);
const objectId = (key) => createHash('sha256').update(JSON.stringify(key)).digest('hex');

async function newBucket() {
  const bucket = newName('lambda-');
  await makeBucket(servers().rgw, bucket);
  return bucket;
}

const s3 = () => ({ ...servers().rgw.keys, AWS_ENDPOINT_URL_S3: servers().rgw.endpoint, AWS_REGION: 'us-east-1' });

async function done(func, Records) {
  const outcome = await func.runtime.invoke({ Records });
  assert.deepEqual(func.runtime.faults, []);
  assert.equal(outcome.error, undefined, `${outcome.error}\n${func.process.lastWords()}`);
  assert.deepEqual(outcome.answer, DONE, func.process.lastWords());
}

scenario("mapbox's backup: one object for each item, under its name for it; deletions remove it", async (stage) => {
  const bucket = await newBucket();
  const env = { ...s3(), BackupBucket: bucket, BackupPrefix: 'backups/live', BackupRegion: 'us-east-1' };
  const func = await startFunction(stage, { handler: 'index.backup', env });
  // The stream has the attributes in an order of its own; the object's name has them sorted.
  const keyOf = (i) => ({ zone: { S: `z${i}` }, id: { N: `${i}` } });
  const change = (i, at, image) =>
    streamRecord('Orders', sequence(at), { key: keyOf(i), image: image && { ...keyOf(i), ...image } });
  const exact = { n: { N: '1.2345678901234567890123456789012345678' } };
  await done(func, [change(1, 1, { v: { S: 'old' } }), change(2, 2, { v: { S: 'x' } }), change(1, 3, exact)]);
  const name = (i) => `backups/live/Orders/${objectId({ id: keyOf(i).id, zone: keyOf(i).zone })}`;
  assert.deepEqual(await keysIn(servers().rgw, bucket), [name(1), name(2)].sort());
  assert.deepEqual(JSON.parse(await bodyOf(servers().rgw, bucket, name(1))), { ...keyOf(1), ...exact });
  await done(func, [change(1, 4)]);
  assert.deepEqual(await keysIn(servers().rgw, bucket), [name(2)]);
});

scenario('no write of an object begins in the time that is kept back for the answer', async (stage) => {
  const seconds = 3;
  const keptMs = seconds * 100;
  const requests = [];
  let writeUntil;
  // Says "slow down" to every write when it may not be repeated any more.
  const busy = createServer((request, response) => {
    const say = (status, text) => response.writeHead(status, { 'content-type': 'application/xml' }).end(text);
    if (request.method === 'GET') return say(200, ONE_OBJECT);
    requests.push(Date.now());
    setTimeout(() => say(503, SLOW_DOWN), Math.max(0, writeUntil + 30 - Date.now()));
  });
  await new Promise((resolve) => busy.listen(0, '127.0.0.1', resolve));
  stage.addCloser(() => {
    busy.closeAllConnections();
    return new Promise((resolve) => busy.close(resolve));
  });
  const AWS_ENDPOINT_URL_S3 = `http://127.0.0.1:${busy.address().port}`;
  const env = { ...s3(), AWS_ENDPOINT_URL_S3, DYNAMIRROR_TARGET: 's3://bucket/own' };
  const func = await startFunction(stage, { handler: 'dynamirror.backup', env });
  const key = (i) => ({ id: { N: `${i}` } });
  const Records = Array.from({ length: 40 }, (_, i) => streamRecord('Orders', sequence(i), { key: key(i), image: key(i) }));
  const begun = Date.now();
  writeUntil = begun + seconds * 1_000 - keptMs;
  const { answer, ms } = await func.runtime.invoke({ Records }, { seconds });
  assert.deepEqual(func.runtime.faults, []);
  assert.deepEqual(answer, { batchItemFailures: [{ itemIdentifier: `${sequence(0)}` }] });
  assert.ok(ms < seconds * 1_000);
  assert.ok(requests.length > 0);
  assert.deepEqual(requests.filter((at) => at > writeUntil + 20).map((at) => at - writeUntil), []);
});

scenario('our own backup, also of what Kinesis tells the keys of', async (stage) => {
  const bucket = await newBucket();
  const table = newName('Primary');
  const source = `${servers().local}/${table}`;
  await put(await createTable(source, 'id:S', { view: null }), { id: { S: 'a' }, v: { N: '1' } });
  const env = { ...s3(), DYNAMIRROR_TARGET: `s3://${bucket}/own`, DYNAMIRROR_SOURCE: source };
  const func = await startFunction(stage, { handler: 'dynamirror.backup', env });
  const dyno = (id) => JSON.stringify({ eventName: 'INSERT', dynamodb: { Keys: { id: { S: id } }, SequenceNumber: '0' } });
  await done(func, [kinesisRecord(1, dyno('a')), kinesisRecord(2, dyno('gone'))]);
  const name = `own/${table}/${objectId({ id: { S: 'a' } })}`;
  assert.deepEqual(await keysIn(servers().rgw, bucket), [name]);
  assert.deepEqual(JSON.parse(await bodyOf(servers().rgw, bucket, name)), { id: { S: 'a' }, v: { N: '1' } });
});

scenario('dead letters go to a bucket; a bucket that is not there makes the change one that is not done', async (stage) => {
  const bucket = await newBucket();
  const url = `${servers().local}/${newName('Target')}`;
  const table = await createTable(url, 'id:S', { view: null });
  const key = (id) => ({ id: { S: id } });
  const records = ['a', 'b', 'c'].map((id, i) => streamRecord('Orders', sequence(i), { key: key(id), image: key(id) }));
  records[1].dynamodb.NewImage.big = { S: 'x'.repeat(420_000) };
  const env = { ...s3(), DYNAMIRROR_TARGET: url };
  const func = await startFunction(stage, {
    handler: 'dynamirror.replicate',
    env: { ...env, DYNAMIRROR_DEAD_LETTERS: `s3://${bucket}/letters` },
  });
  await done(func, records);
  assert.deepEqual((await itemsOf(table)).map(({ id }) => id.S).sort(), ['a', 'c']);
  const [name, ...more] = await keysIn(servers().rgw, bucket);
  assert.deepEqual([name, more], [`letters/Orders/${sequence(1)}.dead-letters.jsonl`, []]);
  const [letter] = (await bodyOf(servers().rgw, bucket, name)).toString().trimEnd().split('\n');
  assert.equal(JSON.parse(letter).key.id.S, 'b');
  assert.equal(metricsOf(func.process)[0].DeadLettered, 1);
  const lost = await startFunction(stage, {
    handler: 'dynamirror.replicate',
    env: { ...env, DYNAMIRROR_DEAD_LETTERS: `s3://${newName('nowhere-')}/letters` },
  });
  const { answer } = await lost.runtime.invoke({ Records: records });
  assert.deepEqual(answer, { batchItemFailures: [{ itemIdentifier: `${sequence(1)}` }] });
  assert.equal(metricsOf(lost.process)[0].NotDone, 1);
});

scenario('dead letters of a bucket are replayed, batch by batch; a batch goes when all of it is applied', async (stage) => {
  const bucket = await newBucket();
  const [url, source] = [`${servers().local}/${newName('Target')}`, `${servers().local}/Orders`];
  const table = await createTable(url, 'id:S', { view: null });
  const primary = await createTable(source, 'id:S', { view: null });
  const key = (id) => ({ id: { S: id } });
  const big = { S: 'x'.repeat(420_000) };
  const env = { ...s3(), DYNAMIRROR_TARGET: url, DYNAMIRROR_DEAD_LETTERS: `s3://${bucket}/letters` };
  const func = await startFunction(stage, { handler: 'dynamirror.replicate', env });
  const refused = (id, at) => streamRecord('Orders', sequence(at), { key: key(id), image: { ...key(id), big } });
  await put(table, { ...key('gone'), v: { S: 'old' } });
  await done(func, [refused('a', 1), refused('gone', 2)]);
  await done(func, [refused('b', 3), refused('c', 4)]);
  const name = (at) => `letters/Orders/${sequence(at)}.dead-letters.jsonl`;
  assert.deepEqual(await keysIn(servers().rgw, bucket), [name(1), name(3)]);

  // What was too large has been put right at the source, or deleted there; of "b" the key alone is wrong for the target.
  for (const id of ['a', 'c']) await put(primary, { ...key(id), v: { S: 'right' } });
  const other = `${servers().local}/${newName('Target')}`;
  await createTable(other, 'id:N', { view: null });
  const replay = (to, more = []) => {
    const options = ['--primary', source, '--s3-endpoint', servers().rgw.endpoint, '--output', 'json'];
    const args = ['dead-letters', 'replay', `s3://${bucket}/letters`, to, ...options, ...more];
    return stage.run(args, { env: s3() });
  };
  const wrong = await replay(other, ['--other-target']);
  assert.notEqual(wrong.ended.code, 0);
  assert.deepEqual(await keysIn(servers().rgw, bucket), [name(1), name(3)], 'nothing is applied, nothing removed');
  const refusedForTarget = await replay(other);
  assert.match(refusedForTarget.stderr, /--other-target/);
  const unnamed = ['dead-letters', 'replay', `s3://${bucket}/letters`, url];
  assert.match((await stage.run(unnamed, { env: s3() })).stderr, /--primary/);

  const replayed = await replay(url);
  assert.equal(replayed.ended.code, 0, replayed.lastWords());
  const { batches, removed, applied, still_failing } = replayed.json();
  assert.deepEqual({ batches, removed, applied, still_failing }, { batches: 2, removed: 2, applied: 4, still_failing: 0 });
  assert.deepEqual(await keysIn(servers().rgw, bucket), []);
  const items = (await itemsOf(table)).sort((a, b) => (a.id.S < b.id.S ? -1 : 1));
  assert.deepEqual(items, ['a', 'c'].map((id) => ({ ...key(id), v: { S: 'right' } })));
});

scenario('the cross-account sample: its role is assumed once, in its partition, and again when it has ended', async (stage) => {
  const own = newIdentity('own');
  const dynamodb = await guardedDynamoDb(stage, []);
  const assumed = [];
  const issue = () => {
    assumed.push(dynamodb.add(newIdentity(`role${assumed.length}`)));
    return assumed.at(-1);
  };
  const roles = { 'arn:aws-cn:iam::123456789012:role/replay': { issue } };
  const service = await sts(stage, { callers: [own], roles });
  const func = await startFunction(stage, {
    handler: 'ReplayFromStream.lambda_handler',
    env: {
      ...keysInEnvironment(own),
      AWS_ENDPOINT_URL_STS: service.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
      TARGET_AWS_ACCOUNT_NUMBER: '123456789012',
      TARGET_ROLE_NAME: 'replay',
      TARGET_DYNAMODB_NAME: 'Target',
      TARGET_REGION: 'cn-north-1',
    },
  });
  const insert = (i) => streamRecord('Orders', sequence(i), { key: { id: { S: `k${i}` } }, image: { id: { S: `k${i}` } } });
  await done(func, [insert(1), insert(2)]);
  await done(func, [insert(3)]);
  await done(func, [streamRecord('Orders', sequence(4), { key: { id: { S: 'k1' } } })]);
  assert.equal(service.calls.length, 1);
  dynamodb.expire(assumed[0]);
  await done(func, [insert(5)]);
  assert.equal(service.calls.length, 2);
  assert.deepEqual(await dynamodb.targetIds(), ['k2', 'k3', 'k5']);
  assert.deepEqual([...service.complaints, ...dynamodb.complaints], []);
  for (const arn of Object.keys(roles)) delete roles[arn];
  dynamodb.expire(assumed[1]);
  const { error } = await func.runtime.invoke({ Records: [insert(6)] });
  assert.match(error, new RegExp(`first change not done is ${sequence(6)}`), 'its mappings do not report: an error');
});
