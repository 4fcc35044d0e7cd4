// SPDX-License-Identifier: Apache-2.0
// Goal: an operator sees which writes lost, and brings them, and what was deleted, back into all tables.
// Method: two DynamoDB Locals that `sync` keeps in step; conflicts made by writing both before it starts; the commands'
// output judged by the rows beside the tables, and what they do by both tables.
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { Table } from '../tools/lib/table.mjs';
import { assertRefused, assertSummary } from './support/expect.mjs';
import { scenario, shared } from './support/stage.mjs';
import { createTable, itemsOf, put, remove } from './support/tables.mjs';
import { until } from './support/until.mjs';

const SECONDS = 90;
const locals = shared('multi-master-tools', (stage) => Promise.all(['one', 'two'].map((name) => stage.dynamoDbLocal(name))));
let count = 0;

async function newTables() {
  const name = `Tools${++count}`;
  return Promise.all(locals().map((url) => createTable(`${url}/${name}`, 'id:S')));
}

const key = (id) => ({ id: { S: id } });
const content = (item) => Object.fromEntries(Object.entries(item).filter(([name]) => !/^_repl_/.test(name)).sort());
const companionOf = (table) => new Table(`${table.url}_repl`);

// Until the tables beside them are there.
async function start(stage, tables) {
  const sync = stage.dynamirror(['sync', ...tables.map((table) => table.url), '--state-dir', stage.path('.'), '--output', 'json']);
  await until(() => sync.stderr.includes('both tables are written'), SECONDS, 'a start');
  return sync;
}

async function itemIn(table, id) {
  return (await itemsOf(table)).find((item) => item.id.S === id);
}

// All tables have this content, or no item, and agree on its version.
function everywhere(tables, id, wanted) {
  return until(async () => {
    const items = await Promise.all(tables.map((table) => itemIn(table, id)));
    if (wanted === null) return items.every((item) => item === undefined);
    const [first] = items;
    if (!first?._repl_version) return false;
    const same = (item) => item?._repl_version?.S === first._repl_version.S && JSON.stringify(content(item)) === JSON.stringify(content(wanted));
    return items.every(same);
  }, SECONDS, `${id} in all tables`);
}

async function rowsOf(table) {
  return (await itemsOf(companionOf(table))).filter((row) => row.what.S.startsWith('conflict'));
}

// The table beside which a conflict of this key is noted, and the row.
function conflictOf(tables, id) {
  return until(async () => {
    for (const table of tables) {
      const row = (await rowsOf(table)).find((each) => each.key.S === JSON.stringify(key(id)));
      if (row) return { table, row };
    }
    return null;
  }, SECONDS, `a conflict of ${id}`);
}

async function succeed(stage, ...args) {
  const run = await stage.run(args);
  assert.equal(run.ended.code, 0, run.lastWords());
  return run.stdout;
}

const objects = (stdout) => stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));

async function stop(sync) {
  sync.kill('SIGTERM');
  const { code } = await sync.waitForExit(20);
  assert.equal(code, 0, sync.lastWords());
}

scenario('what lost is listed, shown, and taken back into both tables', async (stage) => {
  const tables = await newTables();
  const [a, b] = tables;
  for (const id of ['x', 'y']) {
    await put(a, { ...key(id), v: { S: 'of a' }, same: { N: '1' } });
    await put(b, { ...key(id), v: { S: 'of b' }, same: { N: '1.0' } });
  }
  const sync = await start(stage, tables);
  const { table, row } = await conflictOf(tables, 'x');
  const winner = JSON.parse(row.winner_image.S);
  const loser = JSON.parse(row.loser_image.S);
  await everywhere(tables, 'x', winner);

  // list
  await until(async () => (await rowsOf(table)).length >= 2, SECONDS, 'both conflicts');
  const rows = await rowsOf(table);
  const listed = objects(await succeed(stage, 'conflicts', 'list', table.url, '--output', 'json'));
  assert.deepEqual(listed.map((line) => line.loser.version).sort(), rows.map((each) => each.loser.S).sort());
  const [line] = objects(await succeed(stage, 'conflicts', 'list', table.url, '--key', '{"id":"x"}', '--output', 'json'));
  assert.deepEqual(line.key, key('x'));
  assert.equal(line.kind, 'insert/insert');
  assert.equal(line.winner.version, row.winner.S);
  assert.equal(line.winner.origin, row.winner.S.split('.')[2]);
  assert.equal(Date.parse(line.loser.time), Math.floor(Number(row.loser.S.split('.')[0]) / 1e6) * 1000);
  assert.equal(line.noted, row.at.S);
  assert.equal(line.loser_kept, true);
  assert.deepEqual(objects(await succeed(stage, 'conflicts', 'list', table.url, '--since', '2100-01-01', '--output', 'json')), []);
  const text = await succeed(stage, 'conflicts', 'list', table.url);
  assert.match(text, /^NOTED +KIND +WINNER +LOSER +KEY\n/);
  assert.equal(text.trim().split('\n').length, 1 + rows.length);

  // show
  const [shown] = objects(await succeed(stage, 'conflicts', 'show', table.url, '{"id":"x"}', '--output', 'json'));
  assert.deepEqual([shown.winner_image, shown.loser_image], [winner, loser]);
  assert.deepEqual(shown.differing, ['v'], '1 and 1.0 are one number');
  assert.match(await succeed(stage, 'conflicts', 'show', table.url, '{"id":"x"}'), /\n {2}differ {2}v\n/);

  // take
  const rehearsed = await succeed(stage, 'conflicts', 'take', table.url, '{"id":"x"}', '--dry-run', '--output', 'json');
  assert.deepEqual(objects(rehearsed), [{ key: key('x'), version: row.loser.S, action: 'put', dry_run: true, before: winner, after: loser }]);
  await everywhere(tables, 'x', winner);
  await succeed(stage, 'conflicts', 'take', table.url, '{"id":"x"}', '--loser', row.loser.S);
  await everywhere(tables, 'x', loser);
  const again = await succeed(stage, 'conflicts', 'take', table.url, '{"id":"x"}', '--loser', row.loser.S, '--output', 'json');
  assert.equal(objects(again)[0].action, 'none');

  // What was taken is newer than what had won, and no conflict with it.
  const item = await itemIn(a, 'x');
  assert.ok(item._repl_version.S > row.winner.S);
  for (const each of tables) assert.ok((await rowsOf(each)).every(({ winner: by }) => by.S !== item._repl_version.S));

  await stop(sync);
  const flows = objects(sync.stdout);
  assert.equal(flows.length, 2);
  for (const flow of flows) assertSummary({ stdout: JSON.stringify(flow), stderr: '', ended: { code: 0 } });
  const sum = (of) => flows.reduce((total, flow) => total + of(flow.multi_master), 0);
  assert.ok(sum((versions) => versions.stamped) >= 2 + 1, JSON.stringify(flows));
  assert.ok(sum((versions) => versions.conflicts['insert/insert'] ?? 0) >= 2, JSON.stringify(flows));
  assert.ok(flows.every((flow) => flow.consumed_write_units > 0 && flow.item_read_units > 0));
});

scenario('a deleted item is put back everywhere', async (stage) => {
  const tables = await newTables();
  const [a, b] = tables;
  const item = { ...key('gone'), v: { S: 'kept' }, 'b c': { L: [{ N: '1' }] } };
  const sync = await start(stage, tables);
  await put(a, item);
  await everywhere(tables, 'gone', item);
  assertRefused(await stage.run(['undelete', a.url, '{"id":"gone"}']), { code: 6, says: ['the item is there'] });
  await remove(b, key('gone'));
  await everywhere(tables, 'gone', null);
  // It was deleted in b: only there the tombstone has it.
  assertRefused(await stage.run(['undelete', a.url, '{"id":"gone"}']), { code: 3, says: ['keeps no item', 'another table'] });
  const rehearsed = objects(await succeed(stage, 'undelete', b.url, '{"id":"gone"}', '--dry-run', '--output', 'json'));
  assert.equal(rehearsed[0].before, null);
  assert.deepEqual(content(rehearsed[0].after), content(item));
  await everywhere(tables, 'gone', null);
  assert.match(await succeed(stage, 'undelete', b.url, '{"id":"gone"}'), /^put \{"id":\{"S":"gone"\}\}\n {2}before {2}no item\n/);
  await everywhere(tables, 'gone', item);
  await stop(sync);
});

scenario('a deletion that lost is taken as a deletion', async (stage) => {
  const [a] = await newTables();
  const companion = await createTable(companionOf(a).url, 'key:S,what:S', { view: null });
  await put(a, { ...key('x'), v: { S: '2' } });
  const versions = { loser: { S: '1700000000000000.0211.west' }, winner: { S: '1700000000000000.0212.east' } };
  const row = (loser, kind, more = {}) => ({
    key: { S: JSON.stringify(key('x')) }, what: { S: `conflict#${loser}#${versions.winner.S}` }, ...versions, loser: { S: loser },
    kind: { S: kind }, rule: { S: 'last-writer' }, at: { S: '2026-01-31T12:00:00Z' }, ...more,
  });
  await put(companion, row(versions.loser.S, 'update/delete'));
  const [line] = objects(await succeed(stage, 'conflicts', 'list', a.url, '--output', 'json'));
  assert.equal(line.loser_kept, true);
  // Another one, of which nothing was at hand.
  const unknown = '1700000000000000.0210.west';
  await put(companion, row(unknown, 'update/update'));
  assertRefused(await stage.run(['conflicts', 'take', a.url, '{"id":"x"}']), { code: 2, says: ['several losers', '--loser'] });
  assertRefused(await stage.run(['conflicts', 'take', a.url, '{"id":"x"}', '--loser', unknown]), { code: 3, says: ['not at hand'] });
  assertRefused(await stage.run(['conflicts', 'take', a.url, '{"id":"x"}', '--loser', 'no version']), { code: 3, says: ['no version'] });
  assertRefused(await stage.run(['conflicts', 'take', a.url, '{"id":"y"}']), { code: 3, says: ['no conflict of this key'] });
  const taken = objects(await succeed(stage, 'conflicts', 'take', a.url, '{"id":"x"}', '--loser', versions.loser.S, '--output', 'json'));
  assert.deepEqual(taken, [{ key: key('x'), version: versions.loser.S, action: 'delete', dry_run: false, before: { ...key('x'), v: { S: '2' } }, after: null }]);
  assert.equal(await itemIn(a, 'x'), undefined);
});

// A server in front of another one that lets `meanwhile` happen before it passes a write on.
async function busyServer(stage, url, meanwhile) {
  const { host, hostname, port } = new URL(url);
  const server = createServer(async (asked, answer) => {
    const body = Buffer.concat(await asked.toArray());
    if (/(Put|Delete)Item$/.test(asked.headers['x-amz-target'])) await meanwhile();
    const on = request({ hostname, port, method: asked.method, path: asked.url, headers: { ...asked.headers, host } }, (answered) => {
      answer.writeHead(answered.statusCode, answered.headers);
      answered.pipe(answer);
    });
    on.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stage.addCloser(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${server.address().port}`;
}

scenario('what is written while an operator brings something back is not replaced', async (stage) => {
  const [a] = await newTables();
  const companion = await createTable(companionOf(a).url, 'key:S,what:S', { view: null });
  const version = '1700000000000000.0211.west';
  const image = { S: JSON.stringify({ ...key('x'), v: { S: 'of before' } }) };
  const row = { key: { S: JSON.stringify(key('x')) }, at: { S: '2026-01-31T12:00:00Z' } };
  await put(companion, { ...row, what: { S: 'tombstone' }, version: { S: version }, image });
  const winner = '1700000000000000.0212.east';
  await put(companion, {
    ...row, what: { S: `conflict#${version}#${winner}` }, winner: { S: winner }, loser: { S: version },
    kind: { S: 'update/update' }, rule: { S: 'last-writer' }, loser_image: image,
  });
  let writes = 0;
  const write = () => put(a, { ...key('x'), v: { S: `meanwhile ${++writes}` } });
  const busy = `${await busyServer(stage, locals()[0], write)}/${a.name}`;
  const refused = { code: 6, says: ['was written since it was read'] };
  assertRefused(await stage.run(['undelete', busy, '{"id":"x"}']), refused);
  assert.equal((await itemIn(a, 'x')).v.S, 'meanwhile 1');
  assertRefused(await stage.run(['conflicts', 'take', busy, '{"id":"x"}']), refused);
  assert.equal((await itemIn(a, 'x')).v.S, 'meanwhile 2');
  await succeed(stage, 'conflicts', 'take', a.url, '{"id":"x"}');
  assert.equal((await itemIn(a, 'x')).v.S, 'of before');
});

scenario('a table that nothing keeps in step is refused with the remedy', async (stage) => {
  const [a] = await newTables();
  for (const args of [['conflicts', 'list', a.url], ['conflicts', 'show', a.url, '{"id":"x"}'], ['undelete', a.url, '{"id":"x"}']]) {
    assertRefused(await stage.run(args), { code: 3, says: [`${a.name}_repl`, '--multi-master'] });
  }
  assertRefused(await stage.run(['conflicts', 'list', a.url, '--since', 'yesterday']), { code: 2, says: ['yesterday', '2026-01-31'] });
});
