"""List prices in US dollars, us-east-1, on demand, without free tiers, as known in November 2026.

Prices change: look at the sellers' pages before relying on what is worked out from these.
"""

GB_SECOND = 0.0000166667
"""Of Lambda, x86."""
ARM_GB_SECOND = 0.0000133334
INVOCATION = 0.20 / 1e6
REST_REQUEST = 3.50 / 1e6
"""Of API Gateway's REST APIs, the first 333 million a month."""

EXPRESS_REQUEST = 1.00 / 1e6
EXPRESS_GB_SECOND = 0.00001667
EXPRESS_GB = 64 / 1024
"""Memory that an execution is charged for at least, and ours has no need of more."""
TRANSITION = 25.00 / 1e6
SQS_REQUEST = 0.40 / 1e6
TABLE_WRITE = 0.625 / 1e6
"""Of an item of up to 1 KB, as results are."""
BUS_EVENT = 1.00 / 1e6

COMPREHEND_UNIT = 0.0001
COMPREHEND_CHARACTERS, COMPREHEND_LEAST_UNITS = 100, 3
CLOUDFLARE_TOKEN = 0.026 / 1e6
"""Of its hosted int8 DistilBERT."""
INSTANCE_HOUR = 0.08925
"""Of a c7i.large: two virtual processors, always on."""
