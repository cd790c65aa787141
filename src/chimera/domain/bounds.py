"""Ranges that numbers of people's making must keep: settings, parameters of strategies, a trader's own ones.

A value outside is refused where it is read, with the range in the words. Amounts are lamports, both ends included.
"""

from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=1, le=1_000_000)]
CountOrOff = Annotated[int, Meta(ge=0, le=1_000_000)]
"""0 switches the rule off."""
Bps = Annotated[int, Meta(ge=0, le=10_000)]
GainBps = Annotated[int, Meta(ge=0, le=10_000_000)]
"""A gain may be many times what was paid."""
Percent = Annotated[int, Meta(ge=0, le=100)]
Lamports = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Usd = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Seconds = Annotated[int, Meta(ge=1, le=31_536_000)]
SecondsOrOff = Annotated[int, Meta(ge=0, le=31_536_000)]
Millis = Annotated[int, Meta(ge=1, le=86_400_000_000)]
MinuteMillis = Annotated[int, Meta(ge=1, le=60_000)]
"""What is over within a minute: an intent's life, a pause between two looks."""
Text = Annotated[str, Meta(max_length=100_000)]
