#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Finds what g++ 12 miscompiles in coroutines, which no warning tells of, and what outlives its owner there:
//   aggregate  an aggregate, with designated initialisers or of several values, within an expression that awaits: copied
//              bit by bit, and destroyed twice (gcc.gnu.org/PR98401 and its kin)
//   capture    a capturing lambda within such an expression: likewise
//   branch     an await in a branch of ?: whose call is given a value of its own: that is destroyed twice
//   operand    an await behind || or && in the same expression: what it would have made is destroyed when it never ran
//   while      an await in the condition of a loop
//   coroutine  a capturing lambda that is itself a coroutine: its captures die before its first resumption ends
// A scan of the text, not a parser: it follows brackets, and so needs code as clang-format leaves it. The remedy is the
// same for the first five: give the temporary, or the result, a name in a statement of its own.
//
// usage: check_coroutines.mjs [ROOT]       check ROOT/src, tests and bench; exit 1 and one line per finding
//        check_coroutines.mjs --self-test  check that planted mistakes are found and nothing else is
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const SAYS = {
  aggregate: 'an aggregate in an expression that awaits; name the value in a statement before',
  branch: 'an await with a moved value in a branch of ?:; use if and else',
  capture: 'a capturing lambda in an expression that awaits; name it in a statement before',
  operand: 'an await behind || or &&; use a statement of its own',
  while: 'an await in the condition of a loop; put the result into a variable',
  coroutine: 'a capturing lambda as a coroutine; make it a function with arguments',
};
const CLOSES = { '(': ')', '[': ']', '{': '}' };

// The text with comments, literals and preprocessor lines as spaces, so that brackets and words mean what they say.
function withoutLiterals(text) {
  const token = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|\bu?8?R"([^(\s]*)\([\s\S]*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'|^[ \t]*#[^\n]*/gm;
  return text.replace(token, (found) => found.replace(/[^\n]/g, ' '));
}

function wordBefore(text, at) {
  return /(\w+|[^\s\w])\s*$/.exec(text.slice(Math.max(0, at - 80), at))?.[1] ?? '';
}

// The index after the bracket that closes the one at `open`.
function closing(text, open) {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] in CLOSES) depth++;
    else if (')]}'.includes(text[i]) && --depth === 0) return i + 1;
  }
  return text.length;
}

// Whether the brace opens a block: of a function, a lambda, a statement. Otherwise it begins a list of initialisers.
const isBlock = (text, at) => !/^([(,=[{:?]|return|co_return|co_yield|co_await)$/.test(wordBefore(text, at)) || /[)\]]\s*$/.test(text.slice(0, at));

const isLambda = (text, at) => text[at + 1] !== '[' && text[at - 1] !== '[' && !/^[\w)\]]$/.test(wordBefore(text, at).slice(-1)) ||
  /^(return|co_return|co_await)$/.test(wordBefore(text, at));

// Where the full expression around `at` begins: after the statement before it, or the bracket of an if or a loop.
function expressionStart(text, at) {
  let depth = 0;
  for (let i = at - 1; i >= 0; i--) {
    const c = text[i];
    if (')]}'.includes(c)) {
      // A block that ends before this expression begins ends the search, an initialiser's brace does not.
      if (c === '}' && depth === 0 && /^\s*(\w|\/|$)/.test(text.slice(i + 1, i + 40)) && !/^\s*[,);]/.test(text.slice(i + 1, i + 40))) return i + 1;
      depth++;
    } else if (c in CLOSES) {
      if (depth > 0) depth--;
      else if (c === '{' && isBlock(text, i)) return i + 1;
      else if (c === '(' && /^(if|while|switch|for|constexpr)$/.test(wordBefore(text, i))) return i + 1;
    } else if (c === ';' && depth === 0) return i + 1;
  }
  return 0;
}

function expressionEnd(text, from) {
  for (let i = from; i < text.length; i++) {
    if (text[i] in CLOSES) i = closing(text, i) - 1;
    else if (text[i] === ';' || ')]}'.includes(text[i])) return i;
  }
  return text.length;
}

// The parts of a lambda whose introducer stands at `at`: its captures, and its body as [start, end).
function lambdaAt(text, at) {
  const captureEnd = closing(text, at);
  const captures = text.slice(at + 1, captureEnd - 1).trim();
  const head = /^\s*(\([^]*|[^{;]*)/.exec(text.slice(captureEnd));
  let i = captureEnd;
  if (head && /^\s*\(/.test(text.slice(captureEnd))) i = closing(text, text.indexOf('(', captureEnd));
  const open = text.indexOf('{', i);
  if (open < 0 || /[;)]/.test(text.slice(i, open).replace(/\([^()]*\)/g, ''))) return undefined;
  return { captures, body: [open, closing(text, open)] };
}

function findingsInExpression(text, start, end) {
  const found = [];
  for (let i = start; i < end; i++) {
    if (text[i] === '[' && isLambda(text, i)) {
      const lambda = lambdaAt(text, i);
      if (!lambda) continue;
      if (lambda.captures !== '') found.push({ at: i, kind: 'capture' });
      i = lambda.body[1] - 1; // what it does are expressions of their own
    } else if (text[i] === '{' && /^\{\s*\.\w/.test(text.slice(i, i + 200)) || (/^\{\s*\{/.test(text.slice(i, i + 80)) && !isBlock(text, i))) {
      found.push({ at: i, kind: 'aggregate' });
    }
  }
  return found;
}

// Whether a body awaits or returns as a coroutine itself, not in a lambda within.
function isCoroutine(text, [start, end]) {
  for (let i = start; i < end; i++) {
    if (text[i] === '[' && isLambda(text, i)) {
      const inner = lambdaAt(text, i);
      if (inner) i = inner.body[1] - 1;
    } else if (/^\bco_(await|return|yield)\b/.test(text.slice(i, i + 12)) && !/\w/.test(text[i - 1])) return true;
  }
  return false;
}

// Whether what follows `before`, the beginning of an expression, is evaluated only if an operand of || or && says so: it
// stands in no bracket that was closed since.
function isOperand(before) {
  let depth = 0;
  for (let i = before.length - 1; i > 0; i--) {
    if (')]}'.includes(before[i])) depth++;
    else if (before[i] in CLOSES) depth = Math.max(0, depth - 1);
    else if (depth === 0 && /^(\|\||&&)$/.test(before.slice(i - 1, i + 1)) && !/\b(auto|const)\s*$/.test(before.slice(0, i - 1))) return true;
  }
  return false;
}

export function findingsIn(source) {
  const text = withoutLiterals(source);
  const found = new Map();
  const add = ({ at, kind }) => found.set(`${at} ${kind}`, { line: text.slice(0, at).split('\n').length, kind });
  for (const { index } of text.matchAll(/\bco_await\b/g)) {
    const start = expressionStart(text, index);
    for (const finding of findingsInExpression(text, start, expressionEnd(text, start))) add(finding);
    if (text[start - 1] === '(' && wordBefore(text, start - 1) === 'while') add({ at: start, kind: 'while' });
    if (isOperand(text.slice(start, index))) add({ at: index, kind: 'operand' });
    const branch = /[^:][?:]\s*$/.test(text.slice(start, index)) && text.slice(start, index).includes('?');
    const call = text.indexOf('(', index);
    if (branch && /\bmove\(/.test(text.slice(call, closing(text, call)))) add({ at: index, kind: 'branch' });
  }
  for (const { index } of text.matchAll(/\[(?!\[)/g)) {
    const lambda = isLambda(text, index) ? lambdaAt(text, index) : undefined;
    if (lambda && lambda.captures !== '' && isCoroutine(text, lambda.body)) add({ at: index, kind: 'coroutine' });
  }
  return [...found.values()].sort((a, b) => a.line - b.line);
}

// Each planted text, and the kinds that are to be found in it.
const PLANTED = [
  ['void f() { auto x = co_await g({.a = 1}); }', 'aggregate'],
  ['void f() { auto x = co_await g(Options{ .a = 1, .b = {} }); }', 'aggregate'],
  ['void f() {\n  co_return co_await client.get(key,\n      GetOptions{\n        .a = "x"});\n}', 'aggregate'],
  ['void f() { if (auto x = co_await g({.a = 1}); !x) co_return; }', 'aggregate'],
  ['void f() { h({.a = co_await g()}); }', 'aggregate'],
  ['void f() { auto x = co_await g(a, {{b, c}, {}}); }', 'aggregate'],
  ['void f() { auto x = a ? co_await g(std::move(b)) : co_await h(c); }', 'branch'],
  ['void f() { auto x = a\n  ? co_await g(b)\n  : co_await h(std::move(c)); }', 'branch'],
  ['void f() { auto x = a ? co_await g(b) : co_await h(c); }', ''],
  ['void f() { switch (a) { case 1: co_await g(std::move(b)); } }', ''],
  ['void f() { co_await g([&] { return 1; }); }', 'capture'],
  ['void f() { co_await pool.run([x = std::move(y)](int a) mutable -> int { return a; }); }', 'capture'],
  ['void f() { co_await g([this] { return 1; }, {.a = 1}); }', 'capture aggregate'],
  ['void f() { while (co_await next()) {} }', 'while'],
  ['void f() { if (!a() || !co_await b()) return; }', 'operand'],
  ['void f() { const bool x = a && co_await b(c); }', 'operand'],
  ['void f() { if (a && b) x = co_await c(); }', ''],
  ['void f() { auto&& x = co_await c(); }', ''],
  ['void f() { while (true) { bool more = co_await next(); } }', ''],
  ['auto f = [&]() -> Task<> { co_await g(); };', 'coroutine'],
  ['auto f = [this] { co_return; };', 'coroutine'],
  ['void f() { const Options options{.a = 1}; auto x = co_await g(options); }', ''],
  ['void f() { if (!co_await g()) co_return fail(Error{.a = 1}); }', ''],
  ['void f() { auto x = co_await g(); co_return Answer{.a = x}; }', ''],
  ['void f() { auto run = [&] { return Answer{.a = 1}; }; co_await g(run); }', ''],
  ['void f() { co_await g([] { return Answer{.a = 1}; }); }', ''],
  ['void f() { co_await g(list[i], "[&] {.a = 1}"); } // co_await g({.a = 1})', ''],
  ['void f() { if (x) { y(); } co_await g(); Answer a{.a = 1}; }', ''],
  ['[[nodiscard]] Task<> f() { co_await g(array[1]); }', ''],
  ['Task<> C::run() {\n  spawn([this] { stop(); });\n  co_await g();\n}', ''],
  ["void f() { auto n = 1'000; auto x = co_await g({.a = 'x'}); }", 'aggregate'],
];

function selfTest() {
  let passed = true;
  for (const [text, expected] of PLANTED) {
    const kinds = findingsIn(text).map(({ kind }) => kind).join(' ');
    if (kinds === expected) continue;
    console.error(`self-test: found "${kinds}" instead of "${expected}" in: ${text}`);
    passed = false;
  }
  return passed;
}

function sourcesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sourcesBelow(path);
    return /\.[ch]pp$/.test(entry.name) ? [path] : [];
  });
}

function main(argument) {
  if (argument === '--self-test') {
    const passed = selfTest();
    if (passed) console.log(`coroutine check: all ${PLANTED.length} planted texts judged rightly`);
    return passed;
  }
  const root = argument ?? join(dirname(fileURLToPath(import.meta.url)), '..');
  let clean = true;
  for (const path of ['src', 'tests', 'bench'].flatMap((folder) => sourcesBelow(join(root, folder)))) {
    for (const { line, kind } of findingsIn(readFileSync(path, 'utf8'))) {
      console.error(`${relative(root, path)}:${line}: ${SAYS[kind]}`);
      clean = false;
    }
  }
  if (clean) console.log('coroutine check: nothing that g++ 12 miscompiles');
  return clean;
}

process.exitCode = main(process.argv[2]) ? 0 : 1;
