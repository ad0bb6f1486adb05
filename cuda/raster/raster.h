// Z-buffer triangle rasteriser: which triangle does each pixel centre see, and where on it.
//
// A camera-frame point (x, y, z), z forward, projects to u = focal x / z + center_x and
// v = focal y / z + center_y. Pixel (row i, column j) is sampled at its centre (j + 0.5, i + 0.5).
//
// With screen-space barycentrics l_k of the pixel in triangle (a, b, c):
//   1 / z = sum_k l_k / z_k                       (inverse depth is linear on the screen)
//   barycentric_k = (l_k / z_k) * z               (perspective-correct weights, sum to one)
//
// Rules, so that the result is a function of the input and of nothing else:
//   - A pixel centre on an edge belongs to the triangle (both neighbours of a shared edge compete).
//   - The smaller depth wins; equal depths (as float32) go to the smaller face id.
//   - A triangle with a corner at z <= near, or a corner that is not finite, is dropped whole.
//     People stand metres away from the camera; cutting triangles at the plane is not worth its code.
//   - Degenerate triangles cover nothing.
//   - cull != 0 drops faces seen from behind: those whose corners run counter-clockwise from the
//     outside (n = (b - a) x (c - a) points outward) and turn away from the camera.
#pragma once
#include <cstdint>

extern "C" {

void nbf_rasterize(
    const float* vertices,   // [vertex_count, 3] metres, camera frame
    int64_t vertex_count,
    const int32_t* faces,    // [face_count, 3] indices into vertices
    int64_t face_count,
    float focal,             // pixels
    float center_x,          // pixels
    float center_y,
    int32_t height,
    int32_t width,
    float near,              // metres
    int32_t cull,
    int32_t* face_ids,       // out [height, width], -1 where nothing is seen
    float* barycentric,      // out [height, width, 3], zeros where nothing is seen
    float* depth             // out [height, width] z in metres, +inf where nothing is seen
);

}  // extern "C"
