// Arithmetic of the volume renderer for one ray and one kernel; compiles for host and device.
//
// Everything is a template of the number T: `float` on the device, a vector of several pixels'
// floats on the CPU (volume_lanes.h). The formulas stand in core/render/volume/twin.py.
#pragma once
#include "volume.h"
#include "volume_lanes.h"

namespace nbf {

// --- functions ---

// e^x, relative error 2e-7. On the CPU below -64 as at -64 (2e-28: no product becomes denormal),
// NaN too.
template <class T>
NBF_FN T exponential(T x) {
#ifdef __CUDA_ARCH__
  return exp2f(x * 1.44269504f);  // two instructions; there is nothing denormal to avoid
#else
  x = select(x > -64.f, x, fill(x, -64.f));
  x = select(x < 88.f, x, fill(x, 88.f));
  const T shifted = x * 1.44269504f + 12582912.f;
  const T n = shifted - 12582912.f;
  const T r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  T p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return times_power_of_two((p * r) * r + r + 1.f, shifted);
#endif
}

// 1 - e^-x without cancellation for small x.
template <class T>
NBF_FN T stopped(T x) {
  T p = x * (1.f / 720) - 1.f / 120;
  p = p * x + 1.f / 24;
  p = p * x - 1.f / 6;
  p = p * x + 0.5f;
  const T small = x - x * x * p;
  return select(x < 0.25f, small, 1.f - exponential(-x));
}

// Natural logarithm of a positive number, error 1e-7 (relative, or absolute near 1).
template <class T>
NBF_FN T logarithm(T x) {
  T n;
  const T f = split_exponent(x, &n) - 1.f, z = f * f;
  T p = f * 7.0376836292e-2f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  return n * 0.693359375f + (f + (p * f * z - n * 2.12194440e-4f - z * 0.5f));
}

// Distribution function of the standard normal, absolute error 3e-7. It is flat beyond kFlat.
constexpr float kFlat = 5.65685f;

template <class T>
NBF_FN T normal_below(T x) {
  x = select(x > -kFlat, x, fill(x, -kFlat));
  x = select(x < kFlat, x, fill(x, kFlat));
  const T z = x * x;
  T p = z * 1.055746660e-10f - 2.145990475e-8f;
  p = p * z + 3.254634398e-6f;
  p = p * z + 1.763618782e-4f;
  p = p * z + 4.554209307e-3f;
  p = p * z + 3.661506798e-2f;
  p = p * z + 3.989422545e-1f;
  T q = z * 6.382026949e-5f + 1.869768302e-3f;
  q = q * z + 2.949277530e-2f;
  q = q * z + 2.584459884e-1f;
  q = q * z + 1.f;
  return x * p / q + 0.5f;
}

template <class T>
struct Normal {
  T below;    // distribution function
  T density;  // its derivative
};

// Standard normal distribution, absolute error 1e-7 (Abramowitz & Stegun 26.2.17).
template <class T>
NBF_FN Normal<T> standard_normal(T x) {
  const T t = 1.f / (magnitude(x) * 0.2316419f + 1.f);
  const T density = exponential(x * x * -0.5f) * 0.39894228f;
  T p = t * 1.330274429f - 1.821255978f;
  p = p * t + 1.781477937f;
  p = p * t - 0.356563782f;
  p = p * t + 0.319381530f;
  const T tail = density * (p * t);
  return {select(x < 0.f, tail, 1.f - tail), density};
}

// --- a kernel along a ray ---

// Centre and symmetric precision; S is `float` for one kernel seen by many pixels.
template <class S>
struct Ellipsoid {
  S x, y, z, xx, xy, xz, yy, yz, zz;
};

template <class T>
struct Ray {
  T x, y, z;  // unit direction
};

template <class T>
struct RayGaussian {
  T sharpness, peak, miss;  // a, t*, q
};

template <class S, class T>
NBF_FN RayGaussian<T> ray_gaussian(const Ellipsoid<S>& k, const Ray<T>& d) {
  const T ax = k.xx * d.x + k.xy * d.y + k.xz * d.z;
  const T ay = k.xy * d.x + k.yy * d.y + k.yz * d.z;
  const T az = k.xz * d.x + k.yz * d.y + k.zz * d.z;
  const T sharpness = ax * d.x + ay * d.y + az * d.z;
  const T peak = (ax * k.x + ay * k.y + az * k.z) / sharpness;
  const T x = k.x - peak * d.x, y = k.y - peak * d.y, z = k.z - peak * d.z;
  const T px = k.xx * x + k.xy * y + k.xz * z;
  const T py = k.xy * x + k.yy * y + k.yz * z;
  const T pz = k.xz * x + k.yz * y + k.zz * z;
  return {sharpness, peak, (px * x + py * y + pz * z) * 0.5f};
}

// Gradient of a kernel. `x, y, z` is to be multiplied by the precision once all rays are summed:
// then it is the centre's. The others belong to the precision's entries, xy to both xy and yx.
template <class T>
using EllipsoidGradient = Ellipsoid<T>;

// Back through `ray_gaussian`; q does not change with t* to first order, since t* minimises it.
template <class S, class T>
NBF_FN EllipsoidGradient<T> ray_gaussian_backward(
    const Ellipsoid<S>& k, const Ray<T>& d, T sharpness, T peak, T grad_sharpness, T grad_peak,
    T grad_miss) {
  const T x = k.x - peak * d.x, y = k.y - peak * d.y, z = k.z - peak * d.z;
  const T shift = grad_peak / sharpness, half = grad_miss * 0.5f;
  // grad P = shift (o d' + d o') / 2 + half o o' + grad_sharpness d d' = (o u' + d v') made symmetric
  const T ux = shift * d.x + half * x, uy = shift * d.y + half * y, uz = shift * d.z + half * z;
  const T vx = grad_sharpness * d.x, vy = grad_sharpness * d.y, vz = grad_sharpness * d.z;
  EllipsoidGradient<T> g;
  g.x = shift * d.x + grad_miss * x;
  g.y = shift * d.y + grad_miss * y;
  g.z = shift * d.z + grad_miss * z;
  g.xx = x * ux + d.x * vx;
  g.yy = y * uy + d.y * vy;
  g.zz = z * uz + d.z * vz;
  g.xy = (x * uy + y * ux) * 0.5f + d.x * vy;
  g.xz = (x * uz + z * ux) * 0.5f + d.x * vz;
  g.yz = (y * uz + z * uy) * 0.5f + d.y * vz;
  return g;
}

// The gradient of a kernel from its sums over all rays; none of a kernel that was not drawn, whose
// shape may be anything.
NBF_FN void finish_gradient(
    const Ellipsoid<float>& k, const double* sum, float* grad_mean, float* grad_precision) {
  bool drawn = false;
  for (int i = 0; i < 9; ++i) drawn |= sum[i] != 0;
  grad_mean[0] = drawn ? float(k.xx * sum[0] + k.xy * sum[1] + k.xz * sum[2]) : 0.f;
  grad_mean[1] = drawn ? float(k.xy * sum[0] + k.yy * sum[1] + k.yz * sum[2]) : 0.f;
  grad_mean[2] = drawn ? float(k.xz * sum[0] + k.yz * sum[1] + k.zz * sum[2]) : 0.f;
  grad_precision[0] = float(sum[3]), grad_precision[4] = float(sum[6]);
  grad_precision[8] = float(sum[8]);
  grad_precision[1] = grad_precision[3] = float(sum[4]);
  grad_precision[2] = grad_precision[6] = float(sum[5]);
  grad_precision[5] = grad_precision[7] = float(sum[7]);
}

// Unit ray through the centre of pixel (column, row).
template <class T>
NBF_FN Ray<T> pixel_ray(T column, T row, float focal, float center_x, float center_y) {
  const T x = (column + 0.5f - center_x) / focal, y = (row + 0.5f - center_y) / focal;
  const T length = root(x * x + y * y + 1.f);
  return {x / length, y / length, 1.f / length};
}

// --- where a kernel can be seen ---

struct Bounds {
  int32_t x0, x1, y0, y1;  // pixels [x0, x1) x [y0, y1)
};

// Columns or rows [first, last) whose centres lie in [low, high], as far as there are any.
NBF_FN void pixel_range(double low, double high, int32_t size, int32_t* first, int32_t* last) {
  const double from = std::ceil(low - 0.5), to = std::floor(high - 0.5) + 1;
  *first = int32_t(from < 0 ? 0 : from > size ? size : from);
  *last = int32_t(to < 0 ? 0 : to > size ? size : to);
}

// Screen bounds of the ellipsoid q <= reach; false for a kernel that is not wholly in front of the
// camera, is not finite, or has a precision that is not positive definite: it is not drawn.
NBF_FN bool screen_bounds(
    const Ellipsoid<float>& k, double focal, double center_x, double center_y, int32_t width,
    int32_t height, double reach, Bounds* out) {
  const double xx = k.xx, xy = k.xy, xz = k.xz, yy = k.yy, yz = k.yz, zz = k.zz;
  const double minor = xx * yy - xy * xy;
  const double cx = yy * zz - yz * yz, cy = xz * yz - xy * zz, cz = xy * yz - xz * yy;
  const double det = xx * cx + xy * cy + xz * cz;
  if (!(xx > 0 && minor > 0 && det > 0 && k.z > 0)) return false;
  const double scale = 2 * reach / det, mx = k.x, my = k.y, mz = k.z;
  const double czz = scale * minor - mz * mz;
  if (!(czz < 0)) return false;
  const double ux = (scale * cz - mx * mz) / czz;
  const double uy = (scale * (xy * xz - xx * yz) - my * mz) / czz;
  const double sx = ux * ux - (scale * cx - mx * mx) / czz;
  const double sy = uy * uy - (scale * (xx * zz - xz * xz) - my * my) / czz;
  const double rx = std::sqrt(sx > 0 ? sx : 0), ry = std::sqrt(sy > 0 ? sy : 0);
  if (!(std::fabs(ux) + rx < 1e30 && std::fabs(uy) + ry < 1e30)) return false;
  pixel_range(focal * (ux - rx) + center_x, focal * (ux + rx) + center_x, width, &out->x0, &out->x1);
  pixel_range(focal * (uy - ry) + center_y, focal * (uy + ry) + center_y, height, &out->y0, &out->y1);
  return out->x0 < out->x1 && out->y0 < out->y1;
}

// --- how kernels hide each other ---

// Gauss-Hermite points (standard deviations from the peak) and weights of each form.
struct OcclusionForm {
  int32_t points;
  float place[3], weight[3];
  bool exact_opacity;  // weights are scaled to add up to 1 - exp(-sum e)
};

NBF_FN OcclusionForm occlusion_form(int32_t form) {
  const float far = 1.7320508f;
  if (form == 0) return {1, {0, 0, 0}, {1, 0, 0}, false};                           // voge
  if (form == 1) return {2, {-1, 1, 0}, {0.5f, 0.5f, 0}, true};                     // gauss2
  return {3, {-far, 0, far}, {1.f / 6, 2.f / 3, 1.f / 6}, true};                    // gauss3
}

// --- the likelihood of a pixel (core/fit/likelihood.py) ---

struct LikelihoodForm {
  float scale;                    // temper times half the dimensions
  float foreground, background;   // 1 / variance of either
  float log_ratio;                // of the variances, background over foreground
  float cap;                      // of the squared distance to the background
  float visible, most_opaque;     // opacity is cut off there
};

NBF_FN LikelihoodForm likelihood_form(const NbfLikelihood& l) {
  LikelihoodForm form;
  form.scale = 0.5f * l.temper * float(l.dim);
  form.foreground = 1 / l.variance_foreground;
  form.background = 1 / l.variance_background;
  form.log_ratio = std::log(l.variance_background / l.variance_foreground);
  form.cap = l.background_cap;
  form.visible = l.use_occlusion ? l.visible : 1.f;
  form.most_opaque = l.use_occlusion ? 1 - 1e-6f : 1 - 1e-4f;
  return form;
}

template <class T>
struct Evidence {
  T log_likelihood, by_misfit, by_opacity;  // and its derivatives
};

// `misfit` and `misfit_background`: squared distances of the feature to the rendered mean and to the
// background. What is not a number stays so.
template <class T>
NBF_FN Evidence<T> pixel_evidence(
    const LikelihoodForm& form, T opacity, T misfit, T misfit_background) {
  const T distant = misfit_background * form.background;
  const T capped = select(distant > form.cap, fill(distant, form.cap), distant);
  const T ratio = (capped - misfit * form.foreground + form.log_ratio) * form.scale;
  const T most = fill(opacity, form.most_opaque);
  const T meets = select(opacity < most, opacity, most) * form.visible;
  const T passes = logarithm(1.f - meets), hits = logarithm(meets + 1e-9f) + ratio;
  const T larger = select(hits > passes, hits, passes);
  const T smaller = select(hits > passes, passes, hits);
  const T odds = exponential(smaller - larger);
  const T shown = select(hits > passes, fill(odds, 1), odds) / (odds + 1.f);
  const T by_meets = shown / (meets + 1e-9f) - (1.f - shown) / (1.f - meets);
  Evidence<T> out;
  out.log_likelihood = larger + logarithm(odds + 1.f) + (ratio - ratio);
  out.by_misfit = shown * (-form.scale * form.foreground);
  out.by_opacity = select(opacity <= most, by_meets * form.visible, fill(opacity, 0));
  return out;
}

}  // namespace nbf
