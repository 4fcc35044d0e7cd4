// SPDX-License-Identifier: Apache-2.0
// Goal: the templates of deploy/lambda can be deployed, in place of those that people come from, and lose nothing.
// Method: cfn-lint translates and checks them; what it cannot know (old names, how an answer and its mapping go
// together, what a role may do) is read from them.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before } from 'node:test';
import { installCfnLint, lint, readTemplate } from './support/cfn_lint.mjs';
import { startFunction } from './support/lambda_runtime.mjs';
import { ROOT, scenario } from './support/stage.mjs';

const FOLDER = join(ROOT, 'deploy', 'lambda');
const FILES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => join(FOLDER, name));
const HANDLERS = {
  'circular.yaml': ['replicator.lambda_handler'],
  'cross-account.yaml': ['ReplayFromStream.lambda_handler'],
  'cross-account-target-role.yaml': [],
  'mapbox.yaml': ['index.backup', 'index.replicate'],
};

let templates;
before(() => {
  installCfnLint();
  templates = Object.fromEntries(FILES.map((file) => [basename(file), readTemplate(file)]));
});

const resources = (template, type) => Object.values(template.Resources).filter(({ Type }) => Type === type);

// The functions of a template, each with what its template gives to all of them.
function functionsOf(template) {
  const shared = template.Globals?.Function ?? {};
  return resources(template, 'AWS::Serverless::Function').map(({ Properties }) => ({
    ...shared,
    ...Properties,
    variables: { ...shared.Environment?.Variables, ...Properties.Environment.Variables },
  }));
}

const allFunctions = () => Object.values(templates).flatMap(functionsOf);

// Every statement of every role, those under a condition too.
function statements() {
  const roles = Object.values(templates).flatMap((template) => resources(template, 'AWS::IAM::Role'));
  return roles
    .flatMap(({ Properties }) => Properties.Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement))
    .map((statement) => statement['Fn::If']?.[1] ?? statement);
}

scenario('cfn-lint finds nothing in the templates', async () => {
  assert.equal(lint(FILES), '');
});

scenario('cfn-lint finds mistakes that are planted', async (stage) => {
  const text = readFileSync(join(FOLDER, 'cross-account.yaml'), 'utf8');
  for (const [right, wrong] of [
    ['BisectBatchOnFunctionError', 'BisectBatchOnError'],
    ['AWS::SQS::Queue', 'AWS::SQS::Quee'],
    ['!GetAtt GivenUp.Arn', '!GetAtt GivenAway.Arn'],
  ]) {
    assert.ok(text.includes(right));
    const file = stage.path('planted.yaml');
    writeFileSync(file, text.replace(right, wrong));
    assert.notEqual(lint([file]), '', wrong);
  }
});

scenario('each template holds the handlers that it is for', async () => {
  const handlers = Object.entries(templates).map(([name, template]) => [
    name,
    functionsOf(template).map(({ Handler }) => Handler).sort(),
  ]);
  assert.deepEqual(Object.fromEntries(handlers), HANDLERS);
});

scenario('the cross-account template takes the parameters of the sample, and deploys as it does', async () => {
  const { Parameters, ...template } = templates['cross-account.yaml'];
  const theirs = ['TargetDynamoDBTable', 'TargetAccountNumber', 'TargetRoleName', 'TargetRegion'];
  theirs.push('MaximumRecordAgeInSeconds', 'SourceTableStreamARN');
  for (const name of theirs) assert.ok(Parameters[name], name);
  const needed = Object.keys(Parameters).filter((name) => Parameters[name].Default === undefined);
  const unknown = needed.filter((name) => !theirs.includes(name));
  assert.deepEqual(unknown, ['CodeBucket', 'CodeKey'], 'only the zip must be named besides');

  const [{ Timeout, Events, variables }] = functionsOf(template);
  assert.equal(Timeout, 900);
  const { BatchSize, StartingPosition, Enabled, MaximumRecordAgeInSeconds } = Events.Stream.Properties;
  assert.deepEqual({ BatchSize, StartingPosition }, { BatchSize: 1000, StartingPosition: 'TRIM_HORIZON' });
  assert.deepEqual(Enabled, { Ref: 'MappingEnabled' });
  assert.equal(Parameters.MappingEnabled.Default, 'false');
  assert.deepEqual(MaximumRecordAgeInSeconds, { Ref: 'MaximumRecordAgeInSeconds' });
  assert.deepEqual(
    ['TARGET_AWS_ACCOUNT_NUMBER', 'TARGET_ROLE_NAME', 'TARGET_DYNAMODB_NAME', 'TARGET_REGION'].map((v) => variables[v]),
    ['TargetAccountNumber', 'TargetRoleName', 'TargetDynamoDBTable', 'TargetRegion'].map((Ref) => ({ Ref })),
  );
});

scenario('the circular template takes the arguments of its stack, and deploys as it does', async () => {
  const { Parameters, ...template } = templates['circular.yaml'];
  // --source-stream --target-region --target-table; --region is that of the stack.
  const theirs = ['SourceStream', 'TargetRegion', 'TargetTable'];
  for (const name of theirs) assert.ok(Parameters[name], name);
  const needed = Object.keys(Parameters).filter((name) => Parameters[name].Default === undefined);
  assert.deepEqual(needed.filter((name) => !theirs.includes(name)), ['CodeBucket', 'CodeKey']);

  const [{ Timeout, MemorySize, Events, variables }] = functionsOf(template);
  assert.deepEqual({ Timeout, MemorySize }, { Timeout: 300, MemorySize: 512 });
  const { Stream, BatchSize, StartingPosition, Enabled } = Events.Stream.Properties;
  assert.deepEqual({ BatchSize, StartingPosition }, { BatchSize: 100, StartingPosition: 'LATEST' });
  assert.deepEqual([Stream, Enabled], [{ Ref: 'SourceStream' }, { Ref: 'MappingEnabled' }]);
  assert.equal(Parameters.MappingEnabled.Default, 'true');
  const given = [variables.TARGET_REGION, variables.TARGET_TABLE];
  assert.deepEqual(given, [{ Ref: 'TargetRegion' }, { Ref: 'TargetTable' }]);
});

scenario('no two functions of one stream write over one another\'s letters', async () => {
  for (const template of Object.values(templates)) {
    const places = functionsOf(template).map(({ variables }) => variables.DYNAMIRROR_DEAD_LETTERS['Fn::Sub']);
    assert.equal(new Set(places).size, places.length, String(places));
  }
});

scenario('every mapping reads the answer that its function gives, and tells what it gives up', async () => {
  assert.equal(allFunctions().length, Object.values(HANDLERS).flat().length);
  for (const { Handler, Architectures, Events, variables } of allFunctions()) {
    assert.deepEqual(Architectures, [{ Ref: 'Architecture' }], Handler);
    assert.equal(variables.DYNAMIRROR_ON_FAILURE, 'report', Handler);
    assert.match(variables.DYNAMIRROR_DEAD_LETTERS['Fn::Sub'], /^s3:\/\/\$\{DeadLetters\}\/letters/, Handler);
    const mapping = Events.Stream.Properties;
    assert.deepEqual(mapping.FunctionResponseTypes, ['ReportBatchItemFailures'], Handler);
    assert.equal(mapping.BisectBatchOnFunctionError, true, Handler);
    assert.ok(mapping.MaximumRetryAttempts && mapping.MaximumRecordAgeInSeconds, Handler);
    assert.equal(mapping.DestinationConfig.OnFailure.Type, 'SQS', Handler);
  }
});

// What CloudFormation makes of a variable, with some value for each parameter and every condition true.
function resolved(value) {
  const sample = { TargetAccountNumber: '123456789012', TurnoverRole: 'BEFORE', TurnoverAt: '1769860800000' };
  if (typeof value === 'string') return value;
  if (value['Fn::If']) return resolved(value['Fn::If'][1]);
  if (value['Fn::Sub']) return value['Fn::Sub'].replace('${DeadLetters}', 'letters');
  return sample[value.Ref] ?? (value.Ref.endsWith('Region') ? 'eu-west-1' : 'orders');
}

scenario('every function starts with its template\'s variables, and not without what it must have', async (stage) => {
  for (const { Handler, variables } of allFunctions()) {
    const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, resolved(value)]));
    const { runtime, process: running } = await startFunction(stage, { handler: Handler, env });
    assert.equal(runtime.initError, null, Handler);
    assert.equal(running.ended, undefined, running.lastWords());

    const needed = Object.keys(env).filter((name) => !/^DYNAMIRROR_|prefix$|region$/i.test(name));
    for (const name of needed) {
      const without = await startFunction(stage, { handler: Handler, env: { ...env, [name]: '' } });
      assert.ok(without.runtime.initError, `${Handler} does not read ${name}`);
    }
  }
});

scenario('no role may do more than it needs, or anything to everything', async () => {
  const actions = new Set(statements().flatMap(({ Action }) => Action));
  assert.deepEqual([...actions].sort(), [
    ...['BatchGetItem', 'BatchWriteItem', 'DeleteItem', 'DescribeStream', 'DescribeTable'].map((name) => `dynamodb:${name}`),
    ...['GetRecords', 'GetShardIterator', 'ListStreams', 'PutItem', 'Scan'].map((name) => `dynamodb:${name}`),
    ...['logs:CreateLogStream', 'logs:PutLogEvents', 's3:DeleteObject', 's3:GetObject'],
    ...['s3:ListBucket', 's3:ListBucketVersions', 's3:PutObject', 'sqs:SendMessage', 'sts:AssumeRole'],
  ]);
  for (const { Resource } of statements()) assert.ok(Resource && Resource !== '*');
});

scenario('the container file copies the bundle to where it starts it', async () => {
  const lines = readFileSync(join(FOLDER, 'Containerfile'), 'utf8').split('\n').filter((line) => /^[^#]/.test(line));
  const words = lines.map((line) => line.split(' ')[0]);
  assert.deepEqual(words, ['ARG', 'FROM', 'COPY', 'WORKDIR', 'ENTRYPOINT', 'CMD']);
  const folder = /^COPY \. (\S+)\/$/.exec(lines[2])[1];
  assert.deepEqual(JSON.parse(lines[4].slice('ENTRYPOINT '.length)), [`${folder}/bootstrap`]);
  assert.equal(JSON.parse(lines[5].slice('CMD '.length)).length, 1);
});
