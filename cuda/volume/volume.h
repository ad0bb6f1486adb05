// Volume rendering of Gaussian ellipsoids on the CPU: the native counterpart of
// core/render/volume/twin.py, which is the specification, and of the likelihood in core/fit/likelihood.py.
//
// Tensors are dense, row-major float32; ids are int64 as PyTorch wants them. A kernel is drawn where
// q < -log(threshold), t* > 0, and its ellipsoid lies wholly in front of the camera. Kernels that
// are not finite, or whose precision is not positive definite, are not drawn. Equal depths are
// ordered by kernel id. Precisions are symmetric, and so are their gradients.
//
// Every result is a function of the arguments and the processor: sums run in an order that the
// number of threads does not change.
#pragma once
#include <cstdint>

extern "C" {

typedef struct {
  const float* means;       // [batch, kernels, 3] metres
  const float* precisions;  // [batch, kernels, 3, 3] 1 / metres^2
  const float* focal;       // [batch] pixels
  const float* center;      // [batch, 2] pixels
  int64_t batch, kernels;
  int32_t height, width;
  float density, threshold;
  int32_t nearest;
  int32_t form;     // 0 voge, 1 gauss2, 2 gauss3
  int32_t threads;  // at most so many
  int32_t isa;      // 0 best of this machine, 1 baseline, 2 AVX2, 3 AVX-512
} NbfVolumeScene;

typedef struct {
  int64_t rows, nearest;
  const int64_t *batch, *pixel;  // [rows], rising
  const int64_t* kernels;        // [rows, nearest] nearest first, -1 for none
} NbfVolumeRows;

// What explains feature maps; see core/fit/likelihood.py and core/nbv/features.py.
typedef struct {
  const float* observed;     // [batch, height * width, dim]
  const float* inside;       // [batch, height * width]
  const float* phi;          // [kernels, bins, dim]
  const float* background;   // [dim]
  const int64_t* limb;       // [kernels] in 0 .. limbs - 1
  const float* orientation;  // [batch, limbs, bins]
  int64_t limbs, bins, dim;
  float variance_foreground, variance_background;
  float temper, visible, background_cap;
  int32_t use_occlusion;
} NbfLikelihood;

// Name of the instruction set that stands for `isa`, null where it does not exist here.
const char* nbf_volume_isa(int32_t isa);

// Which kernels reach which pixels. The result lives until it is taken.
void* nbf_volume_assign(const NbfVolumeScene* scene, int64_t* rows, int64_t* nearest);
void nbf_volume_take(void* assignment, int64_t* batch, int64_t* pixel, int64_t* kernels);

void nbf_volume_weigh(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows,
    float* weights,  // out [rows, nearest]
    float* opacity,  // out [rows]
    float* depth     // out [rows, nearest] metres along the ray, infinite for none
);

void nbf_volume_weigh_backward(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, const float* grad_weights,
    const float* grad_opacity, const float* grad_depth,
    float* grad_means,      // out [batch, kernels, 3]
    float* grad_precisions  // out [batch, kernels, 3, 3]
);

// Sum of kernels' features by weight, and back.
void nbf_volume_composite(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, const float* weights,
    const float* features,  // [batch, kernels, dim]
    int64_t dim,
    float* out  // [rows, dim]
);
void nbf_volume_composite_backward(
    const NbfVolumeScene* scene, const NbfVolumeRows* rows, const float* weights,
    const float* features, int64_t dim, const float* grad_out,
    float* grad_weights,  // out [rows, nearest]
    float* grad_features  // out [batch, kernels, dim], or null
);

// Negative log-likelihood of every person, and its gradients unless they are null. One pass: what
// belongs to a pixel never leaves the cache.
void nbf_volume_nll(
    const NbfVolumeScene* scene, const NbfLikelihood* likelihood,
    float* nll,               // out [batch]
    float* grad_means,        // out [batch, kernels, 3]
    float* grad_precisions,   // out [batch, kernels, 3, 3]
    float* grad_orientation   // out [batch, limbs, bins]
);

}  // extern "C"
