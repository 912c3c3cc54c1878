// Reads a network's weights from the tensors of its file.
#pragma once

#include "distilbert_int8.h"
#include "kernels.h"
#include "network.h"

// Makes a network over the tensors, which must outlive it. Returns STATUS_OK or an error;
// `*invalid_tensor` is then the index of the invalid tensor, or the number of tensors. The caller
// frees the network with `network_free`, only after STATUS_OK.
status network_init(network *n, const model_weights *weights, size_t *invalid_tensor);
void network_free(network *n);

// Computes all layers' `shift_sums`. Returns false if there is not enough memory.
bool sum_weights(network *n, sum_weights_fn *sum);
