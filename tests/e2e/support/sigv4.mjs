// SPDX-License-Identifier: Apache-2.0
// Verifies Signature Version 4 of a received request, computed from the specification ("Signature Version 4 signing
// process", IAM User Guide) and sharing no code with the program that signed. Pure.
import { createHash, createHmac } from 'node:crypto';

const MAX_SKEW_MS = 5 * 60_000;

const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const hmac = (key, data) => createHmac('sha256', key).update(data).digest();

const CREDENTIAL = String.raw`Credential=([^/,]+)/(\d{8})/([^/,]+)/([^/,]+)/aws4_request`;
const AUTHORIZATION = new RegExp(
  `^AWS4-HMAC-SHA256 ${CREDENTIAL}, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$`,
);

function parse(header) {
  const match = AUTHORIZATION.exec(header ?? '');
  if (!match) return undefined;
  const [, accessKeyId, date, region, service, signedHeaders, signature] = match;
  return { accessKeyId, date, region, service, signedHeaders: signedHeaders.split(';'), signature };
}

function expectedSignature({ method, url, headers }, body, given, secret) {
  const lines = given.signedHeaders.map((name) => `${name}:${String(headers[name] ?? '').trim()}\n`);
  const canonical = [method, url, '', lines.join(''), given.signedHeaders.join(';'), sha256(body)].join('\n');
  const scope = `${given.date}/${given.region}/${given.service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const dateKey = hmac(`AWS4${secret}`, given.date);
  const key = hmac(hmac(hmac(dateKey, given.region), given.service), 'aws4_request');
  return createHmac('sha256', key).update(text).digest('hex');
}

function signedAt(text) {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text ?? '');
  if (!match) return NaN;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

// request: as node:http receives it, without a query. identities: access key id -> {secret, token}.
// Resolves to {accessKeyId}, or {accessKeyId?, wrong} with the reason.
export function verifySignature(request, body, identities, service) {
  const given = parse(request.headers.authorization);
  if (!given) return { wrong: 'no Authorization header of the expected form' };
  const { accessKeyId } = given;
  const identity = identities.get(accessKeyId);
  if (!identity) return { accessKeyId, wrong: 'unknown access key' };
  const token = request.headers['x-amz-security-token'] ?? '';
  if (token !== (identity.token ?? '')) return { accessKeyId, wrong: 'wrong session token' };
  if (given.service !== service) return { accessKeyId, wrong: `signed for ${given.service}` };
  const required = ['host', 'x-amz-date', ...(identity.token ? ['x-amz-security-token'] : [])];
  const unsigned = required.find((name) => !given.signedHeaders.includes(name));
  if (unsigned) return { accessKeyId, wrong: `${unsigned} is not signed` };
  const time = signedAt(request.headers['x-amz-date']);
  if (!(Math.abs(Date.now() - time) < MAX_SKEW_MS)) return { accessKeyId, wrong: 'x-amz-date is off' };
  if (given.signature !== expectedSignature(request, body, given, identity.secret)) {
    return { accessKeyId, wrong: 'the signature does not fit' };
  }
  return { accessKeyId };
}
