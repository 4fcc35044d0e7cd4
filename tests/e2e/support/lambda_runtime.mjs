// SPDX-License-Identifier: Apache-2.0
// A stand-in for Lambda's runtime interface, stricter than the real one: what Lambda would refuse is refused, and is a
// failure of the test as well (`faults`). One event at a time, as for one copy of a function.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';

const MAX_BYTES = 6 << 20;
const BASE = '/2018-06-01/runtime/';

export class LambdaRuntime {
  static async start(stage) {
    const runtime = new LambdaRuntime();
    runtime.server_ = createServer((request, response) => runtime.take_(request, response));
    runtime.server_.keepAliveTimeout = 0; // it waits for as long as the function does
    await new Promise((resolve) => runtime.server_.listen(0, '127.0.0.1', resolve));
    runtime.address = `127.0.0.1:${runtime.server_.address().port}`;
    stage.addCloser(() => {
      runtime.server_.closeAllConnections();
      return new Promise((resolve) => runtime.server_.close(resolve));
    });
    return runtime;
  }

  constructor() {
    this.faults = [];
    this.initError = null;
    this.current_ = null; // the invocation at hand
    this.queue_ = [];
    this.waiting_ = null; // the response of the `next` that has no event yet
    this.asked_ = [];
  }

  // Resolves when the function asks for an event and none is there.
  idle() {
    if (this.waiting_) return Promise.resolve();
    return new Promise((resolve) => this.asked_.push(resolve));
  }

  // Resolves to {answer} or {error, type}, and `ms`. seconds: the function's time.
  invoke(event, { seconds = 30 } = {}) {
    const body = typeof event === 'string' ? event : JSON.stringify(event);
    assert.ok(Buffer.byteLength(body) <= MAX_BYTES, 'Lambda sends 6 MB at most');
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('no answer before the deadline')), seconds * 1000 + 500);
      const settle = (outcome) => {
        clearTimeout(late);
        resolve({ ...outcome, ms: Date.now() - invocation.given });
      };
      const invocation = { id: randomUUID(), body, seconds, settle };
      this.queue_.push(invocation);
      this.give_();
    });
  }

  give_() {
    if (!this.waiting_ || this.queue_.length === 0) return;
    const response = this.waiting_;
    this.waiting_ = null;
    const invocation = this.queue_.shift();
    this.current_ = invocation;
    invocation.given = Date.now();
    invocation.deadline = invocation.given + invocation.seconds * 1000;
    response.writeHead(200, {
      'content-type': 'application/json',
      'Lambda-Runtime-Aws-Request-Id': invocation.id,
      'Lambda-Runtime-Deadline-Ms': `${invocation.deadline}`,
      'Lambda-Runtime-Invoked-Function-Arn': 'arn:aws:lambda:eu-west-1:123456789012:function:mirror',
      'Lambda-Runtime-Trace-Id': 'Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1',
    });
    response.end(invocation.body);
  }

  take_(request, response) {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => this.answer_(request, response, Buffer.concat(chunks)));
  }

  refuse_(response, status, why) {
    this.faults.push(why);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ errorMessage: why, errorType: 'InvalidRequest' }));
  }

  answer_(request, response, body) {
    const { method, url, headers } = request;
    if (!url.startsWith(BASE)) return this.refuse_(response, 404, `no such path: ${url}`);
    if (headers.host !== this.address) return this.refuse_(response, 400, `host is ${headers.host}`);
    const path = url.slice(BASE.length);
    if (path === 'invocation/next') {
      if (method !== 'GET' || body.length > 0) return this.refuse_(response, 400, `next by ${method}`);
      if (this.current_ || this.waiting_) return this.refuse_(response, 400, 'next before the answer');
      this.waiting_ = response;
      response.once('close', () => {
        if (this.waiting_ === response) this.waiting_ = null;
      });
      for (const resolve of this.asked_.splice(0)) resolve();
      return this.give_();
    }
    if (method !== 'POST') return this.refuse_(response, 405, `${path} by ${method}`);
    let json;
    try {
      json = JSON.parse(body.toString());
    } catch {
      return this.refuse_(response, 400, `an answer that is no JSON: ${body}`);
    }
    if (headers['content-type'] !== 'application/json') return this.refuse_(response, 400, 'an answer of another type');
    if (body.length > MAX_BYTES) return this.refuse_(response, 413, 'an answer of more than 6 MB');
    const isError = path.endsWith('/error');
    const type = headers['lambda-runtime-function-error-type'];
    if (isError && !(type && typeof json.errorMessage === 'string' && Array.isArray(json.stackTrace))) {
      return this.refuse_(response, 400, `an error without its parts: ${body}`);
    }
    if (path === 'init/error') {
      if (this.waiting_ || this.current_ || this.initError) return this.refuse_(response, 403, 'init/error after the start');
      this.initError = { ...json, type };
      return this.accept_(response);
    }
    const [, id, kind] = path.match(/^invocation\/([^/]+)\/(response|error)$/) ?? [];
    if (!id) return this.refuse_(response, 404, `no such path: ${url}`);
    if (this.current_?.id !== id) return this.refuse_(response, 400, `an answer to an unknown request: ${id}`);
    if (Date.now() > this.current_.deadline) return this.refuse_(response, 400, 'an answer after the deadline');
    const { settle } = this.current_;
    this.current_ = null;
    this.accept_(response);
    settle(kind === 'error' ? { error: json.errorMessage, type } : { answer: json });
  }

  accept_(response) {
    response.writeHead(202, { 'content-type': 'application/json' });
    response.end('{"status":"OK"}');
  }
}

// Starts the binary as Lambda does, and resolves when it asks for its first event.
export async function startFunction(stage, { handler, env, wrapper }) {
  const runtime = await LambdaRuntime.start(stage);
  const process_ = stage.dynamirror(['lambda'], {
    wrapper,
    env: {
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_REGION: 'eu-west-1',
      AWS_LAMBDA_FUNCTION_NAME: 'mirror',
      AWS_LAMBDA_RUNTIME_API: runtime.address,
      _HANDLER: handler,
      ...env,
    },
  });
  await Promise.race([runtime.idle(), process_.exited]);
  return { runtime, process: process_ };
}

// Lines of metrics, as objects.
export function metricsOf(run) {
  return run.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}
