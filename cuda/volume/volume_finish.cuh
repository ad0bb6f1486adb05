// The last step of a kernel's gradient, once all its rays are summed.
#pragma once
#include "volume_group.cuh"

namespace nbf {

static __device__ inline void finish_gradient(
    const Ellipsoid<float>& k, const double* sum, float* grad_mean, float* grad_precision) {
  grad_mean[0] = float(k.xx * sum[0] + k.xy * sum[1] + k.xz * sum[2]);
  grad_mean[1] = float(k.xy * sum[0] + k.yy * sum[1] + k.yz * sum[2]);
  grad_mean[2] = float(k.xz * sum[0] + k.yz * sum[1] + k.zz * sum[2]);
  grad_precision[0] = float(sum[3]), grad_precision[4] = float(sum[6]);
  grad_precision[8] = float(sum[8]);
  grad_precision[1] = grad_precision[3] = float(sum[4]);
  grad_precision[2] = grad_precision[6] = float(sum[5]);
  grad_precision[5] = grad_precision[7] = float(sum[7]);
}

}  // namespace nbf
