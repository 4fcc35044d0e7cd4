// SPDX-License-Identifier: Apache-2.0
// Goal: the feed that DynamoDB itself puts into a stream of Kinesis, twice and out of order, leaves the table's items in
// its replica, by key and by guarded images, and again when all of it is read once more onto the finished replica.
// Method: this test writes a table on DynamoDB Local, and makes the feed of what it has written; kinesalite has it.
import assert from 'node:assert/strict';
import { canonicalItem } from '../tools/lib/canonical.mjs';
import { Random } from '../tools/lib/random.mjs';
import { kinesisDestinationProxy } from './support/aws_servers.mjs';
import { assertRefused } from './support/expect.mjs';
import { feedRecord } from './support/kinesis.mjs';
import { assertEqual, byId, catchUp, CHANGES, EXIT, pair as pairOf, replicate, SECONDS, SEED, servers } from './support/kinesis_sides.mjs';
import { scenario } from './support/stage.mjs';
import { itemsOf, put, remove } from './support/tables.mjs';
import { until } from './support/until.mjs';

const GUARD = '_repl_seen';

const at = servers('kinesis feed');
const pair = (...more) => pairOf(at(), ...more);

// What the service tells of `changes` writes: the times are spread over five minutes, some are the same millisecond.
async function fed({ from, keys }, changes, random, { micros, begin }) {
  const feed = [];
  const images = new Map();
  for (let i = 0; i < changes; i++) {
    const key = byId(`key ${random.below(keys)}`);
    const before = images.get(key.id.S);
    const after = random.below(4) === 0 ? undefined : { ...key, n: { N: `${i}.50` }, set: { SS: ['b', 'a'] } };
    await (after ? put(from, after) : remove(from, key));
    after ? images.set(key.id.S, after) : images.delete(key.id.S);
    if (!before && !after) continue; // nothing has changed
    const event = after ? (before ? 'MODIFY' : 'INSERT') : 'REMOVE';
    const moment = begin + Math.floor((i * 300_000) / changes / 40) * 40; // milliseconds
    const time = micros ? moment * 1_000 + (i % 1_000) : moment;
    feed.push(feedRecord(event, key, { table: from.name, time, micros, newImage: after, oldImage: before }));
  }
  return feed;
}

function spoil(feed, random) {
  const twice = feed.flatMap((record) => (random.below(10) === 0 ? [record, record] : [record]));
  return twice.map((record) => [random.fraction(), record]).sort(([a], [b]) => a - b).map(([, record]) => record);
}

// The items that whoever writes the images as they come would have.
function unguarded(records) {
  const items = new Map();
  for (const { dynamodb } of records) items.set(dynamodb.Keys.id.S, dynamodb.NewImage);
  return [...items.values()].filter(Boolean).map(canonicalItem).sort();
}

for (const micros of [true, false]) {
  for (const images of [true, false]) {
    const how = images ? 'guarded images' : 'key';
    scenario(`the service's feed in ${micros ? 'micro' : 'milli'}seconds, shuffled and twice, is applied by ${how} (seed ${SEED})`, async (stage) => {
      const sides = await pair(`Feed${micros ? 'Micro' : 'Milli'}${images ? 'Images' : 'Keys'}`);
      const random = new Random(SEED, 20 + (micros ? 1 : 0) + (images ? 2 : 0));
      const more = images ? ['--use-images'] : [];
      const changes = Math.ceil(CHANGES / 5);
      const feed = spoil(await fed({ ...sides, keys: Math.ceil(changes / 10) }, changes, random, { micros, begin: Date.now() - 300_000 }), random);
      const expected = (await itemsOf(sides.from)).map(canonicalItem).sort();
      assert.notDeepEqual(unguarded(feed), expected, 'this feed would do no harm');
      const victim = replicate(stage, sides, more);
      for (const record of feed) await sides.stream.put(record);
      await until(async () => (await itemsOf(sides.to)).length > 0, SECONDS, 'an item in the replica');
      victim.kill('SIGKILL');
      await victim.waitForExit(SECONDS);
      const summary = await catchUp(stage, sides, more);
      await assertEqual(stage, sides, images ? [GUARD] : []);
      for (const item of await itemsOf(sides.to)) assert.equal(item[GUARD] !== undefined, images, JSON.stringify(item));
      // Once more from the beginning, onto the finished replica.
      const again = await catchUp(stage, sides, more, { state: 'another-state' });
      assert.equal(again.read, feed.length);
      assert.ok(summary.read <= feed.length);
      await assertEqual(stage, sides, images ? [GUARD] : []);
    }, { seconds: 60 + SECONDS });
  }
}

scenario('the feed of the service is turned on, once, with times in microseconds', async (stage) => {
  const sides = await pair('TurnedOn');
  await put(sides.from, byId('before the feed'));
  const { StreamARN } = await sides.stream.describe();
  const { origin, pathname } = new URL(sides.from.url);
  const table = await kinesisDestinationProxy(stage, { to: origin, looksUntilActive: 2 });
  const told = { ...sides, from: { url: table.endpoint + pathname } };
  await catchUp(stage, told, ['--enable-changes', '--initial-load']);
  await catchUp(stage, told, ['--enable-changes']); // it is on already
  assert.deepEqual(table.enabled, [
    { TableName: 'TurnedOn', StreamArn: StreamARN, EnableKinesisStreamingConfiguration: { ApproximateCreationDateTimePrecision: 'MICROSECOND' } },
  ]);
  assert.deepEqual(table.complaints, []);
  await assertEqual(stage, sides);
  const failing = await kinesisDestinationProxy(stage, { to: origin, looksUntilActive: 2, end: 'ENABLE_FAILED' });
  const run = replicate(stage, { ...sides, from: { url: failing.endpoint + pathname } }, ['--enable-changes']);
  await run.waitForExit(SECONDS);
  assertRefused(run, { code: EXIT.usage, says: [/ENABLE_FAILED/, 'TurnedOn'] });
});
