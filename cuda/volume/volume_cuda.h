// Volume rendering of Gaussian ellipsoids on a CUDA device: volume.h, function by function, with
// the same structs and meanings. All addresses lie on the current device but those marked "host".
//
// Functions return 0, or a code whose reason nbf_cuda_error() tells. They put work on `stream` (a
// cudaStream_t) and return; only nbf_cuda_volume_assign waits for it, since the size of its result
// is the result. None allocates: `scratch` is lent by the caller, as large as the function of that
// name says and aligned to 16 bytes, and may be used again once the stream has passed the call. So
// a whole step of fitting can be captured in a CUDA graph.
//
// No sum is left to the order in which threads happen to run: same input, same device, same bits.
#pragma once
#include "volume.h"

extern "C" {

// Why the last failing call of this thread failed.
const char* nbf_cuda_error();

// Digest of the sources that the library was built from.
const char* nbf_cuda_source_digest();

// Which kernels reach which pixels. `scratch` keeps the answer until it is taken.
int64_t nbf_cuda_volume_assign_scratch(const NbfVolumeScene* scene);
int nbf_cuda_volume_assign(
    const NbfVolumeScene* scene, void* scratch,
    int64_t* rows, int64_t* nearest,  // out, host
    void* stream
);
int nbf_cuda_volume_take(
    const NbfVolumeScene* scene, void* scratch, int64_t nearest,
    int64_t* batch, int64_t* pixel,  // out [rows]
    int64_t* kernels,                // out [rows, nearest]
    void* stream
);

int nbf_cuda_volume_weigh(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, float* weights, float* opacity,
    float* depth, void* stream
);

// For either backward function.
int64_t nbf_cuda_volume_rows_scratch(const NbfVolumeScene* scene, const NbfVolumeRows* rows);
int nbf_cuda_volume_weigh_backward(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, const float* grad_weights,
    const float* grad_opacity, const float* grad_depth, void* scratch, float* grad_means,
    float* grad_precisions, void* stream
);

int nbf_cuda_volume_composite(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, const float* weights,
    const float* features, int64_t dim, float* out, void* stream
);
int nbf_cuda_volume_composite_backward(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, const float* weights,
    const float* features, int64_t dim, const float* grad_out,
    void* scratch,          // may be null where grad_features is
    float* grad_weights,    // out
    float* grad_features,   // out, or null
    void* stream
);

// The gradients are all null or all wanted.
int64_t nbf_cuda_volume_nll_scratch(const NbfVolumeScene* scene, const NbfLikelihood* likelihood);
int nbf_cuda_volume_nll(
    const NbfVolumeScene* scene, const NbfLikelihood* likelihood, void* scratch, float* nll,
    float* grad_means, float* grad_precisions, float* grad_orientation, void* stream
);

}  // extern "C"
