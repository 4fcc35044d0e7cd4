// SPDX-License-Identifier: Apache-2.0
// Random attribute values of every DynamoDB type, with the corner cases that replication tools get wrong: 38-digit
// numbers, negative exponents, empty strings and binaries, deep nesting, text beyond the basic multilingual plane.

const MAX_DEPTH = 4;
const SPECIAL_NUMBERS = [
  '0',
  '-1',
  '99999999999999999999999999999999999999',
  '-99999999999999999999999999999999999999',
  '0.0000000000000000000000000000000000001',
  '1E-130',
  '-1E-130',
  '9.9999999999999999999999999999999999999E+125',
  '-9.9999999999999999999999999999999999999E+125',
  '9007199254740993', // 2^53 + 1: the first whole number that a double loses
];
const TEXT_PIECES = ['a', 'Zürich', '東京', '🚲', 'é', '"', '\\', '\n', '\u0001', '\u2028', '<&>', ' ', 'null', '{}'];

export function randomNumber(random) {
  if (random.chance(0.3)) return random.pick(SPECIAL_NUMBERS);
  let digits = String(random.between(1, 9));
  for (let length = random.between(1, 38); digits.length < length; ) digits += random.below(10);
  const sign = random.chance(0.4) ? '-' : '';
  if (random.chance(0.3)) return `${sign}${digits}`;
  // Magnitudes run from 1E-130 to 9.9E+125; these bounds keep every digit count inside.
  return `${sign}${digits}E${random.between(-130, 87)}`;
}

export function randomText(random, maxPieces = 12) {
  let text = '';
  for (let n = random.below(maxPieces + 1); n > 0; n--) text += random.pick(TEXT_PIECES);
  return text; // now and then empty, which is allowed outside of keys
}

// Members told apart by `identity`; a set with a repeated member is refused by the service, and so is an empty one.
function distinct(random, make, identity = String) {
  const members = new Map();
  for (let n = random.between(1, 6); n > 0; n--) {
    const member = make();
    members.set(identity(member), member);
  }
  return [...members.values()];
}

// Never empty: DynamoDB Local's streams show an empty map as {}, without a type, which no service takes back.
function randomMap(random, depth) {
  const members = {};
  for (let n = random.between(1, 5); n > 0; n--) {
    members[`m${random.below(8)}${random.pick(['', '.x', ' é'])}`] = randomValue(random, depth);
  }
  return members;
}

const SCALARS = {
  S: (random) => ({ S: randomText(random) }),
  N: (random) => ({ N: randomNumber(random) }),
  B: (random) => ({ B: random.bytes(random.below(40)) }),
  BOOL: (random) => ({ BOOL: random.chance(0.5) }),
  NULL: () => ({ NULL: true }),
  SS: (random) => ({ SS: distinct(random, () => `s${randomText(random)}`) }), // no empty members in a set
  NS: (random) => ({ NS: distinct(random, () => String(random.between(-1_000_000, 1_000_000))) }),
  BS: (random) => ({
    BS: distinct(random, () => random.bytes(random.between(1, 20)), (bytes) => bytes.toString('hex')),
  }),
};
const CONTAINERS = {
  L: (random, depth) => ({ L: Array.from({ length: random.below(5) }, () => randomValue(random, depth)) }),
  M: (random, depth) => ({ M: randomMap(random, depth) }),
};

// A value without further nesting: under 1 KB.
export function randomScalar(random) {
  return SCALARS[random.pick(Object.keys(SCALARS))](random);
}

// Any value, nested up to four levels deep: under 20 KB, nearly always under 1 KB.
export function randomValue(random, depth = 0) {
  if (depth >= MAX_DEPTH || random.chance(0.7)) return randomScalar(random);
  return CONTAINERS[random.pick(['L', 'M'])](random, depth + 1);
}
