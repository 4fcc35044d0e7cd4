// SPDX-License-Identifier: Apache-2.0
// A stand-in for the circular replicator's own function, by its behaviour: newest change first, batches of at most 25
// without a key twice, all of them at once; the first to replicate an item tags it with its table.
import { call } from './raw_dynamodb.mjs';

const BATCH = 25;
const REGION = '_repl_source_region';
const TABLE = '_repl_source_table';

// target: {endpoint, region, table}. skips: whether it knows items that come back to their table. The function in use
// compares an attribute with a text, which are never equal: such an item is written again, once, and then stays as it is.
export function circularFunction(target, { skips }) {
  const isBack = ({ [REGION]: region, [TABLE]: table }) =>
    skips && region?.S === target.region && table?.S === target.table;

  const requestFor = ({ eventName, dynamodb, eventSourceARN }) => {
    if (eventName === 'REMOVE') return { DeleteRequest: { Key: dynamodb.Keys } };
    const image = dynamodb.NewImage;
    if (isBack(image)) return null;
    if (image[REGION]) return { PutRequest: { Item: image } };
    const [, , , region, , rest] = eventSourceARN.split(':');
    return { PutRequest: { Item: { ...image, [REGION]: { S: region }, [TABLE]: { S: rest.split('/')[1] } } } };
  };

  const write = async (requests) => {
    for (let left = requests; left?.length > 0; ) {
      const answer = await call(target.endpoint, 'BatchWriteItem', { RequestItems: { [target.table]: left } });
      left = answer.UnprocessedItems[target.table];
    }
  };

  return async ({ Records }) => {
    const batches = [];
    let keys = new Set();
    for (const record of [...Records].reverse()) {
      const request = requestFor(record);
      if (!request) continue;
      const key = JSON.stringify(record.dynamodb.Keys);
      if (batches.length === 0 || keys.size === BATCH || keys.has(key)) {
        batches.push([]);
        keys = new Set();
      }
      keys.add(key);
      batches.at(-1).push(request);
    }
    await Promise.all(batches.map(write));
    return { answer: null };
  };
}
