// Kernels of a body in a pose, and the way back: forward kinematics and equations 5 and 6 of 3DNBF.
// The native counterpart of NeuralBodyVolume.pose in core/nbv/volume.py, which is the specification.
//
// Tensors are dense, row-major float32. Each person is computed by one thread in one order.
#pragma once
#include <cstdint>

extern "C" {

// A body volume in the rest pose; see NeuralBodyVolume for the meaning.
typedef struct {
  const float* means;            // [kernels, 3]
  const float* shapedirs;        // [kernels, 3, shapes]
  const float* axis;             // [kernels, 3]
  const float* isotropic;        // [kernels]
  const float* along;            // [kernels]
  const float* weights;          // [kernels, joints]
  const float* joint_template;   // [joints, 3]
  const float* joint_shapedirs;  // [joints, 3, shapes]
  const int64_t* parents;        // [joints], smaller than the joint; the first is the root
  int64_t kernels, joints, shapes;
} NbfBodyVolume;

void nbf_pose(
    const NbfBodyVolume* volume, int64_t batch,
    const float* rotations,  // [batch, joints, 3, 3] relative to the parent
    const float* betas,      // [batch, shapes]
    const float* transl,     // [batch, 3]
    int32_t threads,
    float* means,       // out [batch, kernels, 3]
    float* precisions,  // out [batch, kernels, 3, 3]
    float* axes,        // out [batch, kernels, 3]
    float* joints       // out [batch, joints, 3]
);

void nbf_pose_backward(
    const NbfBodyVolume* volume, int64_t batch, const float* rotations, const float* betas,
    int32_t threads, const float* grad_means, const float* grad_precisions,
    const float* grad_axes,  // may be null
    const float* grad_joints,
    float* grad_rotations,  // out [batch, joints, 3, 3]
    float* grad_betas,      // out [batch, shapes]
    float* grad_transl      // out [batch, 3]
);

}  // extern "C"
