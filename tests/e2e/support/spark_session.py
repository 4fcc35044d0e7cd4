# SPDX-License-Identifier: Apache-2.0
"""One Spark application for many command lines, since Spark takes long to start. usage: spark_session.py DRIVER

Reads a JSON array of words a line, runs the driver with them as the script that spark-submit starts, and prints
{"ended":CODE} behind what that has printed.
"""
import json
import runpy
import sys

from pyspark import SparkConf, SparkContext

SparkContext(conf=SparkConf())
driver = sys.argv[1]
for line in sys.stdin:
    sys.argv = [driver, *json.loads(line)]
    try:
        runpy.run_path(driver, run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code
    print(json.dumps({"ended": code}), flush=True)
