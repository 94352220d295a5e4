"""What each grader finding means, for `explain` and for the checks themselves.

In: nothing. Out: `GRADER_CODES`, code -> one sentence. Codes are never reused.
"""

from __future__ import annotations

GRADER_CODES: dict[str, str] = {
    "RFT300": "A grader is an object with a `type`; something else stands in its place.",
    "RFT301": "The grader's `type` is missing or is none that rftctl knows.",
    "RFT302": "A key that this grader type needs is missing.",
    "RFT303": "The value of a key has the wrong type or shape.",
    "RFT304": "This grader type does not know the key; the provider ignores or refuses it.",
    "RFT305": "The key has no effect in reinforcement fine-tuning (`pass_threshold` is for evals only).",
    "RFT306": "This grader type is not offered as the grader of a job; wrap it in `multi`.",
    "RFT310": "`operation` of a string_check is one of eq, ne, like, ilike.",
    "RFT311": "`evaluation_metric` of a text_similarity grader is none of the documented ones.",
    "RFT312": "`cosine` needs an embedding model and works in evals only, not in fine-tuning.",
    "RFT313": "METEOR counts synonyms through WordNet; without its data rewards come out lower.",
    "RFT314": "No template reads the sample, so every output gets the same reward and nothing is learned.",
    "RFT315": "`fuzzy_match` pays parts of a short reference, its first letter too, nearly in full.",
    "RFT320": "A template is malformed or uses a namespace other than `item` and `sample`.",
    "RFT330": "`graders` of a multi is a map from names to graders, not a list or a single grader.",
    "RFT331": "A multi cannot hold another multi.",
    "RFT332": "A key in `graders` is a variable of the formula: a letter first, no function's name.",
    "RFT333": "`calculate_output` is not a formula; the column says where it stops making sense.",
    "RFT334": "`calculate_output` names a grader that `graders` does not define.",
    "RFT335": "A grader of the multi does not occur in `calculate_output` and changes no reward.",
    "RFT336": "`calculate_output` names no grader at all, so every output gets the same reward.",
    "RFT340": "The source of a python grader must be smaller than 256 kB.",
    "RFT341": "The source of a python grader does not compile.",
    "RFT342": "A python grader needs a function `grade(sample, item)` at the top level of its source.",
    "RFT343": "`grade` must take exactly two positional arguments, the sample and the item.",
    "RFT344": "The source imports a module that the hosted python grader does not have.",
    "RFT345": "The source uses the network or starts processes; a python grader can do neither.",
    "RFT346": "A package the source imports is missing here, or has another version than the hosted one.",
    "RFT350": "`input` of a model grader is a list of messages with a role and content.",
    "RFT351": "`range` is two numbers, the lower one first.",
    "RFT352": "A sampling parameter is unknown or out of range.",
    "RFT353": "Reasoning models take `reasoning_effort`, the others `temperature`; not both.",
    "RFT354": "`labels` is a list of different strings and `passing_labels` a part of it.",
    "RFT355": "The grader model is not one that the graders guide lists.",
    "RFT360": "An endpoint grader needs an https URL.",
    "RFT361": "A lambda grader needs the ARN of a Lambda function.",
    "RFT362": "A header of an endpoint grader looks like a secret; everyone who reads the spec has it.",
    "RFT370": "The same key stands in an outdated or alternative spelling; use the documented one.",
    "RFT380": "A line of a cases file is not a case.",
    "RFT381": "A case names a line that the training file does not have.",
    "RFT382": "A cases file holds no case.",
}
"""Finding code -> what it means."""
