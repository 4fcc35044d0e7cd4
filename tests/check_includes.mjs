#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Enforces which folder below src/ may include which (the table in docs/architecture.md), that `impl/` stays
// private to its component, and that the headers of wrapped libraries stay behind their wrapper.
//
// usage: check_includes.mjs [ROOT]       check ROOT/src, default this repository; exit 1 and one line per violation
//        check_includes.mjs --self-test  check that planted violations are found
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

// Reads the table of the page: rows "| `src/FOLDER/` | promise | FOLDER FOLDER ... |", where a folder may be a wing of
// another one ("jobs/diff"). The page is the rule, so that it can never say one thing and the check another. A folder may
// always include itself; who may include a folder may not thereby include its wings, nor the other way round.
// Returns {folder: [folders it may include]}.
function readTable(root) {
  const page = join(root, 'docs', 'architecture.md');
  const rows = [...readFileSync(page, 'utf8').matchAll(/^\| `src\/([\w/]+)\/` \|.*\| ([^|]+) \|$/gm)];
  if (rows.length === 0) throw new Error(`${page}: there is no table of folders`);
  const folders = rows.map(([, folder]) => folder);
  const table = {};
  for (const [index, [, folder, cell]] of rows.entries()) {
    const words = cell.trim();
    if (words === 'nothing') table[folder] = [];
    else if (words === 'all') table[folder] = folders;
    else if (words === 'all of the above') table[folder] = folders.slice(0, index);
    else table[folder] = words.split(/\s+/);
    const unknown = table[folder].find((name) => !folders.includes(name));
    if (unknown) throw new Error(`${page}: ${folder} may include ${unknown}, which is no folder`);
  }
  return table;
}

// main.cpp and anything else directly in src/ only starts the application.
const ROOT_FILES_MAY = ['app/run', 'base'];

// Libraries that are wrapped: their headers are expensive to compile or a promise we do not want to repeat elsewhere.
const WRAPPED = [
  { library: 'simdjson', header: /^simdjson(\.h$|\/)/, home: /^json\/impl\// },
  { library: 'Boost.Beast', header: /^boost\/beast/, home: /^http\/impl\// },
  { library: 'pugixml', header: /^pugi(xml|config)\.hpp$/, home: /^aws\/(.*\/)?impl\// },
  { library: 'SQLite', header: /^sqlite3(ext)?\.h$/, home: /^sqlite\// },
  { library: 'CLI11', header: /^CLI\//, home: /^app\/options\// },
  // Protocol logic and values are pure: no I/O, no event loop (architecture, section 3).
  {
    library: 'Boost.Asio',
    header: /^boost\/asio/,
    home: /^(async|http|aws|objects|source|coordination|sink|tables|pipeline|jobs|metrics|service|lambda|app)\//,
  },
];

// A hall, not a room: nobody finds a file among so many.
const MOST_FILES_IN_A_FOLDER = 40;

function listSources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return listSources(path);
    return /\.(c|cc|cpp|cxx|h|hh|hpp|hxx|inc|ipp)$/.test(entry.name) ? [path] : [];
  });
}

function* includesOf(text) {
  for (const [index, line] of text.split('\n').entries()) {
    const match = /^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)/.exec(line);
    if (match) yield { line: index + 1, own: match[1], system: match[2] };
  }
}

// The row of the table that `file` (relative to src/) belongs to: the one of its folder, or else of the nearest one
// above it.
function folderOf(table, file) {
  for (let folder = dirname(file); folder !== '.'; folder = dirname(folder)) {
    if (folder in table) return folder;
  }
  return undefined;
}

// Says what is wrong with including our own header `header` from `file` (both relative to src/), or nothing.
function checkOwn({ src, table, file, header }) {
  if (header.startsWith('.') || !header.includes('/')) return `"${header}" must be named from src/: "folder/name.hpp"`;
  const target = folderOf(table, header);
  if (!target) return `"${header}" is in no folder of the architecture`;
  if (!existsSync(join(src, header))) return `"${header}" does not exist`;
  const folder = folderOf(table, file);
  const allowed = folder ? table[folder] : ROOT_FILES_MAY;
  if (target !== folder && !allowed.includes(target)) {
    const list = allowed.join(' ') || 'nothing';
    return `${folder || 'src'} may not include ${target} ("${header}"); it may include: ${list}`;
  }
  const owner = /^(.*?)\/impl\//.exec(header)?.[1];
  if (owner && !file.startsWith(`${owner}/`)) return `"${header}" is private to ${owner}`;
  return undefined;
}

function checkSystem(file, header) {
  const wrapped = WRAPPED.find((rule) => rule.header.test(header));
  if (wrapped && !wrapped.home.test(file)) return `<${header}>: ${wrapped.library} may not be included here`;
  return undefined;
}

function checkFile(src, table, path) {
  const file = relative(src, path);
  if (file.includes('/') && !folderOf(table, file)) {
    return [`src/${file}: folder ${dirname(file)} is not in the architecture`];
  }
  const violations = [];
  for (const { line, own, system } of includesOf(readFileSync(path, 'utf8'))) {
    // A wrapped library does not become allowed by writing its header in quotes.
    const wrongSystem = checkSystem(file, own ?? system);
    const wrong = wrongSystem ?? (own && checkOwn({ src, table, file, header: own }));
    if (wrong) violations.push(`src/${file}:${line}: ${wrong}`);
  }
  return violations;
}

function checkSizes(src, sources) {
  const counts = new Map();
  for (const path of sources) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
  return [...counts]
    .filter(([, count]) => count > MOST_FILES_IN_A_FOLDER)
    .map(([folder, count]) => `src/${relative(src, folder)}: ${count} files; ${MOST_FILES_IN_A_FOLDER} are allowed`);
}

export function checkTree(root) {
  const src = join(root, 'src');
  const table = readTable(root);
  const sources = listSources(src);
  return [...sources.flatMap((path) => checkFile(src, table, path)), ...checkSizes(src, sources)];
}

const PLANTED_TABLE = `
| folder | promise | may include |
|---|---|---|
| \`src/base/\` | values | nothing |
| \`src/http/\` | transport | base |
| \`src/json/\` | text | base |
| \`src/model/\` | values \`impl/\` | json base |
| \`src/aws/\` | clients | http json base |
| \`src/source/\` | in | aws model base |
| \`src/ordering/\` | order | model base |
| \`src/coordination/\` | leases | aws model base |
| \`src/sink/\` | out | aws model base |
| \`src/sqlite/\` | file | base |
| \`src/jobs/copy/\` | copies | aws sink base |
| \`src/jobs/diff/\` | compares | all of the above |
| \`src/app/options/\` | words | base |
| \`src/app/run/\` | wiring | all |
| \`tests/\` | tests | all |
`;
// Each planted file holds one include and must, or must not, be reported.
const PLANTED = [
  { file: 'src/model/item.cpp', include: '"json/value.hpp"', allowed: true },
  { file: 'src/model/item.hpp', include: '"model/key.hpp"', allowed: true },
  { file: 'src/json/impl/parser.cpp', include: '<simdjson.h>', allowed: true },
  { file: 'src/http/impl/beast.cpp', include: '<boost/beast/core.hpp>', allowed: true },
  { file: 'src/sqlite/database.hpp', include: '<sqlite3.h>', allowed: true },
  { file: 'src/json/impl/own.cpp', include: '"json/impl/detail.hpp"', allowed: true },
  { file: 'src/main.cpp', include: '"app/run/run.hpp"', allowed: true },
  { file: 'src/app/run/run.cpp', include: '"jobs/copy/copy.hpp"', allowed: true },
  { file: 'src/app/options/words.hpp', include: '<CLI/CLI.hpp>', allowed: true },
  { file: 'src/jobs/copy/copy.cpp', include: '"sink/writer.hpp"', allowed: true },
  { file: 'src/jobs/copy/impl/page.cpp', include: '"sink/writer.hpp"', allowed: true },
  { file: 'src/jobs/diff/diff.cpp', include: '"jobs/copy/copy.hpp"', allowed: true },
  { file: 'src/jobs/copy/r.cpp', include: '"app/run/run.hpp"' },
  { file: 'src/jobs/copy/s.cpp', include: '"jobs/diff/diff.hpp"' },
  { file: 'src/jobs/copy/t.cpp', include: '"source/reader.hpp"' },
  { file: 'src/jobs/u.cpp', include: '<vector>' },
  { file: 'src/app/run/v.cpp', include: '<CLI/CLI.hpp>' },
  { file: 'src/jobs/diff/w.cpp', include: '<sqlite3.h>' },
  { file: 'src/json/x.cpp', include: '<pugixml.hpp>' },
  { file: 'src/base/a.cpp', include: '"json/value.hpp"' },
  { file: 'src/model/b.cpp', include: '"aws/client.hpp"' },
  { file: 'src/source/c.cpp', include: '"sink/writer.hpp"' },
  { file: 'src/sink/d.cpp', include: '"source/reader.hpp"' },
  { file: 'src/ordering/e.cpp', include: '"jobs/copy/copy.hpp"' },
  { file: 'src/main2.cpp', include: '"jobs/copy/copy.hpp"' },
  { file: 'src/model/f.cpp', include: '"json/impl/detail.hpp"' },
  { file: 'src/model/g.cpp', include: '<simdjson.h>' },
  { file: 'src/model/h.cpp', include: '"simdjson.h"' },
  { file: 'src/http/i.hpp', include: '<boost/beast/http.hpp>' },
  { file: 'src/coordination/j.hpp', include: '<sqlite3.h>' },
  { file: 'src/aws/k.hpp', include: '<pugixml.hpp>' },
  { file: 'src/ordering/l.hpp', include: '<boost/asio/awaitable.hpp>' },
  { file: 'src/model/m.cpp', include: '"../base/error.hpp"' },
  { file: 'src/model/n.cpp', include: '"key.hpp"' },
  { file: 'src/model/o.cpp', include: '"model/absent.hpp"' },
  { file: 'src/model/p.cpp', include: '"stray/thing.hpp"' },
  { file: 'src/stray/q.cpp', include: '<vector>' },
];
const EXISTING = [
  'json/value.hpp', 'json/impl/detail.hpp', 'model/key.hpp', 'aws/client.hpp', 'sink/writer.hpp', 'source/reader.hpp',
  'jobs/copy/copy.hpp', 'jobs/diff/diff.hpp', 'app/run/run.hpp', 'base/error.hpp',
];

function plant(root, file, text) {
  const path = join(root, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function selfTest() {
  const root = mkdtempSync(join(tmpdir(), 'check-includes-'));
  try {
    plant(root, 'docs/architecture.md', PLANTED_TABLE);
    for (const header of EXISTING) plant(root, `src/${header}`, '#pragma once\n');
    for (const { file, include } of PLANTED) plant(root, file, `// comment\n  #  include ${include}\n`);
    for (let i = 0; i <= MOST_FILES_IN_A_FOLDER; ++i) plant(root, `src/http/hall/f${i}.hpp`, '#pragma once\n');
    const reported = new Set(checkTree(root).map((violation) => violation.split(':')[0]));
    if (!reported.has('src/http/hall')) {
      console.error('self-test: a folder of too many files is not reported');
      return false;
    }
    const wrong = PLANTED.filter(({ file, allowed }) => reported.has(file) === Boolean(allowed));
    for (const { file, include, allowed } of wrong) {
      console.error(`self-test: ${file} includes ${include}: ${allowed ? 'reported, but allowed' : 'not reported'}`);
    }
    return wrong.length === 0;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function main(argument) {
  if (argument === '--self-test') {
    const passed = selfTest();
    if (passed) console.log(`include check: all ${PLANTED.length} planted includes judged rightly`);
    return passed;
  }
  const violations = checkTree(argument ?? join(dirname(fileURLToPath(import.meta.url)), '..'));
  for (const violation of violations) console.error(violation);
  if (violations.length === 0) console.log('include check: every include follows the table in docs/architecture.md');
  return violations.length === 0;
}

process.exitCode = main(process.argv[2]) ? 0 : 1;
