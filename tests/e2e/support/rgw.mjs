// SPDX-License-Identifier: Apache-2.0
// An S3 and STS server for the stage of a test or of a test file, stopped with it.
import { startRgw } from '../../services/rgw.mjs';

// Use it as `const s3 = shared('backup', rgw)`, since it takes about 12 s to boot, with a bucket for each test. Without
// Ceph the tests fail and say what to install: a test that is skipped would look like one that passes.
export async function rgw(stage) {
  const server = await startRgw(stage.folder);
  stage.addCloser(() => server.stop());
  return server;
}
