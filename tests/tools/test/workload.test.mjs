// SPDX-License-Identifier: Apache-2.0
// Goal: a seed names one workload, and its values reach every attribute type within the service's limits.
// Method: draw many values from the generators without any service.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalNumber, canonicalValue } from '../lib/canonical.mjs';
import { percentiles } from '../lib/cli.mjs';
import { Random } from '../lib/random.mjs';
import { parseKeySchema, parseTableUrl } from '../lib/table.mjs';
import { randomNumber, randomValue } from '../lib/values.mjs';

const draw = (seed, stream) => {
  const random = new Random(seed, stream);
  return Array.from({ length: 200 }, () => canonicalValue(randomValue(random))).join('\n');
};

test('a seed repeats its values, another seed or stream does not', () => {
  assert.equal(draw(7, 0), draw(7, 0));
  assert.notEqual(draw(7, 0), draw(8, 0));
  assert.notEqual(draw(7, 0), draw(7, 1));
  assert.notEqual(draw(7, 0), draw(7 + 2 ** 32, 0));
});

test('random values cover every type, nested and empty ones', () => {
  const random = new Random(1);
  const texts = Array.from({ length: 5_000 }, () => canonicalValue(randomValue(random)));
  const all = texts.join('\n');
  for (const piece of ['S:""', 'N:-', 'BOOL:true', 'BOOL:false', 'NULL', 'SS:[', 'NS:[', 'BS:[', 'E-1']) {
    assert.ok(all.includes(piece), `no ${piece}`);
  }
  assert.ok(texts.includes('B:'), 'no empty binary');
  assert.ok(texts.some((text) => /^\{.*\{.*\[/.test(text)), 'no deep nesting');
});

test('random numbers stay within 38 digits and the magnitudes of DynamoDB', () => {
  const random = new Random(2);
  for (let i = 0; i < 20_000; i++) {
    const text = randomNumber(random);
    const canonical = canonicalNumber(text);
    if (canonical === '0') continue;
    const [, digits, exponent] = /^-?(\d+)E(-?\d+)$/.exec(canonical);
    const magnitude = Number(exponent) + digits.length - 1;
    assert.ok(digits.length <= 38 && magnitude >= -130 && magnitude <= 125, text);
  }
});

test('percentiles take the nearest rank', () => {
  const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.deepEqual(percentiles(samples), { p50_ms: 50, p99_ms: 99, min_ms: 1, max_ms: 100 });
  assert.deepEqual(percentiles([5]), { p50_ms: 5, p99_ms: 5, min_ms: 5, max_ms: 5 });
});

test('tables and key schemas are read, nonsense is refused', () => {
  const endpoint = 'http://127.0.0.1:8000';
  assert.deepEqual(parseTableUrl(`${endpoint}/cities`), { endpoint, name: 'cities' });
  assert.deepEqual(parseKeySchema('a:S,b:N').map(({ role }) => role), ['HASH', 'RANGE']);
  for (const text of ['cities', 'http://127.0.0.1:8000', 'ftp://h/table', 'http://h/a/b']) {
    assert.throws(() => parseTableUrl(text), undefined, text);
  }
  for (const text of ['', 'a', 'a:X', 'a:S,b:N,c:B']) assert.throws(() => parseKeySchema(text), undefined, text);
});
