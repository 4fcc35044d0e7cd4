// SPDX-License-Identifier: Apache-2.0
// Goal: compare.mjs calls two items equal exactly when DynamoDB does. Method: pairs of spellings, equal and unequal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalItem, canonicalNumber, canonicalValue, differingAttributes, itemDigest } from '../lib/canonical.mjs';

const bytes = (text) => Buffer.from(text, 'latin1');

test('spellings of one number have one canonical form', () => {
  for (const text of ['1.50', '15e-1', '+1.5', '001.500', '0.15E1', '.15e+1', '150E-2']) {
    assert.equal(canonicalNumber(text), '15E-1', text);
  }
  for (const text of ['0', '-0', '0.000', '0E+100', '-.0e-7']) assert.equal(canonicalNumber(text), '0', text);
  assert.equal(canonicalNumber('1000'), canonicalNumber('1E3'));
});

test('numbers that a double would confuse stay different', () => {
  assert.notEqual(canonicalNumber('9007199254740993'), canonicalNumber('9007199254740992'));
  assert.notEqual(canonicalNumber('0.1'), canonicalNumber('0.10000000000000000000000000000000000001'));
  const digits = '9'.repeat(37);
  assert.notEqual(canonicalNumber(`${digits}9`), canonicalNumber(`${digits}8`));
  assert.notEqual(canonicalNumber('1E-130'), canonicalNumber('-1E-130'));
  assert.notEqual(canonicalNumber('1'), canonicalNumber('10'));
});

test('what is not a number is refused', () => {
  for (const text of ['', '.', '-', 'e5', 'NaN', '0x10', '1e', '1 2']) assert.throws(() => canonicalNumber(text), text);
});

test('order of attributes, map members and set members does not count', () => {
  const left = { a: { M: { x: { N: '1' }, y: { S: '' } } }, b: { SS: ['p', 'q'] }, c: { NS: ['1.0', '20'] } };
  const right = { c: { NS: ['2E1', '1'] }, b: { SS: ['q', 'p'] }, a: { M: { y: { S: '' }, x: { N: '1.00' } } } };
  assert.equal(canonicalItem(left), canonicalItem(right));
  assert.equal(itemDigest(left), itemDigest(right));
});

test('order of list members counts', () => {
  assert.notEqual(canonicalValue({ L: [{ S: 'a' }, { S: 'b' }] }), canonicalValue({ L: [{ S: 'b' }, { S: 'a' }] }));
});

test('values of different types or structure never share a canonical form', () => {
  const values = [
    { S: '1' }, { N: '1' }, { B: bytes('1') }, { BOOL: true }, { BOOL: false }, { NULL: true }, { S: '' },
    { B: bytes('') },
    { SS: ['1'] }, { NS: ['1'] }, { BS: [bytes('1')] }, { L: [] }, { M: {} }, { L: [{ L: [] }] }, { L: [{ S: '1' }] },
    { SS: ['1', '2'] }, { SS: ['1","2'] }, { M: { a: { S: '1' } } }, { S: 'NULL' }, { S: 'true' },
    { B: Buffer.from('OOLfalse', 'base64') }, { B: Buffer.from('OOLtrue', 'base64') }, { S: 'é' }, { S: 'e\u0301' },
  ];
  const texts = values.map(canonicalValue);
  assert.equal(new Set(texts).size, values.length, texts.join('\n'));
});

test('differing attributes are named, absent ones too', () => {
  const left = { k: { S: '1' }, same: { N: '1' }, changed: { S: 'a' }, gone: { NULL: true } };
  const right = { k: { S: '1' }, same: { N: '1.0' }, changed: { S: 'b' }, added: { S: '' } };
  assert.deepEqual(differingAttributes(left, right), ['added', 'changed', 'gone']);
});
