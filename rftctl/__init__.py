"""rftctl: the command-line control plane for reinforcement fine-tuning."""

__version__ = "0.1.0"
