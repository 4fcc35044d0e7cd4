// SPDX-License-Identifier: Apache-2.0
// Calls to the scripted DynamoDB, which refuses the headers of AWS's SDK; and a proxy that remembers writes.
import { Agent, createServer, request as httpRequest } from 'node:http';

const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const WRITES = new Set(['PutItem', 'DeleteItem', 'BatchWriteItem']);

// One call; resolves to the answer's JSON, and fails with the service's words. operation: of DynamoDB, or with its API
// before a dot.
export function call(endpoint, operation, body) {
  const text = JSON.stringify(body);
  const headers = {
    'content-type': 'application/x-amz-json-1.0',
    'content-length': Buffer.byteLength(text),
    'x-amz-target': operation.includes('.') ? operation : `DynamoDB_20120810.${operation}`,
    'x-amz-date': `${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}`,
    authorization: 'AWS4-HMAC-SHA256 Credential=a/20260101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
  };
  return new Promise((resolve, reject) => {
    const request = httpRequest(endpoint, { method: 'POST', headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const answer = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(JSON.parse(answer));
        else reject(new Error(`${operation}: ${response.statusCode} ${answer}`));
      });
    });
    request.once('error', reject);
    request.end(text);
  });
}

// All items of a table.
export async function scanAll(endpoint, table) {
  const items = [];
  let from;
  do {
    const page = await call(endpoint, 'Scan', { TableName: table, ...(from ? { ExclusiveStartKey: from } : {}) });
    items.push(...page.Items);
    from = page.LastEvaluatedKey;
  } while (from);
  return items;
}

// A proxy that passes everything on, and keeps the time (ms) at which each write came in, in `writes`.
export async function recordingProxy(stage, to) {
  const proxy = { writes: [] };
  const server = createServer((request, response) => {
    const operation = (request.headers['x-amz-target'] ?? '').split('.').pop();
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      if (WRITES.has(operation)) proxy.writes.push(Date.now());
      const passed = httpRequest(to, { method: 'POST', headers: request.headers, agent }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      passed.once('error', () => response.destroy());
      passed.end(Buffer.concat(chunks));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stage.addCloser(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  proxy.endpoint = `http://127.0.0.1:${server.address().port}`;
  return proxy;
}
