// Deferred shading of a rasterised mesh: texture, light and one soft shadow for each seen pixel; the
// mean of a cell of pixels is one pixel of the picture (supersampling).
//
// Colours are linear while light is computed: a texel t in 0..255 stands for (t / 255)^2 (a square
// in place of sRGB's curve). With normal n (interpolated, turned towards the camera), position p,
// view direction v = -p / |p|, the material's tint and gloss, lights (d_l, c_l), where d_l points
// towards the light and s_0 is the first light's shadow (s_l = 1 for the others):
//   albedo   = tint * texture(uv)
//   diffuse  = sum_k ambient_k Y_k(n) + sum_l s_l c_l max(0, n . d_l)
//   specular = gloss * sum_l s_l c_l max(0, n . h_l)^24,   h_l = unit(d_l + v)
//   rgb      = albedo * diffuse + specular
// Y is the nine-term polynomial basis (1, x, y, z, xy, yz, 3z^2 - 1, xz, x^2 - y^2).
#pragma once
#include <cstdint>

extern "C" {

// What the pixels see.
typedef struct {
  const int32_t* face_ids;         // [height, width], -1 = nothing (see raster.h)
  const float* barycentric;        // [height, width, 3]
  const float* vertices;           // [vertex_count, 3] metres, camera frame
  const float* normals;            // [vertex_count, 3] unit
  const int32_t* faces;            // [face_count, 3]
  const float* corner_uv;          // [face_count, 3, 2]; v runs up, repeats outside 0..1
  const int32_t* face_material;    // [face_count]
  const uint8_t* const* textures;  // [material_count] pointers to [rows, columns, 3]
  const int32_t* texture_sizes;    // [material_count, 2] rows, columns
  const float* materials;          // [material_count, 4] tint r g b, gloss
} NbfSurface;

typedef struct {
  const float* lights;        // [light_count, 6] direction, colour
  const float* ambient;       // [9, 3]
  const float* shadow_depth;  // [shadow_size, shadow_size] of the first light, or null
  const float* shadow_view;   // [13]: 3x4 light-from-camera row by row, then focal (pixels)
  int32_t light_count;
  int32_t shadow_size;
  float shadow_bias;          // metres
} NbfLight;

// Area-weighted vertex normals of unit length (zero for a vertex without faces).
void nbf_vertex_normals(
    const float* vertices,  // [vertex_count, 3]
    int64_t vertex_count,
    const int32_t* faces,   // [face_count, 3]
    int64_t face_count,
    float* normals          // out [vertex_count, 3]
);

void nbf_shade(
    const NbfSurface* surface, const NbfLight* light,
    int32_t height, int32_t width,  // of the raster; multiples of cell
    int32_t cell,                   // pixels along a cell's side
    float white,                    // colours above it saturate, pixel by pixel
    const uint8_t* face_label,      // [face_count] 0 = none, or null
    float* rgba,    // out [height / cell, width / cell, 4] linear; alpha: the share that sees a face
    uint8_t* label  // out [height / cell, width / cell] the largest label where half a cell has one,
                    // else 0; null without face_label
);

}  // extern "C"
