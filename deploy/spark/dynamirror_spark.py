#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole tables on Spark: the segments of a dynamirror command are handed out to executors, each of which runs the binary.

    spark-submit dynamirror_spark.py [--binary FILE] [--at-once K] [--segments N] COMMAND ARGUMENTS...

COMMAND is copy-table, diff-tables, backup-table or restore-table; ARGUMENTS are the binary's own. As a Glue job it takes
the parameters of the cross-account sample instead. What it does and promises: docs/spark.md. Needs Python 3.7.
"""
import argparse
import collections
import ctypes
import functools
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

from pyspark import SparkConf, SparkContext, SparkFiles, TaskContext

# Exit codes of the binary, docs/exit-codes.md.
USAGE, STOPPED_EARLY = 2, 10
WORTH_ANOTHER_TRY = {5, 8, 10, 70}

MOST_LINES = 10_000  # of what a comparison finds, from one segment; more are counted only
SEGMENTS_A_SLOT = 4  # so that slots that are done early find more to do

# `first` and `each`: what the steps before the segments and the segments themselves are given besides; `fine`: exit codes
# of a segment that is done; `units`: which figures of a summary a budget is about.
Command = collections.namedtuple("Command", "first each fine units")
COMMANDS = {
    "copy-table": Command(["--prepare-only"], ["--overwrite", "--on-error", "stop"], {0}, {
        "--max-read-units": ["consumed_read_units"], "--max-write-units": ["consumed_write_units"]}),
    "diff-tables": Command(None, [], {0, 1}, {
        "--max-read-units": ["primary_read_units", "replica_read_units"], "--max-write-units": ["write_units"]}),
    "backup-table": Command(None, [], {0}, {"--max-read-units": ["consumed_read_units"]}),
    "restore-table": Command(["--prepare-only"], ["--overwrite"], {0}, {"--max-write-units": ["consumed_write_units"]}),
}
# What this driver decides, and what would stay on an executor's disk.
NOT_FOR_SPARK = ["--segment", "--segments", "--lease-table", "--lease-segments", "--sample", "--state", "--dead-letter",
                 "--output"]


class Refusal(Exception):
    """A command line that cannot be carried out."""


# ---- the command line


def parse(words):
    """The job that the words of a command line ask for: a dictionary, since executors are sent it."""
    if any(word in GLUE_NAMES for word in words):
        words = words_of_glue(words)
    parser = argparse.ArgumentParser(prog="dynamirror_spark.py", usage=__doc__.split("\n\n")[1].strip())
    parser.add_argument("--binary", default="dynamirror")
    parser.add_argument("--at-once", type=int, default=0)
    parser.add_argument("--segments", type=int, default=0)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    job = vars(parser.parse_args(words))
    job["budgets"] = {}
    for option in COMMANDS[job["command"]].units:
        budget = take(job["arguments"], option)
        if budget is not None:
            job["budgets"][option] = units(option, budget)
    for option in NOT_FOR_SPARK:
        if any(word.split("=")[0] == option for word in job["arguments"]):
            raise Refusal(f"{option} cannot be given to {job['command']} on Spark; see docs/spark.md")
    if job["command"] == "copy-table" and take(job["arguments"], "--on-error") not in (None, "stop"):
        raise Refusal("--on-error dead-letter: the file would stay on an executor; leave it out")
    if job["command"] == "backup-table":
        job["arguments"] += ["--jobid", take(job["arguments"], "--jobid") or secrets.token_hex(8)]
        metric = take(job["arguments"], "--metric")
        job["last"] = ["--metric", metric] if metric else []  # of the whole dump
    return job


def take(words, option):
    """Takes an option out of the words, and answers its value; None when it is not there."""
    for i, word in enumerate(words):
        if word.startswith(option + "="):
            return words.pop(i)[len(option) + 1:]
        if word == option and i + 1 < len(words):
            value = words[i + 1]
            del words[i:i + 2]
            return value
    return None


def units(option, text):
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise Refusal(f'{option}: "{text}" is no number above 0, such as 500 or 0.5')
    return number


# ---- as a Glue job

SAMPLE_NAMES = ["--TARGET_DYNAMODB_NAME", "--TARGET_AWS_ACCOUNT_NUMBER", "--TARGET_ROLE_NAME", "--TARGET_REGION",
                "--SOURCE_DYNAMODB_NAME"]
SIZE_NAMES = ["--WORKER_TYPE", "--NUM_WORKERS"]
OWN_NAMES = ["--BINARY", "--ARGUMENTS"]
GLUE_NAMES = SAMPLE_NAMES + SIZE_NAMES + OWN_NAMES


def words_of_glue(words):
    """A job's parameters, as words of our own. Glue puts many of its own among them, some as a value alone."""
    given = {name: take(words, name) for name in GLUE_NAMES}
    if words:
        print("dynamirror_spark: parameters of Glue, not used: " + " ".join(words), file=sys.stderr)
    line = ["--binary", given["--BINARY"] or "dynamirror"]
    if given["--NUM_WORKERS"]:
        at_once, segments = sizes(given["--WORKER_TYPE"], given["--NUM_WORKERS"])
        line += ["--at-once", str(at_once), "--segments", str(segments)]
    if any(given[name] for name in SAMPLE_NAMES):
        missing = [name for name in SAMPLE_NAMES if not given[name]]
        if missing:
            raise Refusal("parameters are missing: " + ", ".join(missing))
        table, account, role, region, source = (given[name] for name in SAMPLE_NAMES)
        line += ["copy-table", f"{home_region()}/{source}", f"{region}/{table}"]
        line += ["--target-role-arn", f"arn:{partition(region)}:iam::{account}:role/{role}"]
    return line + shlex.split(given["--ARGUMENTS"] or "")


def sizes(worker_type, workers):
    """How many segments at once, and in all, as the sample cuts its scan. One worker is the driver's."""
    try:
        executors = int(workers) - 1
    except ValueError:
        executors = 0
    if executors < 1:
        raise Refusal(f'--NUM_WORKERS: "{workers}" is no number of 2 or more, one of which is the driver')
    if worker_type == "Standard":
        return 4 * (2 * executors - 1), 4 * (2 * executors - 1)
    cores = 8 if worker_type == "G.2X" else 4
    return cores * executors, 2 * cores * executors


def home_region():
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        import boto3  # Glue's Python has it, and there it knows

        region = boto3.session.Session().region_name
    if not region:
        raise Refusal("the source's region is not known; set AWS_REGION")
    return region


def partition(region):
    for beginning in ("cn", "us-gov"):
        if region.startswith(beginning + "-"):
            return "aws-" + beginning
    return "aws"


# ---- one run of the binary, on an executor or beside the driver


def unpacked(name):
    """The program to start: the file that was shipped, or the `bootstrap` of a zip, unpacked once on each executor."""
    shipped = SparkFiles.get(name)
    if not name.endswith(".zip"):
        return shipped
    folder = shipped + ".unpacked"
    if not os.path.isdir(folder):
        fresh = tempfile.mkdtemp(dir=SparkFiles.getRootDirectory())
        with zipfile.ZipFile(shipped) as bundle:
            bundle.extractall(fresh)
            for member in bundle.infolist():
                os.chmod(os.path.join(fresh, member.filename), (member.external_attr >> 16) & 0o777)
        try:
            os.rename(fresh, folder)
        except OSError:  # another task was first
            shutil.rmtree(fresh)
    return os.path.join(folder, "bootstrap")


def tied_to(parent):
    """For a child before it becomes the binary: the kernel kills it when its parent dies. Without this the binary of an
    executor that was killed would go on beside the one that takes its place."""
    prctl = ctypes.CDLL(None).prctl
    pr_set_pdeathsig = 1

    def tie():
        prctl(pr_set_pdeathsig, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return tie


def run_binary(job, words):
    """Answers the exit code, the summary (the last line), the lines before it, and how many more there were."""
    folder = tempfile.mkdtemp(prefix="dynamirror-", dir=SparkFiles.getRootDirectory())
    line = [unpacked(os.path.basename(job["binary"])), job["command"], *job["arguments"], *words, "--output", "json"]
    if "--state" in words:
        line[line.index("--state") + 1] = os.path.join(folder, "state")
    try:
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, universal_newlines=True,
                                   preexec_fn=tied_to(os.getpid()))
        lines, more, last = [], 0, ""
        for text in process.stdout:
            if last and len(lines) < MOST_LINES:
                lines.append(last)
            elif last:
                more += 1
            last = text.rstrip("\n")
        code = process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return code, json.loads(last or "{}"), lines, more


def run_segment(job, segment):
    """On an executor. Raises for what another try may mend: Spark starts the task again, here or elsewhere."""
    command = COMMANDS[job["command"]]
    words = [word for word in command.each if word not in job["arguments"]]
    words += ["--segment", str(segment), "--segments", str(job["segments"])]
    words += ["--state", ""] if job["command"] == "copy-table" else []
    for option, budget in job["budgets"].items():
        words += [option, repr(budget / job["at_once"])]
    begun = time.monotonic()
    code, summary, lines, more = run_binary(job, words)
    if code not in command.fine and (code < 0 or code in WORTH_ANOTHER_TRY):
        raise RuntimeError(f"segment {segment} ended with exit code {code}: {summary.get('error')}")
    return {"code": code, "summary": summary, "lines": lines, "more": more, "seconds": time.monotonic() - begun,
            "tries": TaskContext.get().attemptNumber()}


# ---- the driver


class Slots:
    """As many threads as segments may run at once, each with its share of the budgets for as long as the job lasts. Spark
    sees one job of one task at a time from each, so that no more segments than slots are ever live, whatever executors
    come and go, and tries each task again as `spark.task.maxFailures` says."""

    def __init__(self, context, job):
        self.context, self.job = context, job
        self.waiting = collections.deque(range(job["segments"]))
        self.lock = threading.Lock()
        self.failed = threading.Event()
        self.failure = None  # (exit code, line) of the first segment that failed
        self.total = {}
        self.done = self.tries = self.more = 0

    def run(self):
        threads = [threading.Thread(target=self.slot, daemon=True) for _ in range(self.job["at_once"])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def slot(self):
        while not self.failed.is_set():
            with self.lock:
                if not self.waiting:
                    return
                segment = self.waiting.popleft()
            try:
                work = functools.partial(run_segment, self.job)
                result = self.context.parallelize([segment], 1).map(work).collect()[0]
            except Exception as error:  # Spark has given the task up, or was told to
                self.fail(*told_by(error), segment)
                return
            if not self.accept(result, segment):
                return
            self.failed.wait(self.overdrawn(result))

    def overdrawn(self, result):
        """Seconds until what a segment has consumed is within its share. A budget lets a process begin with a burst, and
        pays for it as it goes on; one that ends before that would leave the next one to begin with another."""
        figures = COMMANDS[self.job["command"]].units
        used = {option: max(result["summary"].get(figure, 0) for figure in figures[option]) for option in figures}
        shares = {option: budget / self.job["at_once"] for option, budget in self.job["budgets"].items()}
        return max([used[option] / share - result["seconds"] for option, share in shares.items()] + [0])

    def accept(self, result, segment):
        if result["code"] not in COMMANDS[self.job["command"]].fine:
            self.fail(result["code"], result["summary"].get("error"), segment)
            return False
        with self.lock:
            print("".join(line + "\n" for line in result["lines"]), end="", flush=True)
            self.done += 1
            self.tries += result["tries"]
            self.more += result["more"]
            add(self.total, result["summary"])
            print(f"dynamirror_spark: {self.done} of {self.job['segments']} segments done", file=sys.stderr, flush=True)
        return True

    def fail(self, code, line, segment):
        with self.lock:
            if self.failure:
                return
            self.failure = (code or STOPPED_EARLY, f"segment {segment} of {self.job['segments']}: {line}")
            self.failed.set()
        self.context.cancelAllJobs()  # what the others have begun is worth nothing without this one


def told_by(error):
    """What Spark says of a task that it has given up: the binary's exit code and words, or what became of the executor."""
    found = re.search(r"segment \d+ (ended with exit code (-?\d+): .*)", str(error))
    if found:
        return max(int(found[2]), 0), found[1]
    lines = [line.strip() for line in str(error).split("\n") if "Exception" in line]
    return 0, lines[0] if lines else str(error)


def add(total, summary):
    """Adds what a segment came to: numbers are summed, lists joined; what differs otherwise says nothing of the whole."""
    for name, value in summary.items():
        if name not in total:
            total[name] = value
        elif name == "exit_code":
            total[name] = max(total[name], value)
        elif value is None or isinstance(value, (bool, str)):
            total[name] = value if total[name] == value else None
        else:
            total[name] = round(total[name] + value, 3) if isinstance(value, float) else total[name] + value


def end(summary, begun, **more):
    summary.update(more, duration_seconds=round(time.monotonic() - begun, 3))
    print(json.dumps(summary), flush=True)
    if summary.get("error"):
        print("dynamirror_spark: " + summary["error"], file=sys.stderr)
    return summary["exit_code"]


def run(context, job):
    """Carries the job out; prints what was found, and the sums of all segments last. Answers the exit code."""
    begun = time.monotonic()
    context.addFile(job["binary"])
    job["at_once"] = job["at_once"] or context.defaultParallelism
    job["segments"] = job["segments"] or SEGMENTS_A_SLOT * job["at_once"]
    job["at_once"] = min(job["at_once"], job["segments"])
    command = COMMANDS[job["command"]]
    if "--dry-run" in job["arguments"] and "--repair" not in job["arguments"]:
        code, summary, _, _ = run_binary(job, [])
        return end(summary, begun, exit_code=code)
    if command.first:
        code, summary, _, _ = run_binary(job, command.first)
        if code != 0:
            return end(summary, begun, exit_code=code)
    slots = Slots(context, job)
    slots.run()
    code, error = slots.failure or (slots.total.get("exit_code", 0), None)
    if not error and "last" in job:
        code, summary, _, _ = run_binary(job, ["--join-segments", str(job["segments"]), *job["last"]])
        error = summary.get("error")
        slots.total["object"] = summary.get("object")
    spark = {"segments": job["segments"], "segments_done": slots.done, "at_once": job["at_once"],
             "done_again": slots.tries, "lines_left_out": slots.more}
    return end(slots.total, begun, spark=spark, exit_code=code, error=error)


def main(words):
    try:
        job = parse(words)
    except Refusal as refusal:
        print(f"dynamirror_spark: {refusal}", file=sys.stderr)
        return USAGE
    # Two copies of one segment at once would take twice its share, and disturb each other's dump.
    return run(SparkContext.getOrCreate(SparkConf().set("spark.speculation", "false")), job)


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    if exit_code:
        sys.exit(exit_code)
