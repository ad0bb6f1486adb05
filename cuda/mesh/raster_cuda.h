// Triangle meshes on a CUDA device: raster.h, function by function, with the same struct, meanings and
// rules. All addresses lie on the current device.
//
// Functions return 0, or a code whose reason nbf_cuda_error() tells. They put work on `stream` (a
// cudaStream_t) and return without waiting for it. None allocates: `scratch` is lent by the caller,
// as large as the function of that name says, and may be used again once the stream has passed the
// call. So a call can be captured in a CUDA graph, and a batch of people is one call.
//
// No sum is left to the order in which threads happen to run: same input, same device, same bits.
// Depths compete as whole numbers, and what many threads add up is whole numbers too (sums.cuh).
#pragma once
#include "raster.h"

extern "C" {

int64_t nbf_cuda_mesh_rasterize_scratch(const NbfMesh* mesh);
int nbf_cuda_mesh_rasterize(
    const NbfMesh* mesh, int32_t* face_ids, float* barycentric, float* depth, void* scratch,
    void* stream);

int64_t nbf_cuda_mesh_rasterize_backward_scratch(const NbfMesh* mesh);
int nbf_cuda_mesh_rasterize_backward(
    const NbfMesh* mesh, const int32_t* face_ids, const float* grad_barycentric,
    const float* grad_depth, float* grad_vertices, void* scratch, void* stream);

int64_t nbf_cuda_mesh_silhouette_scratch(const NbfMesh* mesh);
int nbf_cuda_mesh_silhouette(
    const NbfMesh* mesh, float sigma, float reach, float* depth, void* scratch, void* stream);

int64_t nbf_cuda_mesh_silhouette_backward_scratch(const NbfMesh* mesh);
int nbf_cuda_mesh_silhouette_backward(
    const NbfMesh* mesh, float sigma, float reach, const float* depth, const float* grad_depth,
    float* grad_vertices, void* scratch, void* stream);

int nbf_cuda_mesh_interpolate(
    const NbfMesh* mesh, const int32_t* face_ids, const float* barycentric,
    const float* attributes, int64_t attribute_sets, int64_t channels, float* values,
    void* stream);

// `scratch` may be null where grad_attributes is.
int64_t nbf_cuda_mesh_interpolate_backward_scratch(
    const NbfMesh* mesh, int64_t attribute_sets, int64_t channels);
int nbf_cuda_mesh_interpolate_backward(
    const NbfMesh* mesh, const int32_t* face_ids, const float* barycentric,
    const float* attributes, int64_t attribute_sets, int64_t channels, const float* grad_values,
    float* grad_barycentric, float* grad_attributes, void* scratch, void* stream);

}  // extern "C"
