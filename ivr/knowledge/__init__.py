"""What the town hall knows: FAQ, departments, people, hours; files that people edit."""

from ivr.knowledge.base import Knowledge
from ivr.knowledge.load import load

__all__ = ["Knowledge", "load"]
