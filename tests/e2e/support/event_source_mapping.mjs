// SPDX-License-Identifier: Apache-2.0
// Lambda's event source mapping of a table's stream: hands its records to a function, in order, a batch again and again
// until the function has it.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { call } from './raw_dynamodb.mjs';
import { until } from './until.mjs';

const BATCH = 100;
const PAUSE_MS = 50;

export class EventSourceMapping {
  // From the oldest record of the table at `endpoint`. region: as its stream's ARN has it for the function. invoke(event)
  // resolves to {answer} or {error}, and may be replaced by another one at any time.
  static async start(stage, { endpoint, table, region, invoke }) {
    const mapping = new EventSourceMapping();
    Object.assign(mapping, { endpoint, region, invoke, delivered: 0, emptyReads: 0, retries: 0 });
    const { Table } = await call(endpoint, 'DescribeTable', { TableName: table });
    mapping.arn_ = Table.LatestStreamArn;
    mapping.running_ = mapping.run_();
    mapping.running_.catch((error) => (mapping.failed = error));
    stage.addCloser(() => {
      mapping.stopped_ = true;
      return mapping.running_.catch(() => {});
    });
    return mapping;
  }

  streams_(operation, body) {
    return call(this.endpoint, `DynamoDBStreams_20120810.${operation}`, body);
  }

  async run_() {
    const StreamArn = this.arn_;
    const { StreamDescription } = await this.streams_('DescribeStream', { StreamArn });
    assert.equal(StreamDescription.Shards.length, 1);
    const [{ ShardId }] = StreamDescription.Shards;
    const start = { StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
    let { ShardIterator } = await this.streams_('GetShardIterator', start);
    while (!this.stopped_) {
      const page = await this.streams_('GetRecords', { ShardIterator, Limit: BATCH });
      ShardIterator = page.NextShardIterator;
      if (page.Records.length > 0) await this.deliver_(page.Records);
      else this.emptyReads += 1;
      if (page.Records.length === 0) await sleep(PAUSE_MS);
    }
  }

  async deliver_(records) {
    const eventSourceARN = this.arn_.replace(/^(arn:aws:dynamodb:)[^:]*/, `$1${this.region}`);
    let left = records.map((record) => ({ ...record, awsRegion: this.region, eventSourceARN }));
    while (!this.stopped_) {
      const { answer, error } = await this.invoke({ Records: left });
      const [failure] = answer?.batchItemFailures ?? [];
      if (error === undefined && !failure) break;
      this.retries += 1;
      const first = failure && left.findIndex(({ dynamodb }) => dynamodb.SequenceNumber === failure.itemIdentifier);
      assert.notEqual(first, -1, 'it names a record of the batch');
      left = left.slice(first ?? 0);
      await sleep(PAUSE_MS);
    }
    this.delivered += records.length;
  }
}

// Waits until the mappings have read nothing for a while, all of them at the same time.
export async function settled(mappings, seconds) {
  for (;;) {
    const before = mappings.map(({ delivered, emptyReads }) => ({ delivered, emptyReads }));
    await until(
      () => mappings.every(({ emptyReads, failed }, i) => (assert.ifError(failed), emptyReads >= before[i].emptyReads + 5)),
      seconds,
      'quiet streams',
    );
    if (mappings.every(({ delivered }, i) => delivered === before[i].delivered)) return;
  }
}
