// SPDX-License-Identifier: Apache-2.0
// Goal: a running task of awslabs' cross-region library goes on under `dynamirror cross-region` with its own flags, its
// own lease table and its own metrics, and could go back.
// Method: the binary on the scripted DynamoDB, whose lease table holds what KCL 1.7.5, which that library uses, leaves;
// CloudWatch is played here.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertRefused, assertSummary } from './support/expect.mjs';
import { call, scanAll } from './support/raw_dynamodb.mjs';
import { LOCAL_KEYS, scenario } from './support/stage.mjs';

const EXIT_USAGE = 2;
// MD5 of "us-east-1Ordersus-west-2OrdersReplica".
const LEASES = 'DynamoDBCrossRegionReplication5d5acded41cf96306faf419caf6d78a5';
const REQUIRED = ['leaseKey', 'leaseCounter', 'ownerSwitchesSinceCheckpoint', 'checkpoint', 'checkpointSubSequenceNumber'];
const OPTIONAL = ['leaseOwner', 'parentShardId', 'childShardIds'];

async function stand(stage) {
  const tables = ['--table', 'Orders:id', '--table', 'OrdersReplica:id'];
  const { endpoint } = await stage.standIn(['--no-signature', '--shards', '2', ...tables]);
  return endpoint;
}

const flags = (endpoint, ...more) => [
  'cross-region',
  ...['--sourceRegion', 'us-east-1', '--sourceTable', 'Orders', '--sourceEndpoint', endpoint],
  ...['--destinationRegion', 'us-west-2', '--destinationTable', 'OrdersReplica', '--destinationEndpoint', endpoint],
  ...more,
];

const start = (stage, endpoint, more = ['--dontPublishCloudwatch'], options = {}) =>
  stage.dynamirror([...flags(endpoint, ...more), '--output', 'json'], options);

const putOrder = (endpoint, id) => call(endpoint, 'PutItem', { TableName: 'Orders', Item: { id: { S: id } } });

async function until(condition, what) {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `${what} within 30 s`);
    await sleep(50);
  }
}

const replicated = (endpoint, ids) =>
  until(async () => {
    const items = await scanAll(endpoint, 'OrdersReplica');
    return JSON.stringify(items.map(({ id }) => id.S).sort()) === JSON.stringify(ids);
  }, `the replica holds ${ids}`);

async function stop(run) {
  run.kill('SIGTERM');
  await run.waitForExit(10);
  assert.deepEqual(run.ended, { code: 0, signal: null }, run.lastWords());
  return assertSummary(run);
}

// CloudWatch; `requests` hold the body, the region that signed, and the target.
async function cloudWatch(stage, { status = 200 } = {}) {
  const requests = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (text) => (body += text));
    request.on('end', () => {
      const [, region] = /Credential=[^/]+\/\d+\/([^/]+)\/monitoring\/aws4_request/.exec(request.headers.authorization);
      requests.push({ target: request.headers['x-amz-target'], region, ...JSON.parse(body) });
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(status === 200 ? '{}' : '{"__type":"AccessDeniedException","message":"no"}');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stage.addCloser(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { requests, env: { ...LOCAL_KEYS, AWS_ENDPOINT_URL_CLOUDWATCH: `http://127.0.0.1:${server.address().port}` } };
}

scenario("leases are left in the task's own table, as KCL 1.7.5 reads them", async (stage) => {
  const endpoint = await stand(stage);
  for (const id of ['a', 'b', 'c']) await putOrder(endpoint, id);
  const run = start(stage, endpoint);
  await replicated(endpoint, ['a', 'b', 'c']);
  await stop(run);
  const rows = await scanAll(endpoint, LEASES);
  assert.equal(rows.length, 2);
  for (const row of rows) {
    for (const name of REQUIRED) assert.ok(row[name], `${name} in ${JSON.stringify(row)}`);
    for (const name of Object.keys(row)) assert.ok([...REQUIRED, ...OPTIONAL].includes(name), name);
    assert.equal(row.leaseOwner, undefined, 'given up, so that the next takes it at once');
    assert.equal(row.checkpointSubSequenceNumber.N, '0');
    assert.match(row.checkpoint.S, /^(TRIM_HORIZON|\d+)$/);
  }
  assert.ok(rows.some((row) => /^\d+$/.test(row.checkpoint.S)));
});

scenario("work goes on where awslabs' tool has stopped", async (stage) => {
  const endpoint = await stand(stage);
  for (const id of ['a', 'b', 'c', 'd']) await putOrder(endpoint, id);
  const first = start(stage, endpoint);
  await replicated(endpoint, ['a', 'b', 'c', 'd']);
  await stop(first);
  // As that tool leaves a row: its owner stays in it, and nothing that KCL 1.7.5 does not know is there.
  for (const { leaseKey, checkpoint } of await scanAll(endpoint, LEASES)) {
    const Item = {
      ...{ leaseKey, checkpoint, checkpointSubSequenceNumber: { N: '0' }, ownerSwitchesSinceCheckpoint: { N: '0' } },
      ...{ leaseCounter: { N: '17' }, leaseOwner: { S: 'workerDynamoDBCrossRegionReplication0b5f' } },
    };
    await call(endpoint, 'PutItem', { TableName: LEASES, Item });
  }
  const release = ['leases', 'release', `${endpoint}/${LEASES}`, '--owner', 'workerDynamoDBCrossRegionReplication0b5f'];
  assert.equal((await stage.run([...release, '--yes'])).ended.code, 0, 'else the next 60 s are waited out');
  await putOrder(endpoint, 'e');
  const second = start(stage, endpoint);
  await replicated(endpoint, ['a', 'b', 'c', 'd', 'e']);
  const { read } = await stop(second);
  assert.equal(read, 1, 'only what came after the checkpoints');
  for (const { leaseCounter } of await scanAll(endpoint, LEASES)) assert.ok(Number(leaseCounter.N) > 18);
});

scenario('a task with a name has its table by it, where its flags say', async (stage) => {
  const endpoint = await stand(stage);
  const { endpoint: elsewhere } = await stage.standIn(['--no-signature', '--table', 'Other:id']);
  await putOrder(endpoint, 'a');
  const where = ['--kclRegion', 'us-east-1', '--kclEndpoint', elsewhere];
  const run = start(stage, endpoint, ['--taskName', 'Orders', ...where, '--dontPublishCloudwatch']);
  await replicated(endpoint, ['a']);
  await stop(run);
  assert.equal((await scanAll(elsewhere, 'DynamoDBCrossRegionReplicationOrders')).length, 2);
  await assert.rejects(scanAll(endpoint, 'DynamoDBCrossRegionReplicationOrders'), /ResourceNotFound/);
});

scenario('wrong flags are one line', async (stage) => {
  const endpoint = await stand(stage);
  const refused = async (args, ...says) => assertRefused(await stage.run(args), { code: EXIT_USAGE, says });
  await refused(['cross-region', '--sourceRegion', 'us-east-1', '--sourceTable', 'Orders'], '--destinationRegion');
  await refused(flags(endpoint, '--batchsize', '10'), 'batchsize');
  await refused(flags(endpoint, '--batchSize', 'many'), '--batchSize', 'many');
  await refused(flags(endpoint, '--taskName', 'x'.repeat(226)), 'x'.repeat(226), '225');
  await refused(flags('ftp://server'), 'ftp://server');
});

scenario('metrics have the names and places that dashboards know', async (stage) => {
  const endpoint = await stand(stage);
  const { requests, env } = await cloudWatch(stage);
  for (const id of ['a', 'b', 'c']) await putOrder(endpoint, id);
  const run = start(stage, endpoint, [], { env: { ...env, AWS_REGION: 'eu-central-1' } });
  await replicated(endpoint, ['a', 'b', 'c']);
  const summary = await stop(run);
  assert.deepEqual(requests.map(({ region }) => region), ['us-east-1', 'eu-central-1']);
  for (const { target, Namespace } of requests) {
    assert.match(target, /\.PutMetricData$/);
    assert.equal(Namespace, LEASES);
  }
  const [leases, records] = requests.map(({ MetricData }) =>
    Object.fromEntries(
      MetricData.map(({ MetricName, Value, Dimensions = [] }) => [
        [MetricName, ...Dimensions.map(({ Name, Value: is }) => `${Name}=${is}`)].join(' '),
        Value,
      ]),
    ),
  );
  assert.equal(leases['RecordsProcessed Operation=ProcessTask'], 3);
  assert.ok(leases['DataBytesProcessed Operation=ProcessTask'] > 0);
  assert.equal(leases['TakenLeases Operation=TakeLeases'], 2);
  assert.equal(leases['LostLeases Operation=RenewAllLeases'], 0);
  assert.ok('CurrentLeases Operation=RenewAllLeases' in leases && 'ReplicationLag' in leases);
  assert.deepEqual(records, { RecordsWritten: summary.applied, RecordsRetried: summary.retries, RecordsFailed: 0 });
});

scenario('metrics that are refused or have no place fail nothing', async (stage) => {
  const endpoint = await stand(stage);
  const { requests, env } = await cloudWatch(stage, { status: 403 });
  await putOrder(endpoint, 'a');
  const refused = start(stage, endpoint, [], { env });
  await replicated(endpoint, ['a']);
  await stop(refused);
  assert.ok(requests.length > 0);
  assert.equal(refused.stderr.match(/metrics could not be sent/g)?.length, 1, refused.lastWords());

  const nowhere = start(stage, endpoint, ['--log-level', 'debug']);
  await nowhere.waitUntil((self) => self.stderr.includes('no metrics are sent'), 20, 'reason');
  await stop(nowhere);
  assert.doesNotMatch(nowhere.stderr, /could not be sent/);

  const before = requests.length;
  const off = start(stage, endpoint, ['--dontPublishCloudwatch'], { env });
  await putOrder(endpoint, 'b');
  await replicated(endpoint, ['a', 'b']);
  await stop(off);
  assert.equal(requests.length, before);
});
