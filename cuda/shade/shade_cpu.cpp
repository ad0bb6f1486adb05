// CPU shading: seen pixels are gathered into small batches, so that the compiler can light several
// at once. See shade.h for the formula.
#include "shade.h"

#include <algorithm>
#include <vector>

#include "shade_math.h"

namespace {

using nbf::Vec3;

constexpr int kBatch = 64;
using Lane = float[kBatch];

struct Scene {
  const float* lights;
  int light_count;
  const float* ambient;
  nbf::Shadow shadow;
};

// Pixels that wait to be lit, and the light that they send to the camera.
struct Batch {
  int count = 0;
  int target[kBatch]; // output pixel in its row
  Lane px, py, pz;    // position
  Lane nx, ny, nz;    // normal
  Lane red, green, blue, gloss;
  Lane vx, vy, vz;    // towards the camera
  Lane lit;
  Lane diffuse[3], specular[3];

  void push(int pixel, Vec3 position, Vec3 normal, Vec3 albedo, float shine) {
    const int i = count++;
    target[i] = pixel;
    px[i] = position.x, py[i] = position.y, pz[i] = position.z;
    nx[i] = normal.x, ny[i] = normal.y, nz[i] = normal.z;
    red[i] = albedo.x, green[i] = albedo.y, blue[i] = albedo.z;
    gloss[i] = shine;
  }
};

// 1 / length; zero vectors stay zero.
inline float inverse_length(float x, float y, float z) {
  const float square = x * x + y * y + z * z;
  return square > 0 ? 1.f / std::sqrt(square) : 1.f;
}

// Normals of unit length, turned to the camera: cloth has two sides.
void face_camera(Batch& b) {
  for (int i = 0; i < b.count; ++i) {
    const float near = -inverse_length(b.px[i], b.py[i], b.pz[i]);
    b.vx[i] = near * b.px[i], b.vy[i] = near * b.py[i], b.vz[i] = near * b.pz[i];
    const float scale = inverse_length(b.nx[i], b.ny[i], b.nz[i]);
    const float along = b.nx[i] * b.vx[i] + b.ny[i] * b.vy[i] + b.nz[i] * b.vz[i];
    const float turned = along < 0 ? -scale : scale;
    b.nx[i] *= turned, b.ny[i] *= turned, b.nz[i] *= turned;
  }
}

void add_surroundings(const Scene& scene, Batch& b) {
  for (int k = 0; k < 3; ++k) {
    const float* sh = scene.ambient + k;
    for (int i = 0; i < b.count; ++i) {
      const float x = b.nx[i], y = b.ny[i], z = b.nz[i];
      const float sum = sh[0] + sh[3] * x + sh[6] * y + sh[9] * z + sh[12] * (x * y) +
                        sh[15] * (y * z) + sh[18] * (3 * z * z - 1) + sh[21] * (x * z) +
                        sh[24] * (x * x - y * y);
      b.diffuse[k][i] = sum > 0 ? sum : 0;
      b.specular[k][i] = 0;
    }
  }
}

void add_light(const float* direction, const float* color, Batch& b) {
  const float dx = direction[0], dy = direction[1], dz = direction[2];
  for (int i = 0; i < b.count; ++i) {
    const float cosine = b.nx[i] * dx + b.ny[i] * dy + b.nz[i] * dz;
    const float hx = dx + b.vx[i], hy = dy + b.vy[i], hz = dz + b.vz[i];
    const float along =
        (b.nx[i] * hx + b.ny[i] * hy + b.nz[i] * hz) * inverse_length(hx, hy, hz);
    const float lit = cosine > 0 ? b.lit[i] : 0;
    const float shine = lit * b.gloss[i] * nbf::highlight(along > 0 ? along : 0);
    const float even = lit * cosine;
    for (int k = 0; k < 3; ++k) {
      b.diffuse[k][i] += even * color[k];
      b.specular[k][i] += shine * color[k];
    }
  }
}

// Lights a batch and adds it to its output pixels.
void flush(const Scene& scene, float white, Batch& b, float* sums) {
  face_camera(b);
  add_surroundings(scene, b);
  for (int l = 0; l < scene.light_count; ++l) {
    const float* light = scene.lights + 6 * l;
    for (int i = 0; i < b.count; ++i) {
      const bool casts = l == 0 && b.nx[i] * light[0] + b.ny[i] * light[1] + b.nz[i] * light[2] > 0;
      b.lit[i] = casts ? nbf::lit_share(scene.shadow, {b.px[i], b.py[i], b.pz[i]}) : 1.f;
    }
    add_light(light, light + 3, b);
  }
  for (int i = 0; i < b.count; ++i) {
    float* sum = sums + 4 * b.target[i];
    sum[0] += std::min(b.red[i] * b.diffuse[0][i] + b.specular[0][i], white);
    sum[1] += std::min(b.green[i] * b.diffuse[1][i] + b.specular[1][i], white);
    sum[2] += std::min(b.blue[i] * b.diffuse[2][i] + b.specular[2][i], white);
    sum[3] += 1;
  }
  b.count = 0;
}

Vec3 texel_of(const NbfSurface& surface, const nbf::LinearTexels& table, int32_t id,
              const float* weights, int32_t material) {
  const float* uv = surface.corner_uv + 6 * size_t(id);
  const float u = weights[0] * uv[0] + weights[1] * uv[2] + weights[2] * uv[4];
  const float v = weights[0] * uv[1] + weights[1] * uv[3] + weights[2] * uv[5];
  const int32_t* size = surface.texture_sizes + 2 * material;
  return nbf::sample(table, surface.textures[material], size[0], size[1], u, v);
}

// What the pixels of a cell are labelled: the largest label where half of them see one.
struct Labels {
  const uint8_t* of_face;
  std::vector<int32_t> count, largest;

  void add(int cell, int32_t face) {
    if (!of_face) return;
    count[cell] += of_face[face] > 0;
    largest[cell] = std::max<int32_t>(largest[cell], of_face[face]);
  }
};

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
    const NbfSurface* surface, const NbfLight* light, int32_t height, int32_t width, int32_t cell,
    float white, const uint8_t* face_label, float* rgba, uint8_t* label) {
  const Scene scene{light->lights, light->light_count, light->ambient,
                    {light->shadow_depth, light->shadow_size, light->shadow_view,
                     light->shadow_bias}};
  static const nbf::LinearTexels table;
  const int columns = width / cell;
  const float share = 1.f / float(cell * cell);
  Labels labels{face_label, std::vector<int32_t>(columns), std::vector<int32_t>(columns)};
  Batch batch;
  for (int row = 0; row < height / cell; ++row) {
    float* sums = rgba + 4 * size_t(row) * columns;
    std::fill_n(sums, 4 * columns, 0.f);
    std::fill(labels.count.begin(), labels.count.end(), 0);
    std::fill(labels.largest.begin(), labels.largest.end(), 0);
    for (int y = row * cell; y < (row + 1) * cell; ++y) {
      for (int x = 0; x < columns * cell; ++x) {
        const size_t pixel = size_t(y) * width + x;
        const int32_t id = surface->face_ids[pixel];
        if (id < 0) continue;
        const float* weights = surface->barycentric + 3 * pixel;
        const int32_t* face = surface->faces + 3 * size_t(id);
        const int32_t m = surface->face_material[id];
        const float* material = surface->materials + 4 * m;
        const Vec3 texel = texel_of(*surface, table, id, weights, m);
        batch.push(x / cell, nbf::interpolate(surface->vertices, face, weights),
                   nbf::interpolate(surface->normals, face, weights),
                   nbf::load(material) * texel, material[3]);
        labels.add(x / cell, id);
        if (batch.count == kBatch) flush(scene, white, batch, sums);
      }
    }
    flush(scene, white, batch, sums);
    for (int k = 0; k < 4 * columns; ++k) sums[k] *= share;
    for (int x = 0; label && x < columns; ++x)
      label[size_t(row) * columns + x] =
          2 * labels.count[x] >= cell * cell ? uint8_t(labels.largest[x]) : 0;
  }
}
