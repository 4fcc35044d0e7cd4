// SPDX-License-Identifier: Apache-2.0
// A seeded random source (sfc32): the same seed gives the same workload on every machine. Not for secrets.

export class Random {
  // seed: a whole number up to 2^53; stream: independent sequences of one seed.
  constructor(seed, stream = 0) {
    this.a_ = seed >>> 0;
    this.b_ = Math.floor(seed / 2 ** 32) >>> 0;
    this.c_ = stream >>> 0;
    this.counter_ = 1;
    for (let i = 0; i < 20; i++) this.word(); // mixes near-equal seeds apart
  }

  // A uniform 32-bit number.
  word() {
    const sum = (((this.a_ + this.b_) >>> 0) + this.counter_) >>> 0;
    this.counter_ = (this.counter_ + 1) >>> 0;
    this.a_ = (this.b_ ^ (this.b_ >>> 9)) >>> 0;
    this.b_ = (this.c_ + (this.c_ << 3)) >>> 0;
    this.c_ = (((this.c_ << 21) | (this.c_ >>> 11)) + sum) >>> 0;
    return sum;
  }

  // Uniform in [0, 1).
  fraction() {
    return this.word() / 2 ** 32;
  }

  // Uniform whole number in [0, bound).
  below(bound) {
    return Math.floor(this.fraction() * bound);
  }

  between(first, last) {
    return first + this.below(last - first + 1);
  }

  chance(probability) {
    return this.fraction() < probability;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  bytes(length) {
    const out = Buffer.alloc(length);
    let i = 0;
    for (; i + 4 <= length; i += 4) out.writeUInt32LE(this.word(), i);
    for (; i < length; i++) out[i] = this.below(256);
    return out;
  }
}
