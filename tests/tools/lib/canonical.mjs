// SPDX-License-Identifier: Apache-2.0
// The canonical text of an item: two items are equal for DynamoDB exactly when their canonical texts are.
// Order of attributes, map members and set members does not count, nor does the spelling of a number (1.50 = 15E-1).
// Decimal arithmetic on the digits alone: a double would call two different 38-digit numbers equal.
import { createHash } from 'node:crypto';

// "-0012.50e3" -> "-125E2"; zero in any spelling -> "0".
export function canonicalNumber(text) {
  const match = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?\s*$/.exec(text);
  if (!match || `${match[2]}${match[3] ?? ''}` === '') throw new Error(`not a number: ${JSON.stringify(text)}`);
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length);
  return `${sign === '-' ? '-' : ''}${significant}E${power}`;
}

function base64(bytes) {
  return Buffer.from(bytes).toString('base64');
}

function byCodeUnit(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

function canonicalMap(members) {
  const names = Object.keys(members).sort(byCodeUnit);
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalValue(members[name])}`).join(',')}}`;
}

function canonicalSet(type, members, canonical) {
  return `${type}:[${members.map(canonical).sort(byCodeUnit).join(',')}]`;
}

// The type is set off by a colon, so that no binary can spell another type's text (B + "OOLfalse").
// value: one attribute value as the SDK gives it, e.g. {N: "1.50"}.
export function canonicalValue(value) {
  const types = Object.keys(value).filter((type) => value[type] !== undefined);
  if (types.length !== 1) throw new Error(`an attribute value has one type, not ${JSON.stringify(types)}`);
  const [type] = types;
  const content = value[type];
  switch (type) {
    case 'S':
      return `S:${JSON.stringify(content)}`;
    case 'N':
      return `N:${canonicalNumber(content)}`;
    case 'B':
      return `B:${base64(content)}`;
    case 'BOOL':
      return `BOOL:${content}`;
    case 'NULL':
      return 'NULL';
    case 'M':
      return canonicalMap(content);
    case 'L':
      return `[${content.map(canonicalValue).join(',')}]`;
    case 'SS':
      return canonicalSet('SS', content, JSON.stringify);
    case 'NS':
      return canonicalSet('NS', content, canonicalNumber);
    case 'BS':
      return canonicalSet('BS', content, base64);
    default:
      throw new Error(`unknown attribute type ${type}`);
  }
}

export function canonicalItem(item) {
  return canonicalMap(item);
}

// 128 bits are plenty to tell items apart and let a million of them fit in memory.
export function itemDigest(item) {
  return createHash('sha256').update(canonicalItem(item)).digest('base64').slice(0, 22);
}

// The names of the attributes in which two items differ, sorted.
export function differingAttributes(left, right) {
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  const text = (value) => (value === undefined ? '' : canonicalValue(value));
  return [...names].filter((name) => text(left[name]) !== text(right[name])).sort(byCodeUnit);
}
