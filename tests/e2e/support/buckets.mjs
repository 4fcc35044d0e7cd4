// SPDX-License-Identifier: Apache-2.0
// Buckets of the gateway, seen with AWS's own SDK.
import { createRequire } from 'node:module';
import { rgw } from './rgw.mjs';

const require = createRequire(new URL('../../services/package.json', import.meta.url));
export const S3 = require('@aws-sdk/client-s3');

// Starts a gateway that stops with the stage. Resolves to {endpoint, keys, role, client}; `keys` are environment
// variables.
export async function startGateway(stage) {
  const { endpoint, environment: keys, roleArn: role } = await rgw(stage);
  const client = new S3.S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  return { endpoint, keys, role, client };
}

export async function makeBucket({ client }, Bucket, { versioned = false } = {}) {
  await client.send(new S3.CreateBucketCommand({ Bucket }));
  if (versioned) await versionBucket({ client }, Bucket);
}

export async function versionBucket({ client }, Bucket) {
  const VersioningConfiguration = { Status: 'Enabled' };
  await client.send(new S3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
}

// The keys of all objects of a bucket, sorted.
export async function keysIn({ client }, Bucket, Prefix = '') {
  const keys = [];
  let ContinuationToken;
  do {
    const page = await client.send(new S3.ListObjectsV2Command({ Bucket, Prefix, ContinuationToken }));
    keys.push(...(page.Contents ?? []).map(({ Key }) => Key));
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken);
  return keys.sort();
}

export async function bodyOf({ client }, Bucket, Key) {
  const { Body } = await client.send(new S3.GetObjectCommand({ Bucket, Key }));
  return Buffer.from(await Body.transformToByteArray());
}

export async function unfinishedUploads({ client }, Bucket) {
  return (await client.send(new S3.ListMultipartUploadsCommand({ Bucket }))).Uploads ?? [];
}
