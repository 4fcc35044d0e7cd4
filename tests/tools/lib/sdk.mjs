// SPDX-License-Identifier: Apache-2.0
// The AWS SDK, from where ./dev setup installs it: beside the test services, not beside these tools.
import { createRequire } from 'node:module';

function load(name) {
  const require = createRequire(new URL('../../services/package.json', import.meta.url));
  try {
    return require(name);
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    console.error(`${name} is not installed; run ./dev setup`);
    process.exit(2);
  }
}

export const {
  BatchWriteItemCommand,
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} = load('@aws-sdk/client-dynamodb');
