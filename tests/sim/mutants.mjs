#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Shows that the simulations can fail: applies each mistake of tests/sim/mutants/*.patch to a copy of the sources below
// build/mutants, builds the simulation that runs this code, and expects it to report a violation.
//
// A patch begins with lines of its own: a sentence that says what the mistake does, and
//   Program: sim | lease_sim | segment_sim | multimaster_sim    which simulation is to find it
//   Expect: REGULAR EXPRESSION    what it is to report
// A patch that does not apply any more is an error: bring it in step with the code.
//
// usage: mutants.mjs [--seeds N] [NAME ...]    default: 1000 seeds, all patches
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const COPY = join(ROOT, 'build', 'mutants');
const TREE = join(COPY, 'tree');
const BUILD = join(TREE, 'build', 'release'); // where ccache finds what the tree itself has compiled
const PATCHES = join(ROOT, 'tests', 'sim', 'mutants');
const COPIED = ['src', 'tests', 'cmake', 'CMakeLists.txt'];

function filesBelow(root, path) {
  const entries = existsSync(join(root, path)) ? readdirSync(join(root, path), { withFileTypes: true }) : [];
  return entries.flatMap((entry) => {
    const below = join(path, entry.name);
    if (entry.name === 'node_modules') return [];
    return entry.isDirectory() ? filesBelow(root, below) : [below];
  });
}

const listAll = (root) => COPIED.flatMap((path) => (path.includes('.') ? [path] : filesBelow(root, path)));

// Copies what differs, and only that: what is the same keeps its time, so that it is not compiled again.
function bringInStep() {
  const wanted = new Set(listAll(ROOT));
  for (const file of listAll(TREE)) if (!wanted.has(file)) rmSync(join(TREE, file), { force: true });
  for (const file of wanted) {
    const [from, to] = [join(ROOT, file), join(TREE, file)];
    if (existsSync(to) && readFileSync(from).equals(readFileSync(to))) continue;
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to);
    const now = new Date();
    utimesSync(to, now, now);
  }
}

function build(program) {
  const jobs = process.env.DYNAMIRROR_JOBS ?? String(availableParallelism());
  const built = spawnSync('cmake', ['--build', BUILD, '--parallel', jobs, '--target', program], { encoding: 'utf8' });
  return built.status === 0 ? undefined : built.stdout.slice(-3000);
}

function configure() {
  const options = ['-DCMAKE_BUILD_TYPE=Release', '-DDYNAMIRROR_BENCH=OFF', '-DDYNAMIRROR_BATCHES=OFF'];
  execFileSync('cmake', ['-S', TREE, '-B', BUILD, '-G', 'Ninja', ...options], { stdio: ['ignore', 'ignore', 'inherit'] });
}

function readPatch(name) {
  const text = readFileSync(join(PATCHES, name), 'utf8');
  const field = (word) => new RegExp(`^${word}: (.*)$`, 'm').exec(text)?.[1];
  const patch = { name: name.replace(/\.patch$/, ''), text, program: field('Program'), expect: field('Expect') };
  if (!patch.program || !patch.expect) throw new Error(`${name}: it must say "Program:" and "Expect:"`);
  return patch;
}

// Returns why the mistake was not found as it should be, or nothing.
function tryOut({ text, program, expect }, seeds) {
  const applied = spawnSync('git', ['apply', '--unidiff-zero', '-'], { cwd: TREE, input: text, encoding: 'utf8', env: OUTSIDE_GIT });
  if (applied.status !== 0) return `does not apply any more: ${applied.stderr.trim()}`;
  const trouble = build(program);
  if (trouble) return `does not compile:\n${trouble}`;
  const environment = { ...process.env, DYNAMIRROR_SIM_SEEDS: String(seeds) };
  const ran = spawnSync(join(BUILD, 'tests', program), [], { encoding: 'utf8', env: environment, maxBuffer: 1 << 28 });
  const said = ran.stdout + ran.stderr;
  if (ran.status === 0) return `was not noticed in ${seeds} seeds`;
  const report = new RegExp(`^.*(${expect}).*$`, 'm').exec(said);
  if (!report) return `was noticed, but not by "${expect}":\n${said.slice(-1500)}`;
  console.log(`  ${/--seed (\d+)/.exec(said)?.[0] ?? 'an assertion'}: ${report[0]}`);
  return undefined;
}

// The copy lies inside a work tree of git, which `git apply` would take for its own.
const OUTSIDE_GIT = { ...process.env, GIT_CEILING_DIRECTORIES: COPY };

function main(words) {
  let seeds = 1000;
  const at = words.indexOf('--seeds');
  if (at >= 0) seeds = Number(words.splice(at, 2)[1]);
  const all = readdirSync(PATCHES).filter((name) => name.endsWith('.patch')).sort();
  const names = all.filter((name) => words.length === 0 || words.includes(name.replace(/\.patch$/, '')));
  if (!(seeds > 0) || names.length === 0) throw new Error('usage: mutants.mjs [--seeds N] [NAME ...]');
  mkdirSync(TREE, { recursive: true });
  bringInStep();
  configure();
  let missed = 0;
  for (const patch of names.map(readPatch)) {
    console.log(`${patch.name}: ${patch.text.split('\n')[0]}`);
    const why = tryOut(patch, seeds);
    if (why) {
      missed += 1;
      console.log(`  FAILED: ${why}`);
    }
    bringInStep();
  }
  console.log(`${names.length - missed} of ${names.length} mistakes found`);
  return missed === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
