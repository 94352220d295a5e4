def grade(sample, item):
    return float(item["code"] in sample["output_text"])
