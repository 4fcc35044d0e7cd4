// SPDX-License-Identifier: Apache-2.0
// Events as Lambda's event source mappings make them.
const ACCOUNT = '000000000000';

export const streamArn = (table) =>
  `arn:aws:dynamodb:eu-west-1:${ACCOUNT}:table/${table}/stream/2026-01-01T00:00:00.000`;

// A record of DynamoDB Streams. change: {key, image} or {key} for a deletion.
export function streamRecord(table, sequence, { key, image, old, expired = false, created = Date.now(), view } = {}) {
  const eventName = image || view === 'KEYS_ONLY' ? 'MODIFY' : 'REMOVE';
  return {
    eventID: `e${sequence}`,
    eventName,
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'eu-west-1',
    dynamodb: {
      ApproximateCreationDateTime: Math.floor(created / 1000),
      Keys: key,
      ...(image ? { NewImage: image } : {}),
      ...(old ? { OldImage: old } : {}),
      SequenceNumber: `${sequence}`,
      SizeBytes: 100,
      StreamViewType: view ?? 'NEW_AND_OLD_IMAGES',
    },
    ...(expired ? { userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' } } : {}),
    eventSourceARN: streamArn(table),
  };
}

// A record of Kinesis with these bytes.
export function kinesisRecord(sequence, data) {
  return {
    kinesis: {
      kinesisSchemaVersion: '1.0',
      partitionKey: 'p',
      sequenceNumber: `${sequence}`,
      data: Buffer.from(data).toString('base64'),
      approximateArrivalTimestamp: Date.now() / 1000,
    },
    eventSource: 'aws:kinesis',
    eventVersion: '1.0',
    eventID: `shardId-000000000000:${sequence}`,
    eventName: 'aws:kinesis:record',
    invokeIdentityArn: `arn:aws:iam::${ACCOUNT}:role/mirror`,
    awsRegion: 'eu-west-1',
    eventSourceARN: `arn:aws:kinesis:eu-west-1:${ACCOUNT}:stream/changes`,
  };
}
