// SPDX-License-Identifier: Apache-2.0
// One DynamoDB table at one endpoint, through the AWS SDK's low-level client: numbers stay strings, binaries bytes.
// Deliberately independent of dynamirror's own client, so that a mistake there cannot hide here.
import {
  BatchWriteItemCommand,
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ScanCommand,
  waitUntilTableExists,
} from './sdk.mjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from './cli.mjs';

const BATCH_LIMIT = 25; // BatchWriteItem takes no more
const UNPROCESSED_ATTEMPTS = 12;
const BACKOFF_FIRST_MS = 25;
const BACKOFF_LIMIT_MS = 5_000;
const REQUEST_ATTEMPTS = 8; // the SDK's own retries, with its back-off
const REQUEST_TIMEOUT_MS = 60_000; // DynamoDB Local answers a full Scan page in seconds when busy
const CONNECT_TIMEOUT_MS = 5_000;
const TABLE_WAIT_SECONDS = 60;

export class Table {
  // url: http(s)://host:port/table
  constructor(url) {
    const { endpoint, name } = parseTableUrl(url);
    this.url = url;
    this.name = name;
    this.client = new DynamoDBClient({
      endpoint,
      region: process.env.AWS_REGION ?? 'us-east-1',
      credentials: {
        accessKeyId: process.env.AWS_ACCESS_KEY_ID ?? 'local',
        secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY ?? 'local',
        sessionToken: process.env.AWS_SESSION_TOKEN,
      },
      maxAttempts: REQUEST_ATTEMPTS,
      requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
    });
  }

  send(command) {
    return this.client.send(command);
  }

  // Creates the table with a NEW_AND_OLD_IMAGES stream unless it is there. keySchema: see parseKeySchema.
  async create(keySchema, { stream = true } = {}) {
    try {
      await this.send(
        new CreateTableCommand({
          TableName: this.name,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: keySchema.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
          KeySchema: keySchema.map(({ name, role }) => ({ AttributeName: name, KeyType: role })),
          StreamSpecification: stream
            ? { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' }
            : { StreamEnabled: false },
        }),
      );
    } catch (error) {
      if (error.name !== 'ResourceInUseException') throw error;
    }
    await waitUntilTableExists(
      { client: this.client, maxWaitTime: TABLE_WAIT_SECONDS, minDelay: 1, maxDelay: 2 },
      { TableName: this.name },
    );
  }

  // The key attributes, hash key first: [{name, type: 'S'|'N'|'B', role: 'HASH'|'RANGE'}].
  async keySchema() {
    const { Table: table } = await this.send(new DescribeTableCommand({ TableName: this.name }));
    return table.KeySchema.map(({ AttributeName, KeyType }) => ({
      name: AttributeName,
      role: KeyType,
      type: table.AttributeDefinitions.find((definition) => definition.AttributeName === AttributeName).AttributeType,
    })).sort((a, b) => (a.role === 'HASH' ? -1 : b.role === 'HASH' ? 1 : 0));
  }

  // Makes up to 25 write requests ({PutRequest} or {DeleteRequest}, no key twice) at once and repeats what the service
  // left unprocessed.
  async writeBatch(requests) {
    if (requests.length > BATCH_LIMIT) throw new RangeError(`a batch holds at most ${BATCH_LIMIT} requests`);
    for (let attempt = 0; attempt < UNPROCESSED_ATTEMPTS; attempt++) {
      const answer = await this.send(new BatchWriteItemCommand({ RequestItems: { [this.name]: requests } }));
      requests = answer.UnprocessedItems?.[this.name] ?? [];
      if (requests.length === 0) return;
      const limit = Math.min(BACKOFF_LIMIT_MS, BACKOFF_FIRST_MS * 2 ** attempt);
      await sleep(Math.random() * limit);
    }
    throw new Error(`${this.url}: ${requests.length} writes still unprocessed after ${UNPROCESSED_ATTEMPTS} attempts`);
  }

  // Yields the items of one scan segment, page by page.
  async *scanPages({ segment = 0, segments = 1, limit } = {}) {
    let from;
    do {
      const page = await this.send(
        new ScanCommand({
          TableName: this.name,
          ConsistentRead: true,
          Segment: segment,
          TotalSegments: segments,
          Limit: limit,
          ExclusiveStartKey: from,
        }),
      );
      yield page.Items ?? [];
      from = page.LastEvaluatedKey;
    } while (from);
  }
}

export function parseTableUrl(text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    throw new UsageError(`not a table: ${text} (expected http://host:port/table)`);
  }
  const name = decodeURIComponent(url.pathname.slice(1));
  if (!/^https?:$/.test(url.protocol) || !/^[A-Za-z0-9_.-]{3,255}$/.test(name)) {
    throw new UsageError(`not a table: ${text} (expected http://host:port/table)`);
  }
  return { endpoint: url.origin, name };
}

// "pk:S" or "pk:S,sk:N" -> [{name, type, role}]
export function parseKeySchema(text) {
  const parts = text.split(',').map((part, index) => {
    const match = /^([^:,]{1,255}):([SNB])$/.exec(part);
    if (!match) throw new UsageError(`not a key schema: ${text} (expected name:S|N|B[,name:S|N|B])`);
    return { name: match[1], type: match[2], role: index === 0 ? 'HASH' : 'RANGE' };
  });
  if (parts.length > 2) throw new UsageError(`not a key schema: ${text} (a table has one or two key attributes)`);
  return parts;
}

export function keyOf(item, keySchema) {
  return Object.fromEntries(keySchema.map(({ name }) => [name, item[name]]));
}

export const batchLimit = BATCH_LIMIT;
