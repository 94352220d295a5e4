def lambda_handler(event, context):
    return [_grade(sample) for sample in event]


def _grade(sample):
    answer = sample["messages"][-1]["content"].strip()
    reference = sample.get("metadata", {}).get("reference_answer") or sample["reference_answer"]
    reward = float(answer == reference["number"])
    parts = [
        {"name": "right", "value": reward, "type": "Reward"},
        {"name": "length", "value": len(answer), "type": "Metric"},
    ]
    return {"id": sample["id"], "aggregate_reward_score": reward, "metrics_list": parts}
