// SPDX-License-Identifier: Apache-2.0
// Tables on DynamoDB Local as a test needs them, made with AWS's own SDK.
import {
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  PutItemCommand,
  UpdateTableCommand,
} from '../../tools/lib/sdk.mjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseKeySchema, Table } from '../../tools/lib/table.mjs';

// Creates the table at `url` and resolves to it. key: as for parseKeySchema, e.g. "pk:S,sk:N".
// view: the stream's view type; null for no stream.
export async function createTable(url, key, { view = 'NEW_AND_OLD_IMAGES', ...more } = {}) {
  const table = new Table(url);
  const schema = parseKeySchema(key);
  const definitions = schema.map(({ name, type }) => ({ AttributeName: name, AttributeType: type }));
  await table.send(
    new CreateTableCommand({
      TableName: table.name,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: schema.map(({ name, role }) => ({ AttributeName: name, KeyType: role })),
      StreamSpecification: view ? { StreamEnabled: true, StreamViewType: view } : { StreamEnabled: false },
      ...more,
      AttributeDefinitions: [...definitions, ...(more.AttributeDefinitions ?? [])],
    }),
  );
  return table;
}

export function put(table, item) {
  return table.send(new PutItemCommand({ TableName: table.name, Item: item }));
}

export function remove(table, key) {
  return table.send(new DeleteItemCommand({ TableName: table.name, Key: key }));
}

// Resolves when the index is gone.
export async function dropIndex(table, name) {
  const GlobalSecondaryIndexUpdates = [{ Delete: { IndexName: name } }];
  await table.send(new UpdateTableCommand({ TableName: table.name, GlobalSecondaryIndexUpdates }));
  while ((await describe(table)).GlobalSecondaryIndexes?.length) await sleep(100);
}

// All items, in no order.
export async function itemsOf(table) {
  const items = [];
  for await (const page of table.scanPages()) items.push(...page);
  return items;
}

export async function describe(table) {
  return (await table.send(new DescribeTableCommand({ TableName: table.name }))).Table;
}
