#pragma once

#include "batch.h"

// Computes a batch's logits. All of its threads call this; it returns in each when all logits are
// computed.
void forward(batch *b);
