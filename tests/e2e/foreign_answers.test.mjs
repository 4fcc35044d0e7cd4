// SPDX-License-Identifier: Apache-2.0
// Goal: what answers in the place of a service, or answers what no service does, ends a command soon with one line that
// says so, and with a documented exit code (docs/exit-codes.md): it is never a crash, a bug to report, or an endless run.
// Method: the binary against a server in this process that gives scripted answers to DynamoDB's calls.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { assertRefused, complaints } from './support/expect.mjs';
import { scenario } from './support/stage.mjs';

const UNREACHABLE = 5;
const table = (name) => ({
  Table: {
    TableName: name,
    TableStatus: 'ACTIVE',
    TableArn: `arn:aws:dynamodb:ddblocal:000000000000:table/${name}`,
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
  },
});

// A DynamoDB that gives `answers[operation]`: an object, or text, or {status, headers, text}; resolves to its endpoint.
async function scripted(stage, answers) {
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const operation = request.headers['x-amz-target']?.split('.')[1];
      const message = JSON.parse(Buffer.concat(chunks).toString());
      const given = { DescribeTable: () => table(message.TableName), ...answers }[operation]?.(message) ?? {};
      const answer = given.status || given.text ? given : { text: JSON.stringify(given) };
      response.writeHead(answer.status ?? 200, answer.headers ?? { 'content-type': 'application/x-amz-json-1.0' });
      response.end(answer.text ?? '');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stage.addCloser(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${server.address().port}`;
}

// `diff-tables` between two tables of such a server.
function compares(name, { answers, says, seconds = 60 }) {
  scenario(name, async (stage) => {
    const endpoint = await scripted(stage, answers);
    const run = await stage.run(['diff-tables', `${endpoint}/Left`, `${endpoint}/Right`, '--settle', '10ms'], { seconds });
    assertRefused(run, { code: UNREACHABLE, says });
  });
}

// Every table holds this one item.
const oneItem = (item) => ({ Scan: () => ({ text: `{"Items":[${item}],"Count":1,"ScannedCount":1}` }) });
const KEY = '{"id":{"S":"deep"}}';

for (const levels of [100, 5_000, 200_000]) {
  const value = '{"L":['.repeat(levels) + ']}'.repeat(levels);
  compares(`an item nested ${levels} lists deep is named by its key`, {
    answers: oneItem(`{"id":{"S":"deep"},"v":${value}}`),
    says: [KEY, 'nested more than 128 levels deep', 'not what AWS sends'],
  });
}
compares('an attribute of an unknown type is named by the key of its item', {
  answers: oneItem('{"id":{"S":"deep"},"v":{"DATE":"2026-01-01"}}'),
  says: [KEY, 'there is no attribute type DATE', 'not what AWS sends'],
});
compares('text that is not UTF-8 is no answer of AWS', {
  answers: { Scan: () => ({ text: Buffer.from([...Buffer.from('{"Items":[{"id":{"S":"'), 0xff, ...Buffer.from('"}}]}')]) }) },
  says: ['Scan', 'UTF-8', 'not what AWS sends'],
});
compares('a page of HTML with status 200 is no answer of AWS', {
  answers: { DescribeTable: () => ({ text: '<html><body>Please log in</body></html>' }) },
  says: ['/Left', 'the answer is not from AWS', 'Please log in'],
});
compares('a redirection is no answer of AWS', {
  answers: { DescribeTable: () => ({ status: 307, headers: { location: 'http://portal.example/' } }) },
  says: ['/Left', 'the answer is not from AWS', 'http://portal.example/'],
});
compares('a scan whose pages name themselves as the next one ends', {
  answers: { Scan: () => ({ Items: [], Count: 0, ScannedCount: 0, LastEvaluatedKey: { id: { S: 'same' } } }) },
  says: ['the pages never end', 'not what AWS sends'],
});

scenario('an unprocessed item that was never sent ends a copy', async (stage) => {
  let scans = 0;
  const items = ['a', 'b'].map((id) => ({ id: { S: id } }));
  const endpoint = await scripted(stage, {
    Scan: ({ TableName }) => ({ Items: TableName === 'Left' && scans++ === 0 ? items : [], Count: 0, ScannedCount: 0 }),
    BatchWriteItem: () => ({ UnprocessedItems: { Right: [{ PutRequest: { Item: { id: { S: 'other' } } } }] } }),
  });
  const run = await stage.run(['copy-table', `${endpoint}/Left`, `${endpoint}/Right`]);
  assert.equal(run.ended.code, UNREACHABLE, run.lastWords());
  const [line] = complaints(run);
  assert.match(line, /\/Right: .*not what AWS sends: an unprocessed item that was not sent: {"id":{"S":"other"}}/);
});
