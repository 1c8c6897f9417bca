"""SNS topics with who is subscribed, and SQS queues; who may send to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ops.aws import Aws
from ops.verify.readers.registry import Properties, kind, pick
from ops.verify.resource import Resource
from ops.verify.template import Value

if TYPE_CHECKING:
    from mypy_boto3_sns.type_defs import SubscriptionTypeDef

_PENDING = "PendingConfirmation"


@kind(
    "AWS::SNS::Topic",
    defaults={"SignatureVersion": "1", "TracingConfig": "PassThrough"},
    # A subscription of its own for the address, and whoever subscribed beside it.
    unread=("Subscription", "TopicName", "Tags"),
)
def topic(aws: Aws, resource: Resource) -> Properties:
    """Read a topic."""
    there = aws.sns.get_topic_attributes(TopicArn=resource.id)["Attributes"]
    return pick(
        there,
        *("DisplayName", "KmsMasterKeyId", "FifoTopic", "ContentBasedDeduplication"),
        *("SignatureVersion", "TracingConfig"),
    )


@kind("AWS::SNS::TopicPolicy", unread=("Topics",))
def topic_policy(aws: Aws, resource: Resource) -> Properties:
    """Read who may publish to a topic."""
    (arn,) = resource.properties["Topics"]
    there = aws.sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    return {"PolicyDocument": there.get("Policy")}


@kind("AWS::SNS::Subscription", states={"confirmed": "true"})
def subscription(aws: Aws, resource: Resource) -> Properties | None:
    """Read a subscription; until its owner has confirmed it, it gets nothing."""
    wanted = resource.properties
    there = [
        each
        for each in _subscriptions(aws, str(wanted["TopicArn"]))
        if each.get("Protocol") == wanted["Protocol"] and each.get("Endpoint") == wanted["Endpoint"]
    ]
    if not there:
        return None
    # After a second request there are two, one of them confirmed.
    arns = [str(each.get("SubscriptionArn")) for each in there]
    confirmed = [arn for arn in arns if arn.startswith("arn:")]
    found = pick(there[0], "TopicArn", "Protocol", "Endpoint")
    if not confirmed:
        waits = "false: its owner has not answered the mail of AWS that asks for it"
        return {**found, "confirmed": waits if _PENDING in arns else f"false: {arns[0]}"}
    attributes = aws.sns.get_subscription_attributes(SubscriptionArn=confirmed[0])["Attributes"]
    rest = pick(attributes, "FilterPolicy", "RawMessageDelivery", "RedrivePolicy", "DeliveryPolicy")
    return {**found, **rest, "confirmed": "true"}


def _subscriptions(aws: Aws, topic_arn: str) -> list[SubscriptionTypeDef]:
    pages = aws.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    return [each for page in pages for each in page["Subscriptions"]]


def subscribers(aws: Aws, topic_arn: str) -> int:
    """Count who gets a topic's messages: those who have confirmed it."""
    return sum(
        str(each.get("SubscriptionArn")).startswith("arn:")
        for each in _subscriptions(aws, topic_arn)
    )


@kind(
    "AWS::SQS::Queue",
    defaults={
        "DelaySeconds": "0",
        "MessageRetentionPeriod": "345600",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "VisibilityTimeout": "30",
        "KmsDataKeyReusePeriodSeconds": "300",
    },
    unread=("QueueName", "Tags"),
)
def queue(aws: Aws, resource: Resource) -> Properties:
    """Read a queue."""
    answer = aws.sqs.get_queue_attributes(QueueUrl=resource.id, AttributeNames=["All"])
    there: dict[str, str] = {str(name): text for name, text in answer["Attributes"].items()}
    found: dict[str, Value] = pick(
        there,
        *("DelaySeconds", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds"),
        *("SqsManagedSseEnabled", "VisibilityTimeout", "KmsMasterKeyId", "FifoQueue"),
        "KmsDataKeyReusePeriodSeconds",
    )
    # Its default has been raised lately: it counts where the template gives it.
    if "MaximumMessageSize" in resource.properties:
        found |= pick(there, "MaximumMessageSize")
    for name in ("RedrivePolicy", "RedriveAllowPolicy"):
        if text := there.get(name):
            found[name] = json.loads(text)
    return found


@kind("AWS::SQS::QueuePolicy", unread=("Queues",))
def queue_policy(aws: Aws, resource: Resource) -> Properties:
    """Read who may send to a queue."""
    (url,) = resource.properties["Queues"]
    there = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    return {"PolicyDocument": there.get("Attributes", {}).get("Policy")}
