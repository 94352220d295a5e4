"""Who writes, and with which order: each name and each order number belongs to one split.

Names are common given names; nobody is meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

_GIVEN_NAMES = {
    "train": (
        "Aaron Adele Akira Alma Amir Anton Asha Beatriz Bruno Carla Chidi Clara Dalia Derek Edith "
        "Emil Esther Farid Fiona Gavin Greta Hanna Hugo Idris Ines Jonas Judith Kaito Karen Lamar "
        "Leila Lucas Mabel Malik Marco Naomi Nina Omar Paula Pedro Petra Quentin Rafael Renata Rhoda "
        "Samir Sofia Stefan Tariq Thea Ulla Viktor Wanda Yusuf Zelda"
    ),
    "validation": (
        "Agnes Basil Celia Dario Elena Felix Gloria Harold Irina Jamal Kirsten Leon Miriam Nadia "
        "Oscar Philip Rosa Simon Tessa Vera"
    ),
    "test": (
        "Abel Bianca Caleb Dora Enzo Flora Gideon Helena Isaac Jana Keith Lydia Martin Noor Olga "
        "Pablo Ruth Sergio Tamara Umberto Valerie Walter Xenia Yvonne Zoran Aisha Boris Cecilia "
        "Dmitri Eva"
    ),
}
NAMES = {split: tuple(names.split()) for split, names in _GIVEN_NAMES.items()}
# A number belongs to one split by what is left when it is divided by three.
REMAINDERS = {"train": 0, "validation": 1, "test": 2}


def order_of(rng: random.Random, split: str) -> str:
    """Draw an order number of the split."""
    return f"B-{3 * rng.randrange(400, 3300) + REMAINDERS[split]}"
