// SPDX-License-Identifier: Apache-2.0
// Ceph's object gateway (see rgw.sh) for tests in JavaScript, and signed requests to it.
import { spawn } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), 'rgw.sh');
const REGION = 'us-east-1';
const START_ATTEMPTS = 3;

async function findFreePort() {
  const probe = createServer();
  await new Promise((resolve, reject) => probe.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

// Runs the script to its end; resolves to what it printed.
function run(args) {
  return new Promise((resolve, reject) => {
    // The gateway stays behind and keeps what it inherits, so nothing but these pipes, which the script closes for it.
    const script = spawn('bash', [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let errors = '';
    script.stdout.on('data', (text) => (out += text));
    script.stderr.on('data', (text) => (errors += text));
    script.once('error', reject);
    script.once('close', (code) => (code === 0 ? resolve(out) : reject(new Error(errors.trim() || `exit ${code}`))));
  });
}

const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const hmac = (key, data) => createHmac('sha256', key).update(data).digest();

// Percent-encoded as signatures want it.
export const encode = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

export class Rgw {
  constructor(folder, [endpoint, accessKeyId, secretAccessKey, roleArn]) {
    this.folder = folder;
    this.endpoint = endpoint;
    this.roleArn = roleArn;
    // What the program under test needs to reach it; STS is at the same endpoint.
    this.environment = {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: REGION,
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_ENDPOINT_URL_STS: endpoint,
    };
  }

  // Sends a signed request; path: "/bucket/key" as it is, query: {name: value}. Resolves to {status, headers, text}.
  async request(method, path, { query = {}, body = '' } = {}) {
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = this.environment;
    const url = path.split('/').map(encode).join('/');
    const pairs = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
    const parameters = pairs.sort().join('&');
    const time = `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
    const day = time.slice(0, 8);
    const hash = sha256(body);
    const { host } = new URL(this.endpoint);
    const names = 'host;x-amz-content-sha256;x-amz-date';
    const lines = `host:${host}\nx-amz-content-sha256:${hash}\nx-amz-date:${time}\n`;
    const scope = `${day}/${REGION}/s3/aws4_request`;
    const canonical = [method, url, parameters, lines, names, hash].join('\n');
    const key = [day, REGION, 's3', 'aws4_request'].reduce(hmac, `AWS4${secret}`);
    const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')).toString('hex');
    const authorization = `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
    const response = await fetch(`${this.endpoint}${url}${parameters && `?${parameters}`}`, {
      method,
      headers: { 'x-amz-date': time, 'x-amz-content-sha256': hash, authorization },
      body: method === 'GET' || method === 'HEAD' ? undefined : body,
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  // The same; throws unless the answer is a success.
  async must(method, path, options) {
    const answer = await this.request(method, path, options);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  }

  // Bucket names have three letters at least.
  async createBucket(bucket, { versioned = false } = {}) {
    await this.must('PUT', `/${bucket}`);
    if (!versioned) return;
    const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';
    const body = `<VersioningConfiguration xmlns="${namespace}"><Status>Enabled</Status></VersioningConfiguration>`;
    await this.must('PUT', `/${bucket}`, { query: { versioning: '' }, body });
  }

  // Keys that begin with the prefix, up to 1,000; only plain characters.
  async keys(bucket, prefix = '') {
    const { text } = await this.must('GET', `/${bucket}`, { query: { 'list-type': '2', prefix } });
    return [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key);
  }

  // Uploads that were begun and neither completed nor aborted.
  async unfinishedUploads(bucket) {
    const { text } = await this.must('GET', `/${bucket}`, { query: { uploads: '' } });
    return [...text.matchAll(/<Upload>.*?<Key>([^<]*)<\/Key>/gs)].map(([, key]) => key);
  }

  stop() {
    return run(['stop', this.folder]);
  }
}

// Boots a gateway below a folder, within about 12 s. Rejects with what is missing when Ceph is not installed.
export async function startRgw(folder) {
  for (let attempt = 1; ; attempt++) {
    const ports = [await findFreePort(), await findFreePort()];
    try {
      const line = await run(['start', join(folder, `rgw-${attempt}`), ...ports.map(String)]);
      return new Rgw(join(folder, `rgw-${attempt}`), line.trim().split(' '));
    } catch (error) {
      // Somebody else may have taken a port meanwhile.
      if (attempt === START_ATTEMPTS || error.message.includes('is missing')) throw error;
    }
  }
}
