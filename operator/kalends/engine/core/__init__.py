"""The values that decisions are made from and result in. Pure: no asyncio, no logging, no clock."""
