// SPDX-License-Identifier: Apache-2.0
// A Kinesis of one test's own (kinesalite), its streams, and the records that tell a table's changes: those of
// applications that use dyno, those of DynamoDB itself, and several in one as the Kinesis Producer Library puts them.
import { createHash, randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './until.mjs';

const SERVER = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'services', 'kinesalite.mjs');
const START_SECONDS = 30;

// Starts a server that ends with the stage.
export async function startKinesis(stage) {
  const server = stage.start('kinesalite', process.execPath, [SERVER], { input: true });
  const port = await server.waitUntil(({ stdout }) => /^\{"port":(\d+)\}/.exec(stdout)?.[1], START_SECONDS, 'port');
  return new Kinesis(server, `http://127.0.0.1:${port}`);
}

export class Kinesis {
  constructor(server, endpoint) {
    this.server_ = server;
    this.endpoint = endpoint;
    this.advanced_ = 0;
  }

  // One call; resolves to the answer's JSON, and fails with the service's words.
  async call(operation, body) {
    const response = await fetch(`${this.endpoint}/`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/x-amz-json-1.1',
        'X-Amz-Target': `Kinesis_20131202.${operation}`,
        'X-Amz-Date': new Date().toISOString().replace(/[-:]|\.\d+/g, ''),
        Authorization:
          'AWS4-HMAC-SHA256 Credential=local/20200101/us-east-1/kinesis/aws4_request, ' +
          'SignedHeaders=host;x-amz-date, Signature=00',
      },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${operation}: ${response.status} ${text}`);
    return text === '' ? {} : JSON.parse(text);
  }

  // Moves the server's clock: iterators expire after 5 minutes, records after 24 hours.
  async advance(milliseconds) {
    this.advanced_ += milliseconds;
    this.server_.child.stdin.write(`advance ${milliseconds}\n`);
    const answer = `{"advanced":${this.advanced_}}`;
    await this.server_.waitUntil(({ stdout }) => stdout.includes(answer), START_SECONDS, 'advanced clock');
  }

  async createStream(name, shards = 1) {
    await this.call('CreateStream', { StreamName: name, ShardCount: shards });
    return new Stream(this, name);
  }
}

export class Stream {
  constructor(kinesis, name) {
    this.kinesis_ = kinesis;
    this.name = name;
  }

  // The name for a command line.
  get address() {
    return `${this.kinesis_.endpoint}/${this.name}`;
  }

  async becomesActive() {
    await until(async () => (await this.describe()).StreamStatus === 'ACTIVE', 30, `${this.name} is ACTIVE`);
    return this;
  }

  async describe() {
    const answer = await this.kinesis_.call('DescribeStreamSummary', { StreamName: this.name });
    return answer.StreamDescriptionSummary;
  }

  async shards() {
    return (await this.kinesis_.call('ListShards', { StreamName: this.name })).Shards;
  }

  async openShards() {
    return (await this.shards()).filter((shard) => !shard.SequenceNumberRange.EndingSequenceNumber);
  }

  // data: bytes, or what JSON can hold. shard: of `shards`, to put it there, whatever its key. Resolves to {ShardId,
  // SequenceNumber}.
  async put(data, { partitionKey = randomBytes(16).toString('hex'), shard } = {}) {
    const bytes = Buffer.isBuffer(data) ? data : Buffer.from(JSON.stringify(data));
    return this.kinesis_.call('PutRecord', {
      StreamName: this.name,
      Data: bytes.toString('base64'),
      PartitionKey: partitionKey,
      ...(shard ? { ExplicitHashKey: shard.HashKeyRange.StartingHashKey } : {}),
    });
  }

  // Many records at once; partitionKeyOf(record) names each one's shard.
  async putMany(records, partitionKeyOf) {
    for (let i = 0; i < records.length; i += 200) {
      const entries = records.slice(i, i + 200).map((record) => ({
        Data: Buffer.from(JSON.stringify(record)).toString('base64'),
        PartitionKey: partitionKeyOf(record),
      }));
      const answer = await this.kinesis_.call('PutRecords', { StreamName: this.name, Records: entries });
      if (answer.FailedRecordCount > 0) throw new Error(JSON.stringify(answer));
    }
  }

  // Splits a shard in the middle; resolves to its two children.
  async split(shard) {
    const { StartingHashKey, EndingHashKey } = shard.HashKeyRange;
    const middle = (BigInt(StartingHashKey) + BigInt(EndingHashKey) + 1n) / 2n;
    await this.kinesis_.call('SplitShard', {
      StreamName: this.name,
      ShardToSplit: shard.ShardId,
      NewStartingHashKey: String(middle),
    });
    await this.becomesActive();
    return (await this.shards()).filter(({ ParentShardId }) => ParentShardId === shard.ShardId);
  }

  // Merges two shards that are neighbours; resolves to their child.
  async merge(shard, adjacent) {
    await this.kinesis_.call('MergeShards', {
      StreamName: this.name,
      ShardToMerge: shard.ShardId,
      AdjacentShardToMerge: adjacent.ShardId,
    });
    await this.becomesActive();
    return (await this.shards()).find(({ AdjacentParentShardId }) => AdjacentParentShardId === adjacent.ShardId);
  }
}

// What dyno (up to 1.x) puts after a write. eventName: "INSERT", "MODIFY" or "REMOVE"; keys: {id: {S: 'a'}}.
export function dynoRecord(eventName, keys, more = {}) {
  return {
    awsRegion: 'us-east-1',
    eventID: randomBytes(16).toString('hex'),
    eventName,
    eventSource: 'aws:dynamodb',
    eventVersion: '1.0',
    dynamodb: { Keys: keys, SequenceNumber: '0', SizeBytes: 0, StreamViewType: 'KEYS_ONLY' },
    ...more,
  };
}

// What DynamoDB itself puts ("Kinesis Data Streams for DynamoDB"). time: microseconds since 1970, or milliseconds unless
// `micros`; newImage, oldImage: items in wire form, or nothing.
export function feedRecord(eventName, keys, { table = 'Orders', time, micros = true, newImage, oldImage, ...more }) {
  return {
    awsRegion: 'us-east-1',
    eventID: randomBytes(16).toString('hex'),
    eventName,
    userIdentity: null,
    recordFormat: 'application/json',
    tableName: table,
    dynamodb: {
      ApproximateCreationDateTime: time,
      ...(micros ? { ApproximateCreationDateTimePrecision: 'MICROSECOND' } : {}),
      Keys: keys,
      ...(newImage ? { NewImage: newImage } : {}),
      ...(oldImage ? { OldImage: oldImage } : {}),
      SizeBytes: 100,
    },
    eventSource: 'aws:dynamodb',
    ...more,
  };
}

function varint(number) {
  const bytes = [];
  for (let rest = number; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}

function lengthDelimited(field, bytes) {
  return Buffer.concat([varint(field * 8 + 2), varint(bytes.length), bytes]);
}

function integer(field, number) {
  return Buffer.concat([varint(field * 8), varint(number)]);
}

// One record that holds others, as the Kinesis Producer Library makes it (aggregation-format.md in its repository).
// records: {data, partitionKey, explicitHashKey?}, data as for `Stream.put`.
export function aggregate(records) {
  const partitionKeys = [...new Set(records.map(({ partitionKey }) => partitionKey))];
  const hashKeys = [...new Set(records.map(({ explicitHashKey }) => explicitHashKey).filter(Boolean))];
  const message = Buffer.concat([
    ...partitionKeys.map((key) => lengthDelimited(1, Buffer.from(key))),
    ...hashKeys.map((key) => lengthDelimited(2, Buffer.from(key))),
    ...records.map(({ data, partitionKey, explicitHashKey }) =>
      lengthDelimited(
        3,
        Buffer.concat([
          integer(1, partitionKeys.indexOf(partitionKey)),
          ...(explicitHashKey ? [integer(2, hashKeys.indexOf(explicitHashKey))] : []),
          lengthDelimited(3, Buffer.isBuffer(data) ? data : Buffer.from(JSON.stringify(data))),
        ]),
      ),
    ),
  ]);
  const md5 = createHash('md5').update(message).digest();
  return Buffer.concat([Buffer.from([0xf3, 0x89, 0x9a, 0xc2]), message, md5]);
}
