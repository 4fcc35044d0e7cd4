# SPDX-License-Identifier: Apache-2.0
"""What the cross-account sample's function does, by its behaviour: assumes its role for every event, and writes one change
after the other."""
import os

import boto3

role = f"arn:aws:iam::{os.environ['TARGET_AWS_ACCOUNT_NUMBER']}:role/{os.environ['TARGET_ROLE_NAME']}"
table = os.environ["TARGET_DYNAMODB_NAME"]
sts = boto3.client("sts")


def lambda_handler(event, context):
    keys = sts.assume_role(RoleArn=role, RoleSessionName="replay")["Credentials"]
    dynamodb = boto3.client(
        "dynamodb",
        region_name=os.environ["TARGET_REGION"],
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    for record in event["Records"]:
        change = record["dynamodb"]
        if record["eventName"] == "REMOVE":
            dynamodb.delete_item(TableName=table, Key=change["Keys"])
        else:
            dynamodb.put_item(TableName=table, Item=change["NewImage"])
