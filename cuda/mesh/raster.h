// Triangle meshes on the screen: which triangle does each pixel centre see, and where on it; how much
// of the pixel does the mesh's soft silhouette cover; and the gradients of both in the vertices.
//
// A camera-frame point (x, y, z), z forward, projects to u = focal x / z + center_x and
// v = focal y / z + center_y. Pixel (row i, column j) is sampled at its centre (j + 0.5, i + 0.5).
//
// Rules, so that the result is a function of the input and of nothing else:
//   - A pixel centre on an edge belongs to the triangle (both neighbours of a shared edge compete).
//   - The smaller depth wins; equal depths (as float32) go to the smaller face id.
//   - A triangle with a corner at z <= near, or a corner that is not finite, is dropped whole.
//     People stand metres away from the camera; cutting triangles at the plane is not worth its code.
//   - Degenerate triangles cover nothing: rows of zeros fill up a list of faces.
//   - cull != 0 drops faces seen from behind: those whose corners run counter-clockwise from the
//     outside (n = (b - a) x (c - a) points outward) and turn away from the camera.
//   - Sums are taken in a fixed order: the number of threads changes nothing.
#pragma once
#include <cstdint>

extern "C" {

// A batch of meshes, each before its camera.
struct NbfMesh {
  const float* vertices;  // [batch, vertex_count, 3] metres, camera frame
  const int32_t* faces;   // [face_sets, face_count, 3] indices into an image's vertices
  const float* focal;     // [batch] pixels
  const float* center;    // [batch, 2] pixels
  int64_t batch, vertex_count, face_count;
  int64_t face_sets;      // 1: all images share the faces; batch: each has its own
  int32_t height, width;
  float near;             // metres, not negative
  int32_t cull;
  int32_t threads;        // of the processor; a GPU takes what it has
};

// The mesh at pixels. With screen-space barycentrics l_k of the pixel in triangle (a, b, c):
//   1 / z = sum_k l_k / z_k                       (inverse depth is linear on the screen)
//   barycentric_k = (l_k / z_k) * z               (perspective-correct weights, sum to one)
void nbf_mesh_rasterize(
    const NbfMesh* mesh,
    int32_t* face_ids,   // out [batch, height, width], -1 where nothing is seen
    float* barycentric,  // out [batch, height, width, 3], zeros where nothing is seen
    float* depth         // out [batch, height, width] z in metres, +inf where nothing is seen
);

// The same, bit for bit, without the processor's vector instructions (CPU only; for tests).
void nbf_mesh_rasterize_plain(
    const NbfMesh* mesh, int32_t* face_ids, float* barycentric, float* depth);

// The faces of `face_ids` are taken as given: where the mesh ends has no gradient here.
void nbf_mesh_rasterize_backward(
    const NbfMesh* mesh,
    const int32_t* face_ids,        // [batch, height, width]
    const float* grad_barycentric,  // [batch, height, width, 3]
    const float* grad_depth,        // [batch, height, width]
    float* grad_vertices            // out [batch, vertex_count, 3]
);

// The optical depth of Soft Rasterizer's silhouette: min(20, sum over faces of log(1 + exp(s / sigma))),
// with s the squared distance in pixels from the pixel's centre to the triangle's outline, negative
// outside. The opacity is 1 - exp(-depth). A face counts where it holds the centre, or within `reach`.
void nbf_mesh_silhouette(
    const NbfMesh* mesh,
    float sigma,  // pixels^2
    float reach,  // pixels
    float* depth  // out [batch, height, width]
);

void nbf_mesh_silhouette_backward(
    const NbfMesh* mesh,
    float sigma,
    float reach,
    const float* depth,       // [batch, height, width] as computed
    const float* grad_depth,  // [batch, height, width]
    float* grad_vertices      // out [batch, vertex_count, 3]
);

// Vertex attributes at pixels: sum_k barycentric_k attributes[corner_k], zeros where nothing is seen.
// Of the mesh, only the faces and the sizes are read.
void nbf_mesh_interpolate(
    const NbfMesh* mesh,
    const int32_t* face_ids,
    const float* barycentric,
    const float* attributes,  // [attribute_sets, vertex_count, channels]
    int64_t attribute_sets,   // 1 or batch
    int64_t channels,
    float* values             // out [batch, height, width, channels]
);

void nbf_mesh_interpolate_backward(
    const NbfMesh* mesh,
    const int32_t* face_ids,
    const float* barycentric,
    const float* attributes,
    int64_t attribute_sets,
    int64_t channels,
    const float* grad_values,  // [batch, height, width, channels]
    float* grad_barycentric,   // out [batch, height, width, 3]
    float* grad_attributes     // out [attribute_sets, vertex_count, channels], or null
);

}  // extern "C"
