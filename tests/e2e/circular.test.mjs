// SPDX-License-Identifier: Apache-2.0
// Goal: tables in a circle are in step, and come to rest, whether dynamirror serves each of them or the circular
// replicator's own function one: under its handler, its variables and its tags.
// Method: that tool's own scenario (100 inserts on each side, 10 deletes on each side) between two DynamoDB Locals, each
// stream read to a function as Lambda does; every record of both streams counted, since a loop would make more.
import assert from 'node:assert/strict';
import { circularFunction } from './support/circular_function.mjs';
import { EventSourceMapping, settled } from './support/event_source_mapping.mjs';
import { assertRefused } from './support/expect.mjs';
import { metricsOf, startFunction } from './support/lambda_runtime.mjs';
import { scenario, shared } from './support/stage.mjs';
import { streamRecord } from './support/stream_events.mjs';
import { createTable, itemsOf, put, remove } from './support/tables.mjs';
import { until } from './support/until.mjs';

const INSERTS = 100;
const DELETES = 10;
const SECONDS = 60;
const REGIONS = { east: 'us-east-1', west: 'us-west-2' };
const SIDES = Object.keys(REGIONS);
const other = (side) => SIDES.find((each) => each !== side);
const locals = shared('circular', async (stage) => {
  const [east, west] = await Promise.all(SIDES.map((side) => stage.dynamoDbLocal(side)));
  return { east, west };
});
let count = 0;

// A circle of two tables of the same name in two regions.
async function newCircle(more) {
  const name = `Ring${++count}`;
  const sides = {};
  for (const side of SIDES) {
    const url = `${locals()[side]}/${name}`;
    sides[side] = { url, table: await createTable(url, 'id:S', more), region: REGIONS[side], endpoint: locals()[side] };
  }
  return { name, ...sides };
}

const tagsOf = (item) => [item._repl_source_region?.S, item._repl_source_table?.S];
const idOf = (side, i) => `${side} ${i}`;
const itemOf = (side, i) => ({ id: { S: idOf(side, i) }, from: { S: side }, n: { N: `${i}.50` } });
const byId = (items) => new Map(items.map((item) => [item.id.S, item]));

// Our function for the changes of a side.
async function ours(stage, circle, side) {
  const target = circle[other(side)];
  const env = { TARGET_REGION: target.region, TARGET_TABLE: circle.name, AWS_ENDPOINT_URL_DYNAMODB: target.endpoint };
  const func = await startFunction(stage, { handler: 'replicator.lambda_handler', env });
  return Object.assign((event) => func.runtime.invoke(event), { func });
}

function theirs(circle, side, options) {
  const { region, endpoint } = circle[other(side)];
  return circularFunction({ region, endpoint, table: circle.name }, options);
}

const mapped = (stage, circle, side, invoke) =>
  EventSourceMapping.start(stage, { ...circle[side], table: circle.name, invoke });

const insertAll = (circle, from, to) =>
  Promise.all(
    SIDES.map(async (side) => {
      for (let i = from; i < to; i++) await put(circle[side].table, itemOf(side, i));
    }),
  );

const deleteSome = (circle) =>
  Promise.all(
    SIDES.map(async (side) => {
      for (let i = 0; i < DELETES; i++) await remove(circle[side].table, { id: { S: idOf(side, i) } });
    }),
  );

const holds = (circle, items) =>
  until(
    async () => (await Promise.all(SIDES.map((side) => itemsOf(circle[side].table)))).every(({ length }) => length === items),
    SECONDS,
    `${items} items on both sides`,
  );

// Every item is on both sides as it was written, and those from the other side are tagged with it.
async function assertInStep(circle) {
  for (const side of SIDES) {
    const items = byId(await itemsOf(circle[side].table));
    assert.equal(items.size, 2 * (INSERTS - DELETES));
    for (const from of SIDES) {
      for (let i = DELETES; i < INSERTS; i++) {
        const { _repl_source_region: region, _repl_source_table: table, ...item } = items.get(idOf(from, i));
        assert.deepEqual({ ...item, n: Number(item.n.N) }, { ...itemOf(from, i), n: i + 0.5 });
        const said = [region?.S, table?.S];
        if (from !== side || said[0]) assert.deepEqual(said, [REGIONS[from], circle.name], idOf(from, i));
      }
    }
  }
}

const untaggedAtHome = async (circle, side) =>
  (await itemsOf(circle[side].table)).filter((item) => item.from.S === side && !item._repl_source_region).length;

const RECORDS = 2 * INSERTS + 2 * DELETES; // in each stream: own inserts, those that came, and all deletions

scenario('the circular replicator\'s own scenario, both sides ours', async (stage) => {
  const circle = await newCircle();
  const invokes = { east: await ours(stage, circle, 'east'), west: await ours(stage, circle, 'west') };
  const mappings = await Promise.all(SIDES.map((side) => mapped(stage, circle, side, invokes[side])));
  await insertAll(circle, 0, INSERTS);
  await holds(circle, 2 * INSERTS);
  await deleteSome(circle);
  await holds(circle, 2 * (INSERTS - DELETES));
  await settled(mappings, SECONDS);
  await assertInStep(circle);
  for (const [i, side] of SIDES.entries()) {
    assert.equal(mappings[i].delivered, RECORDS, 'nothing goes around again');
    assert.equal(mappings[i].retries, 0);
    assert.equal(await untaggedAtHome(circle, side), INSERTS - DELETES, 'nothing came back');
    const { func } = invokes[side];
    assert.deepEqual(func.runtime.faults, []);
    const metrics = metricsOf(func.process);
    const sum = (value) => metrics.reduce((total, line) => total + (value(line) ?? 0), 0);
    assert.equal(sum((line) => line.filteredBy['circular-tags']), INSERTS, 'what began in the target');
    assert.equal(sum((line) => line.Applied), RECORDS - INSERTS);
  }
});

for (const skips of [true, false]) {
  const how = skips ? 'which knows its own items' : 'which writes its own items back once';
  scenario(`the same with the tool's own function on one side, ${how}; then ours takes its place`, async (stage) => {
    const circle = await newCircle();
    const [east, west] = [await ours(stage, circle, 'east'), theirs(circle, 'west', { skips })];
    const mappings = await Promise.all([mapped(stage, circle, 'east', east), mapped(stage, circle, 'west', west)]);
    await insertAll(circle, 0, INSERTS / 2);
    await holds(circle, INSERTS);
    await settled(mappings, SECONDS);
    mappings[1].invoke = await ours(stage, circle, 'west');
    await insertAll(circle, INSERTS / 2, INSERTS - 10);
    await holds(circle, 2 * (INSERTS - 10));
    await settled(mappings, SECONDS);
    mappings[1].invoke = west; // and back
    await insertAll(circle, INSERTS - 10, INSERTS);
    await holds(circle, 2 * INSERTS);
    await settled(mappings, SECONDS);
    await deleteSome(circle);
    await holds(circle, 2 * (INSERTS - DELETES));
    await settled(mappings, SECONDS);
    await assertInStep(circle);
    // Their function adds its tags to what comes back: one more record each in our stream, and no more.
    const back = skips ? 0 : INSERTS / 2 + 10;
    assert.deepEqual(mappings.map(({ delivered }) => delivered), [RECORDS + back, RECORDS]);
    assert.equal(await untaggedAtHome(circle, 'west'), INSERTS - DELETES);
  });
}

const replicate = (stage, circle, side, more = []) => {
  const [source, target] = [circle[side], circle[other(side)]];
  const regions = ['--source-region', source.region, '--target-region', target.region];
  const start = ['--start', 'trim-horizon', '--idle-poll', '100ms', '--output', 'json'];
  return stage.dynamirror(['replicate', source.url, target.url, '--tags', ...regions, ...start, ...more]);
};

scenario('the same by two processes of replicate --tags', async (stage) => {
  const circle = await newCircle();
  const running = SIDES.map((side) => replicate(stage, circle, side));
  await insertAll(circle, 0, INSERTS);
  await holds(circle, 2 * INSERTS);
  await deleteSome(circle);
  await holds(circle, 2 * (INSERTS - DELETES));
  const delivered = await Promise.all(
    SIDES.map((side) => mapped(stage, circle, side, async () => ({ answer: null }))),
  );
  await until(() => delivered.every((mapping) => mapping.delivered >= RECORDS), SECONDS, 'all records');
  await settled(delivered, SECONDS);
  for (const started of running) started.kill('SIGTERM');
  for (const started of running) {
    const { code } = await started.waitForExit(SECONDS);
    assert.equal(code, 0, started.lastWords());
    const summary = started.json();
    assert.deepEqual(
      [summary.read, summary.applied, summary.filtered_by, summary.dead_lettered],
      [RECORDS, RECORDS - INSERTS, { 'circular-tags': INSERTS }, 0],
    );
  }
  assert.deepEqual(delivered.map((mapping) => mapping.delivered), [RECORDS, RECORDS]);
  await assertInStep(circle);
});

scenario('of several changes of a key in a batch the last one stays, though writes are left unprocessed', async (stage) => {
  const circle = await newCircle();
  const kinds = 'unprocessed-some,unprocessed-all,throttling';
  const options = ['--seed', '1', '--fault-rate', '0.5', '--kinds', kinds, '--operations', 'BatchWriteItem,PutItem,DeleteItem'];
  const proxy = await stage.faultProxy(['--target', locals().west, ...options]);
  const env = { TARGET_REGION: REGIONS.west, TARGET_TABLE: circle.name, AWS_ENDPOINT_URL_DYNAMODB: proxy.endpoint };
  const func = await startFunction(stage, { handler: 'replicator.lambda_handler', env });
  const Records = Array.from({ length: 100 }, (_, i) => {
    const key = { id: { S: `k${i % 8}` } };
    const image = i === 97 ? undefined : { ...key, v: { N: `${i}` } };
    return streamRecord(circle.name, 100000000000000000000n + BigInt(i), { key, image });
  });
  const { answer, error } = await func.runtime.invoke({ Records });
  assert.equal(error, undefined);
  assert.deepEqual(answer, { batchItemFailures: [] });
  const items = byId(await itemsOf(circle.west.table));
  for (let i = 92; i < 100; i++) {
    const item = items.get(`k${i % 8}`);
    assert.equal(item?.v.N, i === 97 ? undefined : `${i}`);
    if (item) assert.deepEqual(tagsOf(item), ['eu-west-1', circle.name]); // as streamRecord's ARN has it
  }
});

scenario('what tags cannot tell: an update of a replicated item stays where it was made', async (stage) => {
  const circle = await newCircle();
  const invoke = await ours(stage, circle, 'west');
  const west = await mapped(stage, circle, 'west', invoke);
  const tags = { _repl_source_region: { S: REGIONS.east }, _repl_source_table: { S: circle.name } };
  await put(circle.west.table, { id: { S: 'a' }, v: { S: 'updated' }, ...tags });
  await put(circle.west.table, { id: { S: 'b' }, v: { S: 'put anew, without tags' } });
  await until(async () => (await itemsOf(circle.east.table)).length > 0, SECONDS, 'the other item');
  await settled([west], SECONDS);
  assert.deepEqual([...byId(await itemsOf(circle.east.table)).keys()], ['b']);
});

scenario('a circle that cannot work is refused by what is wrong with it', async (stage) => {
  const circle = await newCircle({ view: 'KEYS_ONLY' });
  const invoke = await ours(stage, circle, 'east');
  const key = { id: { S: 'a' } };
  const record = streamRecord(circle.name, 1, { key, view: 'KEYS_ONLY' });
  assert.match((await invoke({ Records: [record] })).error, /NEW_AND_OLD_IMAGES/);
  const own = streamRecord(circle.name, 1, { key, image: key });
  own.eventSourceARN = own.eventSourceARN.replace('eu-west-1', REGIONS.west);
  assert.match((await invoke({ Records: [own] })).error, /the table that is written to/);
  assert.match((await invoke({ Records: [{ ...own, eventSourceARN: undefined }] })).error, /eventSourceARN/);

  const refused = async (run, says) => {
    await run.waitForExit(SECONDS);
    assertRefused(run, { code: 2, says });
  };
  await refused(replicate(stage, circle, 'east'), [/keys only.*NEW_AND_OLD_IMAGES/]);
  const images = await newCircle();
  const sameName = ['replicate', images.east.url, images.west.url, '--tags', '--start', 'trim-horizon'];
  await refused(stage.dynamirror(sameName), ['--source-region or --target-region']);
  for (const more of [['--initial-load'], ['--replay'], ['--changes-from', 'kinesis:us-east-1/changes']]) {
    await refused(replicate(stage, images, 'east', more), ["--tags is for the table's own stream"]);
  }
});
