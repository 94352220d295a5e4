def grade(sample, item):
    answer = sample["output_json"]
    if not isinstance(answer, dict):
        return 0.0
    found = answer.get("diagnoses")
    if not isinstance(found, list) or not found:
        return 0.0
    return float(all(isinstance(one, dict) and {"disease", "rank"} <= one.keys() for one in found))
