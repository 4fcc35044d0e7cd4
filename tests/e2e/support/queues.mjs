// SPDX-License-Identifier: Apache-2.0
// Queues of SQS, played by moto's server; spoken to as AWS's JSON protocol has it.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { installPackages } from './python_packages.mjs';
import { until } from './until.mjs';

const HEADERS = {
  'content-type': 'application/x-amz-json-1.0',
  authorization: 'AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=0',
};

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

// Starts a server that stops with the stage; resolves to its endpoint.
export async function startQueues(stage) {
  const port = await freePort();
  const python = join(installPackages('moto'), 'bin', 'python');
  stage.start('moto', python, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', `${port}`]);
  const endpoint = `http://127.0.0.1:${port}`;
  await until(() => fetch(`${endpoint}/moto-api/`).then((answer) => answer.ok, () => false), 60, 'moto');
  return endpoint;
}

export async function queueCall(endpoint, operation, message) {
  const headers = { ...HEADERS, 'x-amz-target': `AmazonSQS.${operation}` };
  const answer = await fetch(endpoint, { method: 'POST', headers, body: JSON.stringify(message) });
  const text = await answer.text();
  assert.ok(answer.ok, `${operation}: ${text}`);
  return JSON.parse(text);
}

// A new queue; resolves to its URL.
export async function makeQueue(endpoint, QueueName, Attributes = {}) {
  return (await queueCall(endpoint, 'CreateQueue', { QueueName, Attributes })).QueueUrl;
}

// How many messages it holds, those that are hidden too.
export async function messagesIn(endpoint, QueueUrl) {
  const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'];
  const { Attributes } = await queueCall(endpoint, 'GetQueueAttributes', { QueueUrl, AttributeNames: names });
  return names.reduce((sum, name) => sum + Number(Attributes[name]), 0);
}
