// CPU shading, pixel by pixel. See shade.h for the formula.
#include "shade.h"

#include <algorithm>

#include "shade_math.h"

namespace {

using nbf::Vec3;

struct Scene {
  const float* lights;
  int light_count;
  const float* ambient;
  nbf::Shadow shadow;
};

Vec3 radiance(const Scene& scene, Vec3 albedo, float gloss, Vec3 position, Vec3 normal) {
  const Vec3 view = nbf::unit(-1.f * position);
  if (nbf::dot(normal, view) < 0) normal = -1.f * normal; // cloth has two sides
  Vec3 diffuse = nbf::ambient_light(scene.ambient, normal), specular{0, 0, 0};
  for (int l = 0; l < scene.light_count; ++l) {
    const Vec3 direction = nbf::load(scene.lights + 6 * l);
    const float cosine = nbf::dot(normal, direction);
    if (cosine <= 0) continue;
    const float lit = l == 0 ? nbf::lit_share(scene.shadow, position) : 1.f;
    const Vec3 light = lit * nbf::load(scene.lights + 6 * l + 3);
    diffuse = diffuse + cosine * light;
    if (gloss <= 0) continue;
    const float along = std::fmax(nbf::dot(normal, nbf::unit(direction + view)), 0.f);
    specular = specular + gloss * nbf::highlight(along) * light;
  }
  return albedo * diffuse + specular;
}

}  // namespace

extern "C" void nbf_vertex_normals(
    const float* vertices, int64_t vertex_count, const int32_t* faces, int64_t face_count,
    float* normals) {
  std::fill_n(normals, 3 * vertex_count, 0.f);
  for (int64_t f = 0; f < face_count; ++f) {
    const int32_t* face = faces + 3 * f;
    const Vec3 a = nbf::load(vertices + 3 * face[0]);
    const Vec3 b = nbf::load(vertices + 3 * face[1]);
    const Vec3 c = nbf::load(vertices + 3 * face[2]);
    const Vec3 normal = nbf::cross(b - a, c - a); // twice the area long
    for (int k = 0; k < 3; ++k) {
      float* target = normals + 3 * face[k];
      nbf::store(nbf::load(target) + normal, target);
    }
  }
  for (int64_t v = 0; v < vertex_count; ++v) {
    nbf::store(nbf::unit(nbf::load(normals + 3 * v)), normals + 3 * v);
  }
}

extern "C" void nbf_shade(
    const int32_t* face_ids, const float* barycentric, int32_t height, int32_t width,
    const float* vertices, const float* normals, const int32_t* faces, const float* corner_uv,
    const int32_t* face_material, const uint8_t* const* textures, const int32_t* texture_sizes,
    const float* materials, const float* lights, int32_t light_count, const float* ambient,
    const float* shadow_depth, int32_t shadow_size, const float* shadow_view, float shadow_bias,
    float* rgba) {
  const Scene scene{lights, light_count, ambient,
                    {shadow_depth, shadow_size, shadow_view, shadow_bias}};
  for (int64_t pixel = 0; pixel < int64_t(height) * width; ++pixel) {
    float* out = rgba + 4 * pixel;
    std::fill_n(out, 4, 0.f);
    const int32_t id = face_ids[pixel];
    if (id < 0) continue;
    const float* weights = barycentric + 3 * pixel;
    const int32_t* face = faces + 3 * size_t(id);
    const float* uv = corner_uv + 6 * size_t(id);
    const int32_t m = face_material[id];
    const float u = weights[0] * uv[0] + weights[1] * uv[2] + weights[2] * uv[4];
    const float v = weights[0] * uv[1] + weights[1] * uv[3] + weights[2] * uv[5];
    const Vec3 texel =
        nbf::sample(textures[m], texture_sizes[2 * m], texture_sizes[2 * m + 1], u, v);
    const Vec3 position = nbf::interpolate(vertices, face, weights);
    const Vec3 normal = nbf::unit(nbf::interpolate(normals, face, weights));
    const Vec3 albedo = nbf::load(materials + 4 * m) * texel;
    nbf::store(radiance(scene, albedo, materials[4 * m + 3], position, normal), out);
    out[3] = 1;
  }
}
