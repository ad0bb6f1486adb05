// CPU side of pose.h. A kernel hangs on two joints on average, so zero weights are skipped.
#include "pose.h"

#include <vector>

#include "common/threads.h"

namespace {

struct Vector {
  float x = 0, y = 0, z = 0;
};

struct Matrix {
  Vector row[3];
};

Vector load(const float* from) { return {from[0], from[1], from[2]}; }
Matrix load_matrix(const float* from) { return {load(from), load(from + 3), load(from + 6)}; }

void store(float* to, const Vector& v) { to[0] = v.x, to[1] = v.y, to[2] = v.z; }
void store(float* to, const Matrix& m) {
  for (int i = 0; i < 3; ++i) store(to + 3 * i, m.row[i]);
}

Vector operator+(const Vector& a, const Vector& b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
Vector operator-(const Vector& a, const Vector& b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
Vector operator*(float s, const Vector& v) { return {s * v.x, s * v.y, s * v.z}; }
float dot(const Vector& a, const Vector& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

Vector operator*(const Matrix& m, const Vector& v) {
  return {dot(m.row[0], v), dot(m.row[1], v), dot(m.row[2], v)};
}
Vector transposed_times(const Matrix& m, const Vector& v) {
  return v.x * m.row[0] + (v.y * m.row[1] + v.z * m.row[2]);
}
Matrix operator+(const Matrix& a, const Matrix& b) {
  return {a.row[0] + b.row[0], a.row[1] + b.row[1], a.row[2] + b.row[2]};
}
Matrix operator*(float s, const Matrix& m) { return {s * m.row[0], s * m.row[1], s * m.row[2]}; }
Matrix operator*(const Matrix& a, const Matrix& b) {
  return {transposed_times(b, a.row[0]), transposed_times(b, a.row[1]),
          transposed_times(b, a.row[2])};
}
Matrix transposed(const Matrix& m) {
  return {Vector{m.row[0].x, m.row[1].x, m.row[2].x}, Vector{m.row[0].y, m.row[1].y, m.row[2].y},
          Vector{m.row[0].z, m.row[1].z, m.row[2].z}};
}
Matrix outer(const Vector& a, const Vector& b) { return {a.x * b, a.y * b, a.z * b}; }

// Of `points` 3-vectors: base + dirs betas.
Vector shaped(const float* base, const float* dirs, const float* betas, int64_t shapes) {
  float point[3];
  for (int c = 0; c < 3; ++c) {
    point[c] = base[c];
    for (int64_t s = 0; s < shapes; ++s) point[c] += dirs[c * shapes + s] * betas[s];
  }
  return load(point);
}

void shaped_backward(const float* dirs, const Vector& grad, int64_t shapes, float* grad_betas) {
  for (int64_t s = 0; s < shapes; ++s)
    grad_betas[s] += dirs[s] * grad.x + dirs[shapes + s] * grad.y + dirs[2 * shapes + s] * grad.z;
}

// The joints of one person: rest places, accumulated rotations, posed places, offsets.
struct Skeleton {
  std::vector<Vector> rest, posed, offset;
  std::vector<Matrix> local, turned;
};

Skeleton stand(const NbfBodyVolume& v, const float* rotations, const float* betas) {
  Skeleton s;
  s.rest.resize(v.joints), s.posed.resize(v.joints), s.offset.resize(v.joints);
  s.local.resize(v.joints), s.turned.resize(v.joints);
  for (int64_t j = 0; j < v.joints; ++j) {
    const int64_t p = v.parents[j];
    s.rest[j] = shaped(v.joint_template + 3 * j, v.joint_shapedirs + 3 * v.shapes * j, betas,
                       v.shapes);
    s.local[j] = load_matrix(rotations + 9 * j);
    s.turned[j] = j ? s.turned[p] * s.local[j] : s.local[j];
    s.posed[j] = j ? s.turned[p] * (s.rest[j] - s.rest[p]) + s.posed[p] : s.rest[j];
    s.offset[j] = s.posed[j] - s.turned[j] * s.rest[j];
  }
  return s;
}

struct Gradient {
  std::vector<Matrix> turned;
  std::vector<Vector> offset, posed;
};

// Back along the tree, children before parents.
void stand_backward(
    const NbfBodyVolume& v, const Skeleton& s, Gradient* g, float* grad_rotations,
    float* grad_betas) {
  std::vector<Vector> rest(v.joints);
  for (int64_t j = v.joints - 1; j >= 0; --j) {
    g->posed[j] = g->posed[j] + g->offset[j];
    g->turned[j] = g->turned[j] + -1.f * outer(g->offset[j], s.rest[j]);
    rest[j] = rest[j] - transposed_times(s.turned[j], g->offset[j]);
    if (j == 0) {
      store(grad_rotations, g->turned[0]);
      rest[0] = rest[0] + g->posed[0];
      continue;
    }
    const int64_t p = v.parents[j];
    store(grad_rotations + 9 * j, transposed(s.turned[p]) * g->turned[j]);
    const Vector bone = transposed_times(s.turned[p], g->posed[j]);
    g->turned[p] = g->turned[p] + g->turned[j] * transposed(s.local[j]) +
                   outer(g->posed[j], s.rest[j] - s.rest[p]);
    g->posed[p] = g->posed[p] + g->posed[j];
    rest[j] = rest[j] + bone;
    rest[p] = rest[p] - bone;
  }
  for (int64_t j = 0; j < v.joints; ++j)
    shaped_backward(v.joint_shapedirs + 3 * v.shapes * j, rest[j], v.shapes, grad_betas);
}

void pose_person(
    const NbfBodyVolume& v, const float* rotations, const float* betas, const Vector& transl,
    float* means, float* precisions, float* axes, float* joints) {
  const Skeleton s = stand(v, rotations, betas);
  for (int64_t j = 0; j < v.joints; ++j) store(joints + 3 * j, s.posed[j] + transl);
  for (int64_t k = 0; k < v.kernels; ++k) {
    const Vector rest = shaped(v.means + 3 * k, v.shapedirs + 3 * v.shapes * k, betas, v.shapes);
    const Vector axis = load(v.axis + 3 * k);
    Vector place, normal;
    Matrix precision;
    for (int64_t j = 0; j < v.joints; ++j) {
      const float weight = v.weights[k * v.joints + j];
      if (weight == 0) continue;
      const Vector turned = s.turned[j] * axis;
      place = place + weight * (s.turned[j] * rest + s.offset[j]);
      normal = normal + weight * turned;
      precision = precision + weight * v.along[k] * outer(turned, turned);
    }
    precision.row[0].x += v.isotropic[k];
    precision.row[1].y += v.isotropic[k];
    precision.row[2].z += v.isotropic[k];
    store(means + 3 * k, place + transl);
    store(axes + 3 * k, normal);
    store(precisions + 9 * k, precision);
  }
}

struct PersonGradients {
  const float *means, *precisions, *axes, *joints;
};

void pose_person_backward(
    const NbfBodyVolume& v, const float* rotations, const float* betas, const PersonGradients& from,
    float* grad_rotations, float* grad_betas, float* grad_transl) {
  const Skeleton s = stand(v, rotations, betas);
  Gradient g{std::vector<Matrix>(v.joints), std::vector<Vector>(v.joints),
             std::vector<Vector>(v.joints)};
  std::fill_n(grad_betas, v.shapes, 0.f);
  Vector transl;
  for (int64_t j = 0; j < v.joints; ++j) {
    g.posed[j] = load(from.joints + 3 * j);
    transl = transl + g.posed[j];
  }
  for (int64_t k = 0; k < v.kernels; ++k) {
    const Vector rest = shaped(v.means + 3 * k, v.shapedirs + 3 * v.shapes * k, betas, v.shapes);
    const Vector axis = load(v.axis + 3 * k), mean = load(from.means + 3 * k);
    const Matrix given = load_matrix(from.precisions + 9 * k);
    const Matrix precision = v.along[k] * (given + transposed(given));
    Matrix motion = outer(mean, rest);
    if (from.axes) motion = motion + outer(load(from.axes + 3 * k), axis);
    Vector back;
    for (int64_t j = 0; j < v.joints; ++j) {
      const float weight = v.weights[k * v.joints + j];
      if (weight == 0) continue;
      const Vector turned = s.turned[j] * axis;
      g.turned[j] = g.turned[j] + weight * (motion + outer(precision * turned, axis));
      g.offset[j] = g.offset[j] + weight * mean;
      back = back + weight * transposed_times(s.turned[j], mean);
    }
    transl = transl + mean;
    shaped_backward(v.shapedirs + 3 * v.shapes * k, back, v.shapes, grad_betas);
  }
  stand_backward(v, s, &g, grad_rotations, grad_betas);
  store(grad_transl, transl);
}

}  // namespace

extern "C" void nbf_pose(
    const NbfBodyVolume* volume, int64_t batch, const float* rotations, const float* betas,
    const float* transl, int32_t threads, float* means, float* precisions, float* axes,
    float* joints) {
  const NbfBodyVolume& v = *volume;
  nbf::parallel(batch, threads, [&](int64_t b, int64_t) {
    const int64_t k = b * v.kernels, j = b * v.joints;
    pose_person(v, rotations + 9 * j, betas + b * v.shapes, load(transl + 3 * b), means + 3 * k,
                precisions + 9 * k, axes + 3 * k, joints + 3 * j);
  });
}

extern "C" void nbf_pose_backward(
    const NbfBodyVolume* volume, int64_t batch, const float* rotations, const float* betas,
    int32_t threads, const float* grad_means, const float* grad_precisions, const float* grad_axes,
    const float* grad_joints, float* grad_rotations, float* grad_betas, float* grad_transl) {
  const NbfBodyVolume& v = *volume;
  nbf::parallel(batch, threads, [&](int64_t b, int64_t) {
    const int64_t k = b * v.kernels, j = b * v.joints;
    const PersonGradients from{grad_means + 3 * k, grad_precisions + 9 * k,
                               grad_axes ? grad_axes + 3 * k : nullptr, grad_joints + 3 * j};
    pose_person_backward(v, rotations + 9 * j, betas + b * v.shapes, from, grad_rotations + 9 * j,
                         grad_betas + b * v.shapes, grad_transl + 3 * b);
  });
}
