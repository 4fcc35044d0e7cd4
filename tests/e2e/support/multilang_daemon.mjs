// SPDX-License-Identifier: Apache-2.0
// KCL's MultiLangDaemon, as far as the process of one shard sees it: what it writes to the process's stdin, and how it
// takes what comes from its stdout. As strict as the real one: an empty line, a line that is no JSON, and a message with a
// member that it does not know are all skipped, after which it waits on. (KCL: MultiLangProtocol, GetNextMessageTask.)
import assert from 'node:assert/strict';

const ENDS = { leaseLost: 'ZOMBIE', shardEnded: 'TERMINATE' };

const sorted = (names) => [...names].sort().join();

export class MultiLangDaemon {
  // process: one started with `input`. old: speak as KCL 1.6 did.
  constructor(process, { old = false, seconds = 30 } = {}) {
    this.process = process;
    this.old = old;
    this.seconds = seconds;
    this.skipped = []; // lines that were no messages of ours
    this.checkpoints = []; // {during, sequenceNumber}
    this.delivered = null; // the last record's sequence number
    this.taken_ = 0; // characters of stdout
    process.child.stdin.on('error', () => {}); // of a process that was killed
    const members = { status: sorted(['action', 'responseFor']) };
    members.checkpoint = sorted(old ? ['action', 'checkpoint'] : ['action', 'sequenceNumber', 'subSequenceNumber']);
    this.members_ = members;
  }

  initialize(shardId, sequenceNumber = 'TRIM_HORIZON') {
    const position = this.old ? {} : { sequenceNumber, subSequenceNumber: 0 };
    return this.ask_({ action: 'initialize', shardId, ...position });
  }

  // records: {sequenceNumber, data}, data being text or bytes; and of Kinesis partitionKey, subSequenceNumber, arrived
  // (milliseconds).
  processRecords(records) {
    const lines = records.map(
      ({ sequenceNumber, data, partitionKey = null, subSequenceNumber = 0, arrived = null }) => ({
        ...(this.old ? {} : { action: 'record', subSequenceNumber, approximateArrivalTimestamp: arrived }),
        data: Buffer.from(data).toString('base64'),
        partitionKey,
        sequenceNumber,
      }),
    );
    if (records.length > 0) this.delivered = records.at(-1).sequenceNumber;
    return this.ask_({ action: 'processRecords', records: lines, ...(this.old ? {} : { millisBehindLatest: null }) });
  }

  shutdownRequested() {
    return this.ask_({ action: 'shutdownRequested' });
  }

  leaseLost() {
    return this.end_('leaseLost');
  }

  shardEnded() {
    return this.end_('shardEnded');
  }

  // Closes stdin and resolves to how the process ended.
  close() {
    this.process.child.stdin.end();
    return this.process.waitForExit(this.seconds);
  }

  end_(what) {
    if (!this.old) return this.ask_({ action: what });
    return this.ask_({ action: 'shutdown', reason: ENDS[what] }, what);
  }

  // Sends a message and serves checkpoints until its status comes.
  async ask_(message, during = message.action) {
    this.write_(message);
    for (;;) {
      const answer = await this.process.waitUntil(() => this.next_(), this.seconds, `an answer to ${message.action}`);
      if (answer.action === 'status') {
        assert.equal(answer.responseFor, message.action);
        return;
      }
      this.checkpoint_(answer, during);
    }
  }

  checkpoint_(answer, during) {
    const asked = (this.old ? answer.checkpoint : answer.sequenceNumber) ?? null;
    const reply = this.old ? { checkpoint: asked } : { sequenceNumber: asked, subSequenceNumber: null };
    if (during === 'leaseLost' || during === 'initialize') {
      this.write_({ action: 'checkpoint', ...reply, error: 'InvalidStateException' });
      return;
    }
    const last = during === 'shardEnded' ? 'SHARD_END' : this.delivered;
    this.checkpoints.push({ during, asked, sequenceNumber: asked ?? last });
    this.write_({ action: 'checkpoint', ...reply, error: null });
  }

  write_(message) {
    this.process.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  // The next message on stdout, past everything that is none.
  next_() {
    for (;;) {
      const end = this.process.stdout.indexOf('\n', this.taken_);
      if (end < 0) return undefined;
      const line = this.process.stdout.slice(this.taken_, end);
      this.taken_ = end + 1;
      if (line === '') continue;
      const message = this.read_(line);
      if (message) return message;
      this.skipped.push(line);
    }
  }

  read_(line) {
    try {
      const message = JSON.parse(line);
      return sorted(Object.keys(message)) === this.members_[message.action] ? message : undefined;
    } catch {
      return undefined;
    }
  }
}
