// SPDX-License-Identifier: Apache-2.0
// Spark with executors that are processes of their own, and the command lines of our driver in it.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { installPackages, runOrThrow } from './python_packages.mjs';
import { LOCAL_KEYS, ROOT } from './stage.mjs';

export const DRIVER = join(ROOT, 'deploy', 'spark', 'dynamirror_spark.py');
const START_SECONDS = 120;

// Resolves to the environment's `bin` folder.
export function installSpark() {
  return join(installPackages('spark', { sources: true }), 'bin');
}

export function sparkEnvironment(bin, stage) {
  return {
    ...LOCAL_KEYS,
    PYSPARK_PYTHON: join(bin, 'python'),
    SPARK_LOCAL_IP: '127.0.0.1',
    JDK_JAVA_OPTIONS: '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC', // three JVMs that live for a minute
    SPARK_LOCAL_DIRS: stage.path('spark'),
    SPARK_WORKER_DIR: stage.path('spark-work'),
  };
}

// Two executors of one core. Their loss is noticed at once, and they are replaced by new ones.
export const SUBMIT = ['--master', 'local-cluster[2,1,1024]', '--conf', 'spark.ui.enabled=false'];

export class SparkSession {
  constructor(stage) {
    const bin = installSpark();
    const env = { ...sparkEnvironment(bin, stage), PYSPARK_SUBMIT_ARGS: [...SUBMIT, 'pyspark-shell'].join(' ') };
    const script = join(ROOT, 'tests', 'e2e', 'support', 'spark_session.py');
    this.process = stage.start('spark', join(bin, 'python'), [script, DRIVER], { env, input: true });
    this.begin_ = 0;
  }

  // Starts a command line. `ended` of what it returns resolves to {code, lines, summary}; `said()` is its standard error.
  start(words, seconds = START_SECONDS) {
    const [out, err] = [this.process.stdout.length, this.process.stderr.length];
    this.process.child.stdin.write(`${JSON.stringify(words)}\n`);
    const ended = this.process
      .waitUntil((self) => /^\{"ended": \d+\}$/m.test(self.stdout.slice(out)), seconds, `end of ${words.join(' ')}`)
      .then(() => {
        const lines = this.process.stdout.slice(out).trimEnd().split('\n').map((line) => JSON.parse(line));
        const { ended: code } = lines.pop();
        return { code, summary: lines.pop(), lines };
      });
    return { ended, said: () => this.process.stderr.slice(err) };
  }

  run(words, seconds) {
    return this.start(words, seconds).ended;
  }
}

// All processes: [{pid, parent, words}].
function processes() {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const parent = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[1]);
      return [{ pid: Number(pid), parent, words: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0') }];
    } catch {
      return []; // it ended meanwhile
    }
  });
}

// Whether the process is there, and not one that only waits for its parent to take note of its end.
export function isRunning(pid) {
  return processes().some((process) => process.pid === pid && process.words.join('') !== '');
}

// Below the process `root`: the binaries that work on a segment, as {binary, words, worker, executor}: worker is the
// Python process that runs it for its executor.
export function liveSegments(root) {
  const all = new Map(processes().map((process) => [process.pid, process]));
  const ancestors = (process) => {
    const chain = [];
    for (let next = process; next && !chain.includes(next); next = all.get(next.parent)) chain.push(next);
    return chain;
  };
  return [...all.values()].filter(({ words }) => words.includes('--segment')).flatMap(({ pid, parent, words }) => {
    const chain = ancestors(all.get(pid));
    const executor = chain.find((process) => process.words.some((word) => word.endsWith('ExecutorBackend')));
    const ours = executor && chain.some((process) => process.pid === root);
    return ours ? [{ binary: pid, words, worker: parent, executor: executor.pid }] : [];
  });
}

// Calls `one(*case)` for each case, a Python function that is given as text and may use the driver.
export function inPython(one, cases) {
  const code = `import json, os, sys, dynamirror_spark as driver
${one}
print(json.dumps([one(*case) for case in json.loads(sys.argv[1])]))`;
  const options = { cwd: dirname(DRIVER), env: { PATH: process.env.PATH, PYTHONDONTWRITEBYTECODE: '1' } };
  return JSON.parse(runOrThrow(join(installSpark(), 'python'), ['-c', code, JSON.stringify(cases)], options));
}

// What the driver would do for each [words, environment]: a job, or its refusal.
export const parseAll = (cases) =>
  inPython(
    `def one(words, env={}):
    os.environ.update(env)
    try: return driver.parse(words)
    except driver.Refusal as refusal: return {"refused": str(refusal)}`,
    cases,
  );
