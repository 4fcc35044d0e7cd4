# SPDX-License-Identifier: Apache-2.0
"""Lambda's runtime for Python, as small as it can be: MODULE.FUNCTION of _HANDLER answers events."""
import http.client
import importlib
import json
import os

BASE = "/2018-06-01/runtime/invocation/"

module, function = os.environ["_HANDLER"].split(".")
handler = getattr(importlib.import_module(module), function)
interface = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    interface.request("GET", BASE + "next")
    event = interface.getresponse()
    request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
    answer = json.dumps(handler(json.loads(event.read()), None))
    headers = {"content-type": "application/json"}
    interface.request("POST", BASE + request_id + "/response", answer, headers)
    interface.getresponse().read()
