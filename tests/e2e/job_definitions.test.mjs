// SPDX-License-Identifier: Apache-2.0
// Goal: the job definitions of deploy/spark, deploy/batch and deploy/kubernetes are taken by the services that they are
// for, and copy a table.
// Method: cfn-lint and kubernetes-validate, offline; then what a definition starts is started here, once for each index,
// with the variables that the service would give it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before } from 'node:test';
import { installCfnLint, lint, readTemplate } from './support/cfn_lint.mjs';
import { installPackages, run, runOrThrow } from './support/python_packages.mjs';
import { parseAll } from './support/spark.mjs';
import { ROOT, LOCAL_KEYS, scenario, shared } from './support/stage.mjs';
import { createTable } from './support/tables.mjs';

const GLUE = join(ROOT, 'deploy', 'spark', 'glue.yaml');
const BATCH = join(ROOT, 'deploy', 'batch', 'segments.yaml');
const PREPARE = join(ROOT, 'deploy', 'kubernetes', 'prepare.yaml');
const SEGMENTS = join(ROOT, 'deploy', 'kubernetes', 'segments.yaml');
const WORTH_ANOTHER_TRY = [5, 8, 10, 70]; // docs/exit-codes.md

let kubernetes;
let templates;
before(() => {
  installCfnLint();
  templates = Object.fromEntries([GLUE, BATCH].map((file) => [file, readTemplate(file)]));
  kubernetes = join(installPackages('kubernetes_validate'), 'bin');
});
const server = shared('job definitions', (stage) => stage.dynamoDbLocal());

function readYaml(file) {
  const code = 'import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))';
  return JSON.parse(runOrThrow(join(kubernetes, 'python'), ['-c', code, file]));
}

const validate = (file) => run(join(kubernetes, 'kubernetes-validate'), ['--strict', file]);

scenario('the checkers find nothing, and find mistakes that are planted', async (stage) => {
  assert.equal(lint([GLUE, BATCH]), '');
  for (const file of [PREPARE, SEGMENTS]) assert.equal(validate(file).status, 0, validate(file).text);
  const planted = stage.path('planted.yaml');
  for (const [file, right, wrong, finds] of [
    [GLUE, 'NumberOfWorkers: !Ref', 'NumberOfWorker: !Ref', () => lint([planted]) !== ''],
    [BATCH, 'EvaluateOnExit', 'EvaluateAtExit', () => lint([planted]) !== ''],
    [SEGMENTS, 'backoffLimitPerIndex', 'backoffLimitForIndex', () => validate(planted).status !== 0],
    [SEGMENTS, 'completions: 16', 'completions: many', () => validate(planted).status !== 0],
  ]) {
    const text = readFileSync(file, 'utf8');
    assert.ok(text.includes(right));
    writeFileSync(planted, text.replace(right, wrong));
    assert.ok(finds(), wrong);
  }
});

const resourcesOf = (template, type) => Object.values(template.Resources).filter(({ Type }) => Type === type);

scenario('the Glue job takes the parameters of the sample by name, and hands them to the driver as the sample does', async () => {
  const template = templates[GLUE];
  const theirs = ['TargetDynamoDBTable', 'TargetAccountNumber', 'TargetRoleName', 'TargetRegion', 'SourceDynamoDBTable'];
  theirs.push('WorkerType', 'NumberOfWorkers', 'JobName');
  for (const name of theirs) assert.ok(template.Parameters[name], name);
  assert.deepEqual(template.Parameters.WorkerType.AllowedValues, ['Standard', 'G.1X', 'G.2X']);
  const needed = Object.keys(template.Parameters).filter((name) => template.Parameters[name].Default === undefined);
  const besides = needed.filter((name) => !theirs.includes(name));
  assert.deepEqual(besides, ['CodeBucket', 'CodeKey', 'ScriptKey'], 'only the code must be named besides');

  const [{ Properties }] = resourcesOf(template, 'AWS::Glue::Job');
  assert.deepEqual(
    [Properties.Name, Properties.WorkerType, Properties.NumberOfWorkers],
    [{ Ref: 'JobName' }, { Ref: 'WorkerType' }, { Ref: 'NumberOfWorkers' }],
  );
  const given = {
    TargetDynamoDBTable: 'Replica',
    TargetAccountNumber: '111122223333',
    TargetRoleName: 'loader',
    TargetRegion: 'us-east-1',
    SourceDynamoDBTable: 'Orders',
    WorkerType: 'G.2X',
    NumberOfWorkers: '3',
    Arguments: '--max-write-units 400',
  };
  const resolved = (value) => value['Fn::If']?.[1].Ref ?? value.Ref;
  const words = Object.entries(Properties.DefaultArguments).flatMap(([name, value]) => [
    name,
    typeof value === 'string' ? value : given[resolved(value)] ?? value['Fn::Sub'],
  ]);
  const [job] = parseAll([[words, { AWS_REGION: 'eu-west-1' }]]);
  assert.deepEqual(job, {
    binary: 's3://${CodeBucket}/${CodeKey}',
    at_once: 16,
    segments: 32,
    command: 'copy-table',
    arguments: ['eu-west-1/Orders', 'us-east-1/Replica', '--target-role-arn', 'arn:aws:iam::111122223333:role/loader'],
    budgets: { '--max-write-units': 400 },
  });
});

scenario('no role may do more than it needs, or anything to everything', async () => {
  const allowed = (file) =>
    resourcesOf(templates[file], 'AWS::IAM::Role')
      .flatMap(({ Properties }) => Properties.Policies ?? [])
      .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
      .flatMap((statement) => (statement['Fn::If'] ? statement['Fn::If'].slice(1) : [statement]));
  for (const file of [GLUE, BATCH]) for (const { Resource } of allowed(file)) assert.ok(Resource && Resource !== '*');
  const actions = (file) => [...new Set(allowed(file).flatMap(({ Action }) => Action))].sort();
  assert.deepEqual(actions(GLUE), [
    ...['dynamodb:DescribeTable', 'dynamodb:Scan', 'logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
    ...['s3:GetObject', 'sts:AssumeRole'],
  ]);
  assert.deepEqual(actions(BATCH), [
    ...['BatchWriteItem', 'CreateTable', 'DescribeTable', 'PutItem', 'Scan'].map((name) => `dynamodb:${name}`),
    'sts:AssumeRole',
  ]);
});

async function filledTable(stage, name) {
  const source = `${server()}/${name}`;
  await createTable(source, 'id:S', { view: null });
  await stage.runTool('workload', ['--target', source, '--changes', '300', '--keys', '150', '--batch', '25', '--seed', '3']);
  return source;
}

// Runs the command once for each index, a process with a folder for its state in the place of /state.
async function runAll(stage, words, count, environmentOf) {
  const runs = Array.from({ length: count }, async (_, index) => {
    const args = words.map((word) => word.replace('/state/', `${stage.path(`state-${index}`)}/`));
    const ended = await stage.run(args, { env: { ...LOCAL_KEYS, ...environmentOf(`${index}`) } });
    assert.deepEqual(ended.ended, { code: 0, signal: null }, ended.lastWords());
    return ended.json();
  });
  return (await Promise.all(runs)).reduce((sum, { written }) => sum + written, 0);
}

async function assertEqual(stage, source, target) {
  const result = await stage.runTool('compare', ['--source', source, '--target', target], { accept: [0, 1] });
  assert.equal(result.differences, 0, JSON.stringify(result));
  return result.source_items;
}

scenario('the Kubernetes jobs copy a table, and tell failures apart', async (stage) => {
  const source = await filledTable(stage, 'KubernetesSource');
  const target = `${server()}/KubernetesTarget`;
  const wordsOf = (job) => {
    const [container] = job.spec.template.spec.containers;
    return container.args.map((word) => ({ 'eu-west-1/Orders': source, 'us-east-1/Orders': target })[word] ?? word);
  };
  const prepared = await stage.run(wordsOf(readYaml(PREPARE)));
  assert.equal(prepared.ended.code, 0, prepared.lastWords());

  const job = readYaml(SEGMENTS);
  const { spec } = job;
  const [container] = spec.template.spec.containers;
  const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
  assert.equal(Number(env.JOB_COMPLETIONS), spec.completions);
  const written = await runAll(stage, wordsOf(job), spec.completions, (JOB_COMPLETION_INDEX) => ({ ...env, JOB_COMPLETION_INDEX }));
  assert.equal(written, await assertEqual(stage, source, target));

  const { onExitCodes } = spec.podFailurePolicy.rules.find(({ action }) => action === 'FailJob');
  assert.equal(onExitCodes.containerName, container.name);
  assert.equal(onExitCodes.operator, 'NotIn');
  assert.deepEqual(onExitCodes.values, [...WORTH_ANOTHER_TRY, 128 + 9]);
  assert.equal(spec.template.spec.restartPolicy, 'Never', 'the policy asks for it');
});

scenario('the Batch array job copies a table, and tells failures apart', async (stage) => {
  const source = await filledTable(stage, 'BatchSource');
  const target = `${server()}/BatchTarget`;
  const [{ Properties }] = resourcesOf(templates[BATCH], 'AWS::Batch::JobDefinition');
  const [separator, { 'Fn::Sub': [text, { Role }] }] = Properties.ContainerProperties.Command['Fn::Split'];
  const given = { SourceTableArn: source, TargetTableArn: target, MaxReadUnits: '1000', MaxWriteUnits: '750', Role: '' };
  const line = text.replace(/\$\{(\w+)\}/g, (_, name) => given[name]);
  const words = line.split(separator);
  const prepared = await stage.run([...words.slice(0, 3), '--create-target', '--prepare-only']);
  assert.equal(prepared.ended.code, 0, prepared.lastWords());
  const written = await runAll(stage, words, 5, (index) => ({ AWS_BATCH_JOB_ARRAY_INDEX: index, AWS_BATCH_JOB_ARRAY_SIZE: '5' }));
  assert.equal(written, await assertEqual(stage, source, target));

  assert.equal(Role['Fn::If'][1]['Fn::Sub'], ' --target-role-arn=${TargetRoleArn}');
  const again = Properties.RetryStrategy.EvaluateOnExit.map(({ Action, OnExitCode }) => [Action, OnExitCode]);
  assert.deepEqual(again, [...WORTH_ANOTHER_TRY.map((code) => ['RETRY', `${code}`]), ['EXIT', '*']]);
});
